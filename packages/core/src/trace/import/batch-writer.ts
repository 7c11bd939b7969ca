import { ITER_BVEC, ITER_MIXED } from '../../iter/iter-type.ts'
import { KVEC_OFFSET } from '../../iter/segment-table.ts'
import { PAGE_SIZE } from '../../units.ts'
import {
  COLUMN_BACKING,
  COLUMN_CALL,
  COLUMN_FILE,
  COLUMN_ID,
  COLUMN_LEN,
  COLUMN_NAMES,
  COLUMN_OP,
  COLUMN_SEGS,
  COLUMN_TS,
} from '../columns.ts'
import { SEGMENTS_MAX } from '../event-rules.ts'
import { explain } from '../explain.ts'
import { BVEC_FIELD_MAX, ERRNO_MAX, MM_MAX, PFN_MAX, SEGMENTS_VECTOR_MAX } from '../limits.ts'
import { END_NEVER, NONE, OP_NONE, OpBatch } from '../op-batch.ts'
import { ITER_UNSET, RowRules } from '../row-rules.ts'
import { TraceError } from '../trace-error.ts'
import type { ImportRow } from './import-row.ts'

/** Writes imported rows into a batch, with the rules that hold for every trace. */
export class BatchWriter {
  readonly batch = new OpBatch()
  private readonly file: string
  /** Rows are of records, not of lines. */
  private readonly isBinary: boolean
  private readonly sumBytes = new Float64Array(1)
  private readonly rules = new RowRules(this.batch, this.sumBytes)

  constructor(file: string, isBinary: boolean) {
    this.file = file
    this.isBinary = isBinary
  }

  /** `originNs`: time of the trace's first row. Throws a TraceError for a row that no trace can have. */
  write(row: ImportRow, originNs: number): void {
    const { batch } = this
    const at = batch.length
    batch.line[at] = row.line
    batch.tsNs[at] = row.tsNs - originNs
    batch.endNs[at] = row.hasEnd ? row.endNs - originNs : row.endNs === END_NEVER ? END_NEVER : row.endNs
    batch.event[at] = row.event
    batch.direction[at] = row.direction
    batch.iterType[at] = row.iterType
    batch.mm[at] = row.mm
    batch.backing[at] = row.backing
    batch.order[at] = row.order
    batch.flags[at] = row.flags
    batch.holeOffsetBytes[at] = row.holeOffsetBytes
    batch.holeLengthBytes[at] = row.holeLengthBytes
    batch.offsetBytes[at] = row.offsetBytes
    batch.lengthBytes[at] = row.lengthBytes
    batch.resultBytes[at] = row.resultBytes
    batch.id[at] = row.id
    batch.call[at] = row.call
    batch.file[at] = row.file
    batch.consumer[at] = row.consumer
    batch.stack[at] = row.stack
    batch.pinsAcquired[at] = row.pinsAcquired
    batch.pinsReleased[at] = row.pinsReleased
    this.checkNumbers(row)
    this.writeSegments(row, at)
    const fault = this.rules.finish(at, presentOf(row))
    if (fault < 0) throw this.error(fault, row)
    batch.length = at + 1
  }

