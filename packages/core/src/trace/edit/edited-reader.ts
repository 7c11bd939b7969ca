import type { Dictionary } from '../dictionary.ts'
import type { ImportReport } from '../import/import-report.ts'
import type { OpBatch } from '../op-batch.ts'
import type { TraceHeader, TraceLayout, TraceReader } from '../trace-reader.ts'

/** A trace made of another one: everything is the other's but what an edit puts in its place. */
export class EditedReader implements TraceReader {
  readonly header: TraceHeader
  readonly files: Dictionary
  readonly calls: Dictionary
  readonly ids: Dictionary
  readonly consumers: Dictionary
  readonly stacks: Dictionary
  private readonly from: TraceReader
  private readonly edit: (from: TraceReader) => AsyncIterable<OpBatch>

  constructor(
    from: TraceReader,
    edit: (from: TraceReader) => AsyncIterable<OpBatch>,
    parts: Partial<Pick<TraceReader, 'header' | 'files' | 'ids'>> = {},
  ) {
    this.from = from
    this.edit = edit
    this.header = parts.header ?? from.header
    this.files = parts.files ?? from.files
    this.calls = from.calls
    this.ids = parts.ids ?? from.ids
    this.consumers = from.consumers
    this.stacks = from.stacks
  }

  get layout(): TraceLayout {
    return this.from.layout
  }

  get imported(): ImportReport | null {
    return this.from.imported
  }

  get bytesRead(): number {
    return this.from.bytesRead
  }

  batches(): AsyncIterable<OpBatch> {
    return this.edit(this.from)
  }
}
