import { ITER_FOLIOQ, ITER_XARRAY } from '../../iter/iter-type.ts'
import type { Dictionary } from '../dictionary.ts'
import { NameTable } from '../dictionary.ts'
import type { ImportReport } from '../import/import-report.ts'
import { BATCH_SEGMENTS_MAX, MM_MAX } from '../limits.ts'
import { BATCH_ROWS_MAX, EVENT_FORK, NONE, OpBatch } from '../op-batch.ts'
import { TraceError } from '../trace-error.ts'
import type { TraceHeader, TraceLayout, TraceReader } from '../trace-reader.ts'
import { copyRow } from './copy-row.ts'
import { withoutTotals } from './whole-trace.ts'

/** One of the traces that are merged. */
export interface MergeInput {
  readonly trace: TraceReader
  /** Added to its times, ns. */
  readonly shiftNs: number
}

/** How traces are merged. */
export interface MergeOptions {
  /** Address spaces, ids and files of different traces are different ones, whatever their names: of several machines. */
  readonly apart: boolean
}

/**
 * Several traces as one, sorted by time; of equal times that of the earlier trace comes first. The header is the first one's,
 * without what the others contradict. Throws a TraceError where names or address spaces run out.
 */
export function mergeTraces(inputs: readonly MergeInput[], options: MergeOptions): TraceReader {
  return new MergedReader(inputs, options)
}

class MergedReader implements TraceReader {
  readonly header: TraceHeader
  readonly files = new NameTable()
  readonly calls = new NameTable()
  readonly ids = new NameTable()
  readonly consumers = new NameTable()
  readonly stacks = new NameTable()
  readonly imported: ImportReport | null = null
  private readonly inputs: readonly MergeInput[]
  private readonly options: MergeOptions

  constructor(inputs: readonly MergeInput[], options: MergeOptions) {
    this.inputs = inputs
    this.options = options
    this.header = mergedHeader(inputs.map(({ trace }) => trace.header))
  }

  get layout(): TraceLayout {
    const layouts = this.inputs.map(({ trace }) => trace.layout)
    return layouts.reduce((least, layout) => (layout.level < least.level ? layout : least))
  }

  get bytesRead(): number {
    return this.inputs.reduce((sum, { trace }) => sum + trace.bytesRead, 0)
  }

  async *batches(): AsyncGenerator<OpBatch> {
    const out = new OpBatch()
    const sources = this.inputs.map((input, number) => new Source(input, number, this, this.options.apart))
    try {
      for (const source of sources) await source.start()
      for (let source = earliest(sources); source !== null; source = earliest(sources)) {
        source.copyTo(out)
        await source.step()
        if (out.length < BATCH_ROWS_MAX && out.segments.length < BATCH_SEGMENTS_MAX) continue
        yield out
        out.reset(out.firstRow + out.length)
      }
      if (out.length > 0) yield out
    } finally {
      for (const source of sources) await source.close()
    }
  }
}

/** The source with the earliest row; null when all are at their end. */
function earliest(sources: readonly Source[]): Source | null {
  let first: Source | null = null
  for (const source of sources) {
    if (source.isEnded) continue
    if (first === null || source.tsNs < first.tsNs) first = source
  }
  return first
}

/** One trace, at one of its rows. */
class Source {
  isEnded = false
  private readonly input: MergeInput
  private readonly number: number
  private readonly apart: boolean
  private readonly batches: AsyncIterator<OpBatch>
  private batch = new OpBatch()
  private row = 0
  private readonly files: NameMap
  private readonly calls: NameMap
  private readonly ids: NameMap
  private readonly consumers: NameMap
  private readonly stacks: NameMap

  constructor(input: MergeInput, number: number, into: MergedReader, apart: boolean) {
    const { trace } = input
    this.input = input
    this.number = number
    this.apart = apart
    this.batches = trace.batches()[Symbol.asyncIterator]()
    const prefix = apart ? `${number + 1}:` : ''
    this.files = new NameMap(trace.files, into.files, prefix)
    this.calls = new NameMap(trace.calls, into.calls, '')
    this.ids = new NameMap(trace.ids, into.ids, prefix)
    this.consumers = new NameMap(trace.consumers, into.consumers, '')
    this.stacks = new NameMap(trace.stacks, into.stacks, '')
  }

  get tsNs(): number {
    return this.batch.tsNs[this.row]! + this.input.shiftNs
  }

  async start(): Promise<void> {
    await this.nextBatch()
  }