  /** A trace is untrusted, and so is what an importer makes of it. */
  private checkNumbers(row: ImportRow): void {
    const { segmentCount, segmentAddress, segmentOffset, segmentLength } = row
    const segmentsMax = row.iterType === ITER_UNSET ? SEGMENTS_VECTOR_MAX : SEGMENTS_MAX[row.iterType]!
    if (segmentCount > segmentsMax) throw this.refuse(row, `more than ${segmentsMax} segments`)
    for (let i = 0; i < segmentCount; i++) {
      if (
        !isCount(segmentAddress[i]!) ||
        !isCount(segmentLength[i]!) ||
        !isCount(segmentAddress[i]! + segmentLength[i]!)
      ) {
        throw this.refuse(row, 'an address or a length above 2^53 - 1')
      }
      // A kernel address among pages.
      if (row.iterType === ITER_MIXED && segmentOffset[i] === KVEC_OFFSET) continue
      const ofPages = row.iterType === ITER_BVEC || row.iterType === ITER_MIXED
      if (ofPages && !isPageRange(segmentAddress[i]!, segmentOffset[i]!, segmentLength[i]!)) {
        throw this.refuse(row, 'a page frame, or an offset into one, that no machine has')
      }
      if (!isCount(segmentOffset[i]!)) throw this.refuse(row, 'an offset above 2^53 - 1')
    }
    if (row.lengthBytes !== NONE && !isCount(row.lengthBytes)) throw this.refuse(row, 'a length above 2^53 - 1')
    if (row.offsetBytes !== NONE && !isCount(row.offsetBytes)) throw this.refuse(row, 'a position above 2^53 - 1')
    if (!Number.isNaN(row.resultBytes) && !(Number.isSafeInteger(row.resultBytes) && row.resultBytes >= -ERRNO_MAX)) {
      throw this.refuse(row, `a result that is neither bytes nor -1 to -${ERRNO_MAX}`)
    }
    if (!isCount(row.mm) || row.mm > MM_MAX) throw this.refuse(row, 'an address space that is no pid')
    if (!Number.isSafeInteger(row.tsNs) || !Number.isSafeInteger(row.endNs))
      throw this.refuse(row, 'a time more than 104 days from the first')
  }

  private refuse(row: ImportRow, what: string): TraceError {
    const problem = `it tells of ${what}, which no trace can have`
    return this.errorAt(row, problem, '')
  }

  private errorAt({ line }: ImportRow, what: string, hint: string): TraceError {
    const problem = this.isBinary ? `record ${line}: ${what}` : what
    return new TraceError({ file: this.file, line: this.isBinary ? 0 : line, column: 0, problem, hint })
  }

  private writeSegments(row: ImportRow, at: number): void {
    const { segments } = this.batch
    this.batch.segmentFirst[at] = segments.length
    this.sumBytes[0] = 0
    for (let i = 0; i < row.segmentCount; i++) {
      segments.push(row.segmentAddress[i]!, row.segmentOffset[i]!, row.segmentLength[i]!)
      this.sumBytes[0]! += row.segmentLength[i]!
    }
  }

  private error(code: number, row: ImportRow): TraceError {
    const column = COLUMN_NAMES[this.rules.faultColumn]!
    const text = (value: unknown) => new TextEncoder().encode(String(value))
    const cell = text(
      { ts: row.tsNs, end: row.endNs, len: row.lengthBytes, offset: row.offsetBytes }[column as string] ?? '',
    )
    const { problem, hint } = explain({
      code,
      column,
      columnInFile: true,
      cell,
      part: cell,
      event: row.event,
      iterType: row.iterType,
      lastTsNs: this.rules.lastTsNs,
      sumBytes: this.sumBytes[0]!,
      cellCount: 0,
      columnCount: 0,
    })
    return this.errorAt(row, `what it tells is no row of a trace: ${problem}`, hint)
  }
}

/** @kernel include/linux/bvec.h: struct bio_vec */
function isPageRange(pfn: number, offset: number, length: number): boolean {
  if (pfn > PFN_MAX || offset > BVEC_FIELD_MAX || length > BVEC_FIELD_MAX) return false
  return offset + length <= (PFN_MAX + 1 - pfn) * PAGE_SIZE
}

/** A whole number from 0 to 2^53 - 1. */
function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

/** Mask of the columns that are not empty, as far as rules ask. */
function presentOf(row: ImportRow): number {
  const bit = (column: number, isThere: boolean) => (isThere ? 1 << column : 0)
  return (
    (1 << COLUMN_TS) |
    bit(COLUMN_ID, row.id !== NONE) |
    bit(COLUMN_OP, row.direction !== OP_NONE) |
    bit(COLUMN_CALL, row.call !== NONE) |
    bit(COLUMN_SEGS, row.segmentCount > 0) |
    bit(COLUMN_BACKING, row.hasBacking) |
    bit(COLUMN_FILE, row.file !== NONE) |
    bit(COLUMN_LEN, row.lengthBytes !== NONE)
  )
}
