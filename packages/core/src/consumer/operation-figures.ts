import {
  AVOIDED_ALLOCATIONS,
  AVOIDED_COPY_BYTES,
  AVOIDED_ENTRIES,
  COPIED_BYTES,
  ENTRIES_BUILT,
  ENTRIES_BYTES,
  ENTRIES_OPERATION_MAX,
  LIMIT_HITS,
  newFigures,
  ZERO_COPY_BYTES,
} from './figures.ts'

/** What the consumer of a lane tells of its operations, added up for the report. */
export class OperationFigures {
  /** Elements built so far for the operation at work. */
  entries = 0
  readonly figures = newFigures()

  /** Payload reached in place, and the copy that the bounce path would have made. */
  reachedInPlace(bytes: number): void {
    this.figures[ZERO_COPY_BYTES] += bytes
    this.figures[AVOIDED_COPY_BYTES] += bytes
  }

  /** Payload that the CPU copied. */
  copied(bytes: number): void {
    this.figures[COPIED_BYTES] += bytes
  }

  /** Elements and tables of intermediate lists that the two-stage path would have made. */
  avoided(entries: number, allocations: number): void {
    this.figures[AVOIDED_ENTRIES] += entries
    this.figures[AVOIDED_ALLOCATIONS] += allocations
  }

  /**
   * Elements of lists that the consumer built for this operation, and the size of one in bytes; may be called for each
   * list. The lists on the way to the last one count too.
   */
  built(entries: number, entryBytes: number): void {
    this.figures[ENTRIES_BUILT] += entries
    this.figures[ENTRIES_BYTES] += entries * entryBytes
    this.entries += entries
    if (this.entries > this.figures[ENTRIES_OPERATION_MAX]) this.figures[ENTRIES_OPERATION_MAX] = this.entries
  }

  /** One of the consumer's lists was full before the data ended. */
  limitHit(): void {
    this.figures[LIMIT_HITS]++
  }
}
