import type { OpBatch } from '../op-batch.ts'
import type { TraceLayout, TraceReader } from '../trace-reader.ts'
import { type Attributes, writtenAttributes } from './written-attributes.ts'

/** What a trace is written as: pinscope's own text, JSON Lines, an Arrow IPC file, an Arrow IPC stream. */
export const WRITTEN_FORMATS = ['csv', 'jsonl', 'arrow', 'arrow-stream'] as const
/** One of {@link WRITTEN_FORMATS}. */
export type WrittenFormat = (typeof WRITTEN_FORMATS)[number]

/** Turns batches into bytes: of one trace, in one format. */
export interface TraceEncoder {
  /** Called once, before the first rows. */
  begin(attributes: Attributes): void
  rows(batch: OpBatch): void
  /** Called once, behind the last rows. */
  end(): void
  /** Bytes that are complete; at the end all that are left. */
  take(all: boolean): Uint8Array[]
}

/**
 * Behind the last row: what the trace tells of its buffers is not what was written above the first one. Write it again, with
 * {@link layout}: from what was written, for example.
 */
export class LayoutChangedError extends Error {
  override readonly name = 'LayoutChangedError'
  /** As it should have been said. */
  readonly layout: TraceLayout

  constructor(layout: TraceLayout) {
    super(`the layout of the buffers turned out as ${layout.level} ${layout.assumed ?? ''}`)
    this.layout = layout
  }
}

/** How a trace is written; what is left out is found out. */
export interface WriteOptions {
  /** What is known of the buffers. */
  readonly layout?: TraceLayout | undefined
  /** Called with each batch when it is written: it holds until the call returns. */
  readonly onBatch?: ((batch: OpBatch) => void) | undefined
}

/**
 * The rest of an open trace, written. One batch is in memory at a time, and the names. The layout of the buffers stands above
 * the rows, and of a recording without addresses it is known for sure behind them: it is taken from the first batch, and
 * {@link LayoutChangedError} is thrown behind the last one where that was wrong.
 */
export async function* writeTrace(
  reader: TraceReader,
  format: WrittenFormat,
  { layout, onBatch }: WriteOptions = {},
): AsyncGenerator<Uint8Array> {
  const encoder = await encoderOf(reader, format)
  const batches = reader.batches()[Symbol.asyncIterator]()
  try {
    let next = await batches.next()
    const said = layout ?? reader.layout
    encoder.begin(writtenAttributes(reader.header, said))
    for (; next.done !== true; next = await batches.next()) {
      encoder.rows(next.value)
      onBatch?.(next.value)
      yield* encoder.take(false)
    }
    encoder.end()
    yield* encoder.take(true)
    if (layout === undefined && !isSame(said, reader.layout)) throw new LayoutChangedError(reader.layout)
  } finally {
    await batches.return?.()
  }
}

/** Each loads what it needs: Arrow is no small thing, and most commands write nothing. */
async function encoderOf(reader: TraceReader, format: WrittenFormat): Promise<TraceEncoder> {
  switch (format) {
    case 'csv':
      return new (await import('./csv-encoder.ts')).CsvEncoder(reader)
    case 'jsonl':
      return new (await import('./json-lines-encoder.ts')).JsonLinesEncoder(reader)
    default:
      return new (await import('./arrow-encoder.ts')).ArrowEncoder(reader, format === 'arrow')
  }
}

function isSame(one: TraceLayout, other: TraceLayout): boolean {
  // Without assumed addresses there is no line about them, whatever the level.
  return one.assumed === other.assumed && (one.assumed === null || one.level === other.level)
}