  async step(): Promise<void> {
    if (++this.row >= this.batch.length) await this.nextBatch()
  }

  async close(): Promise<void> {
    await this.batches.return?.()
  }

  copyTo(out: OpBatch): void {
    const { batch, row, input } = this
    const at = out.length
    const firstSegment = out.segments.length
    copyRow(batch, row, out)
    out.line[at] = NO_LINE
    out.tsNs[at] = this.tsNs
    if (batch.endNs[row]! >= 0) out.endNs[at] = batch.endNs[row]! + input.shiftNs
    out.mm[at] = this.spaceOf(batch.mm[row]!)
    if (batch.event[row] === EVENT_FORK && batch.resultBytes[row]! > 0) {
      out.resultBytes[at] = this.spaceOf(batch.resultBytes[row]!)
    }
    out.id[at] = this.name(this.ids, batch.id[row]!)
    out.call[at] = this.name(this.calls, batch.call[row]!)
    out.file[at] = this.name(this.files, batch.file[row]!)
    out.consumer[at] = this.name(this.consumers, batch.consumer[row]!)
    out.stack[at] = this.name(this.stacks, batch.stack[row]!)
    if (batch.iterType[row] !== ITER_FOLIOQ && batch.iterType[row] !== ITER_XARRAY) return
    for (let i = firstSegment; i < out.segments.length; i++) {
      out.segments.offsetBytes[i] = this.name(this.files, out.segments.offsetBytes[i]!)
    }
  }

  private async nextBatch(): Promise<void> {
    this.row = 0
    for (;;) {
      const next = await this.batches.next()
      if (next.done === true) {
        this.isEnded = true
        return
      }
      if (next.value.length === 0) continue
      this.batch = next.value
      return
    }
  }

  private spaceOf(space: number): number {
    if (!this.apart || this.number === 0) return space
    const apart = space + this.number * SPACES_APART
    if (space < SPACES_APART && apart <= MM_MAX) return apart
    throw this.error(`address space ${space} cannot be kept apart: its number is above ${SPACES_APART - 1}`)
  }

  private name(names: NameMap, id: number): number {
    const mapped = names.of(id)
    if (mapped < NONE) throw this.error('the traces together have more names than one may have')
    return mapped
  }

  private error(problem: string): TraceError {
    const line = this.batch.line[this.row]!
    return new TraceError({ file: this.input.trace.header.name, line, column: 0, problem, hint: '' })
  }
}

/** Pids end at 4,194,304. @kernel include/linux/threads.h: PID_MAX_LIMIT */
const SPACES_APART = 1 << 22
const NO_LINE = 0

/** Name ids of one trace as those of the merged one. */
class NameMap {
  private readonly from: Dictionary
  private readonly to: NameTable
  private readonly prefix: Uint8Array
  private readonly known: number[] = []

  constructor(from: Dictionary, to: NameTable, prefix: string) {
    this.from = from
    this.to = to
    this.prefix = new TextEncoder().encode(prefix)
  }

  /** NONE for NONE; below that when there are too many names, or one is too long. */
  of(id: number): number {
    if (id === NONE) return NONE
    this.known[id] ??= this.intern(id)
    return this.known[id]
  }

  private intern(id: number): number {
    const bytes = Uint8Array.from([...this.prefix, ...this.from.bytes(id)])
    return this.to.intern(bytes, 0, bytes.length)
  }
}

/** The first header, with the attributes that no other one contradicts. */
function mergedHeader(headers: readonly TraceHeader[]): TraceHeader {
  const [first] = headers
  const isShared = (key: string, value: string) => headers.every(({ attributes }) => attributes.get(key) === value)
  const attributes = new Map([...withoutTotals(first!.attributes)].filter(([key, value]) => isShared(key, value)))
  const shared = <T>(of: (header: TraceHeader) => T | null): T | null =>
    headers.every((header) => of(header) === of(first!)) ? of(first!) : null
  return {
    ...first!,
    name: headers.map(({ name }) => name).join(' + '),
    kernel: shared(({ kernel }) => kernel),
    filesystem: shared(({ filesystem }) => filesystem),
    logicalBlockSizeBytes: shared(({ logicalBlockSizeBytes }) => logicalBlockSizeBytes),
    dmaAlignmentBytes: shared(({ dmaAlignmentBytes }) => dmaAlignmentBytes),
    folioOrder: shared(({ folioOrder }) => folioOrder),
    attributes,
  }
}
