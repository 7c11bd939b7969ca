import type { Dictionary } from '../../trace/dictionary.ts'
import type { OpBatch } from '../../trace/op-batch.ts'
import type { TraceReader } from '../../trace/trace-reader.ts'
import { independentRows } from './part-rows.ts'

/** What stands above the part in every file that is cut: `map` rows, which every part needs. */
export interface PartHead {
  /** The `map` rows at the beginning of the trace, all of memory without a history. */
  readonly mapRows: number
  /** Rows, and lines, that a reader of a later part comes by before those of the part. The rows that are no `map` rows belong to the first part. */
  readonly rows: number
  readonly lines: number
}

/**
 * A part of a trace: a reader of its bytes behind those of the head. It leaves out what is the first part's, and looks at
 * every row whether it depends on others.
 */
export class PartReader implements TraceReader {
  /** Number and line of the last row, as the reader counts them; 0 before the first. */
  lastRow = 0
  lastLine = 0
  /** Times of the first and the last row of the part, ns; NaN before them. */
  firstNs = Number.NaN
  lastNs = Number.NaN
  private readonly trace: TraceReader
  private readonly head: PartHead
  private readonly isFirst: boolean
  /** Called once, at the first row that may depend on others; null from then on. */
  private onDependent: (() => void) | null

  /** `isFirst`: rows of the head are rows of this part. */
  constructor(trace: TraceReader, head: PartHead, isFirst: boolean, onDependent: () => void) {
    this.trace = trace
    this.head = head
    this.isFirst = isFirst
    this.onDependent = onDependent
  }

  async *batches(): AsyncGenerator<OpBatch> {
    for await (const batch of this.trace.batches()) {
      const { length, firstRow } = batch
      if (length === 0) continue
      const inHead = this.isFirst ? 0 : Math.min(Math.max(this.head.rows - firstRow + 1, 0), length)
      const maps = Math.min(Math.max(this.head.mapRows - firstRow + 1, 0), length)
      if (inHead > maps) {
        // Rows of the first part stand between the map rows and the part's own.
        if (inHead < length) this.dependent()
        batch.length = maps
      }
      if (inHead < length) this.note(batch, inHead, length)
      if (this.onDependent !== null && independentRows(batch, maps) < batch.length) this.dependent()
      if (batch.length > 0) yield batch
      batch.length = length
    }
  }

  get header(): TraceReader['header'] {
    return this.trace.header
  }
  get files(): Dictionary {
    return this.trace.files
  }
  get calls(): Dictionary {
    return this.trace.calls
  }
  get ids(): Dictionary {
    return this.trace.ids
  }
  get consumers(): Dictionary {
    return this.trace.consumers
  }
  get stacks(): Dictionary {
    return this.trace.stacks
  }
  get layout(): TraceReader['layout'] {
    return this.trace.layout
  }
  get imported(): TraceReader['imported'] {
    return this.trace.imported
  }
  get bytesRead(): number {
    return this.trace.bytesRead
  }

  private note(batch: OpBatch, from: number, length: number): void {
    if (Number.isNaN(this.firstNs)) this.firstNs = batch.tsNs[from]
    this.lastNs = batch.tsNs[length - 1]
    this.lastRow = batch.firstRow + length - 1
    this.lastLine = batch.line[length - 1]
  }

  private dependent(): void {
    const tell = this.onDependent
    this.onDependent = null
    tell?.()
  }
}
