import { ITER_BVEC, ITER_MIXED, ITER_SOURCE, ITER_TYPE_NAMES } from '../iter/iter-type.ts'
import { KVEC_OFFSET } from '../iter/segment-table.ts'
import { pageOffsetOf, pagesSpanned } from '../units.ts'
import type { Dictionary } from './dictionary.ts'
import type { ImportReport } from './import/import-report.ts'
import { InFlight } from './in-flight.ts'
import { addPins, type PinsSpread } from './layout/pins-of-row.ts'
import { END_NEVER, EVENT_IO, EVENT_NAMES, FLAG_DIRECT, type OpBatch } from './op-batch.ts'
import type { LayoutLevel, TraceReader } from './trace-reader.ts'

/** Least, mean and most of something counted for each operation; zeros when there were none. */
export interface Spread {
  readonly min: number
  readonly mean: number
  readonly max: number
}

/** How many segments have a length from `fromBytes` to `toBytes`, both included. */
export interface SizeBucket {
  readonly fromBytes: number
  readonly toBytes: number
  readonly segments: number
}

/** What a trace holds: a plain object that JSON keeps as it is. Operations are its `io` rows. */
export interface TraceInfo {
  readonly file: string
  readonly format: string
  /** Version of the format. */
  readonly version: number
  /** `# kernel` of the header; null when absent. */
  readonly kernel: string | null
  /** `# filesystem` of the header; null when absent. */
  readonly filesystem: string | null
  readonly logicalBlockSizeBytes: number | null
  readonly dmaAlignmentBytes: number | null
  readonly folioOrder: number | null
  /** Every `# key value` line of the header. */
  readonly attributes: Readonly<Record<string, string>>
  /** Column names in the file's order. */
  readonly columns: readonly string[]
  /** What is known of the buffers: `L3` is the address and length of every segment. */
  readonly layout: LayoutLevel
  /** The policy that laid the buffers out where the trace has no addresses; null where it has them. */
  readonly layoutAssumed: string | null
  /** Pins that pinning every page of every operation takes, as far as addresses are assumed: see {@link PinsSpread}. */
  readonly pins: PinsSpread
  /** What the importer made of a file of another format; null for pinscope's own. */
  readonly imported: ImportReport | null
  /** Rows of any event. */
  readonly rows: number
  readonly operations: number
  /** Rows by event; events that do not occur are left out. */
  readonly events: Readonly<Record<string, number>>
  /** From the first `ts` to the last `ts` or `end`, ns. */
  readonly spanNs: number
  readonly reads: number
  readonly writes: number
  /** Operations with the `direct` flag. */
  readonly directOperations: number
  /** Bytes asked for: the sum of `len`. */
  readonly bytes: { readonly read: number; readonly written: number }
  /** Operations whose result is a -errno. */
  readonly errors: number
  /** Operations whose result is less than their `len`, errors apart. */
  readonly shortOperations: number
  /** Segments of an operation. */
  readonly segments: Spread & { readonly total: number }
  /** Lengths of the segments of operations in powers of two; empty buckets are left out. */
  readonly segmentSizes: readonly SizeBucket[]
  /** Operations by iterator type; types that do not occur are left out. */
  readonly iterators: Readonly<Record<string, number>>
  /** Pages that the segments of `direct` operations touch: one page in two segments counts twice, as its pins would. */
  readonly directPages: number
  /** Most operations in flight at one time. One without completion stays in flight; a synchronous one is, at its `ts`. */
  readonly inFlightMax: number
  /** Operations for which no completion was recorded (`end` is `never`). */
  readonly neverCompleted: number
  /** Rows with `pins_acquired` or `pins_released`: what the kernel counted. */
  readonly groundTruthRows: number
  /** Consumers that the rows name, in order of appearance, at most {@link NAMES_SHOWN_MAX}. */
  readonly consumers: readonly string[]
  /** Distinct names of files. */
  readonly files: number
  /** Calls that the rows name, in order of appearance, at most {@link NAMES_SHOWN_MAX}. */
  readonly calls: readonly string[]
  /** Distinct address spaces among all rows. */
  readonly addressSpaces: number
  /** Bytes of text, after decompression. */
  readonly textBytes: number
}

/** Most names of calls and consumers that are listed: free text may be different in every row. */
export const NAMES_SHOWN_MAX = 256

/** Reads a trace to its end and sums it up. Takes constant memory but for the operations in flight. */
export async function traceInfo(reader: TraceReader): Promise<TraceInfo> {
  const tally = new Tally()
  for await (const batch of reader.batches()) tally.add(batch)
  const { header } = reader
  return {
    file: header.name,
    format: header.format,
    version: header.version,
    kernel: header.kernel,
    filesystem: header.filesystem,
    logicalBlockSizeBytes: header.logicalBlockSizeBytes,
    dmaAlignmentBytes: header.dmaAlignmentBytes,
    folioOrder: header.folioOrder,
    attributes: Object.fromEntries(header.attributes),
    columns: header.columns,
    layout: reader.layout.level,
    layoutAssumed: reader.layout.assumed,
    imported: reader.imported,
    ...tally.result(),
    consumers: names(reader.consumers),
    calls: names(reader.calls),
    files: reader.files.size,
    textBytes: reader.bytesRead,
  }
}

/** Sums over the rows of a trace. */
class Tally {
  private rows = 0
  private reads = 0
  private writes = 0
  private direct = 0
  private bytesRead = 0
  private bytesWritten = 0
  private errors = 0
  private shortOperations = 0
  private segments = 0
  private segmentsMin = Number.POSITIVE_INFINITY
  private segmentsMax = 0
  private directPages = 0
  private readonly pins = { min: 0, expected: 0, max: 0 }
  private neverCompleted = 0
  private groundTruthRows = 0
  private firstNs = 0
  private lastNs = 0
  private readonly events = new Float64Array(EVENT_NAMES.length)
  private readonly iterators = new Float64Array(ITER_TYPE_NAMES.length)
  /** Element 0: empty segments; element `n`: 2^(n-1) to 2^n - 1 bytes. */
  private readonly sizes = new Float64Array(55)
  private readonly spaces = new Set<number>()
  private readonly inFlight = new InFlight()

  add(batch: OpBatch): void {
    for (let row = 0; row < batch.length; row++) {
      this.addRow(batch, row)
      if (batch.event[row] === EVENT_IO) this.addOperation(batch, row)
    }
  }

  private addRow(batch: OpBatch, row: number): void {
    const tsNs = batch.tsNs[row]!
    if (this.rows++ === 0) this.firstNs = tsNs
    this.lastNs = Math.max(this.lastNs, tsNs, batch.endNs[row]!)
    this.events[batch.event[row]!]! += 1
    this.spaces.add(batch.mm[row]!)
    if (batch.pinsAcquired[row]! >= 0 || batch.pinsReleased[row]! >= 0) this.groundTruthRows++
  }

  private addOperation(batch: OpBatch, row: number): void {
    const length = batch.lengthBytes[row]!
    const result = batch.resultBytes[row]!
    const direct = (batch.flags[row]! & FLAG_DIRECT) !== 0
    if (batch.direction[row] === ITER_SOURCE) {
      this.writes++
      this.bytesWritten += length
    } else {
      this.reads++
      this.bytesRead += length
    }
    if (result < 0) this.errors++
    else if (result < length) this.shortOperations++
    if (batch.endNs[row] === END_NEVER) this.neverCompleted++
    if (direct) this.direct++
    this.iterators[batch.iterType[row]!]! += 1
    this.inFlight.start(batch.tsNs[row]!, batch.endNs[row]!)
    this.addSegments(batch, row, direct)
  }

  private addSegments(batch: OpBatch, row: number, direct: boolean): void {
    const { addressBytes, offsetBytes, lengthBytes } = batch.segments
    const count = batch.segmentCount[row]!
    addPins(this.pins, batch, row)
    const isBvec = batch.iterType[row] === ITER_BVEC
    const isMixed = batch.iterType[row] === ITER_MIXED
    this.segments += count
    this.segmentsMin = Math.min(this.segmentsMin, count)
    this.segmentsMax = Math.max(this.segmentsMax, count)
    for (let index = batch.segmentFirst[row]!, end = index + count; index < end; index++) {
      const length = lengthBytes[index]!
      this.sizes[bitsOf(length)]! += 1
      // bv_offset may exceed a page.
      const ofPages = isBvec || (isMixed && offsetBytes[index] !== KVEC_OFFSET)
      const from = ofPages ? offsetBytes[index]! : addressBytes[index]!
      if (direct && length > 0) this.directPages += pagesSpanned(pageOffsetOf(from), length)
    }
  }

  result(): Omit<
    TraceInfo,
    | keyof TraceReader['header']
    | 'file'
    | 'layout'
    | 'layoutAssumed'
    | 'imported'
    | 'consumers'
    | 'calls'
    | 'files'
    | 'textBytes'
  > {
    const operations = this.reads + this.writes
    return {
      rows: this.rows,
      operations,
      events: counted(EVENT_NAMES, this.events),
      spanNs: this.lastNs - this.firstNs,
      reads: this.reads,
      writes: this.writes,
      directOperations: this.direct,
      bytes: { read: this.bytesRead, written: this.bytesWritten },
      errors: this.errors,
      shortOperations: this.shortOperations,
      segments: {
        total: this.segments,
        min: operations === 0 ? 0 : this.segmentsMin,
        mean: operations === 0 ? 0 : this.segments / operations,
        max: this.segmentsMax,
      },
      segmentSizes: buckets(this.sizes),
      iterators: counted(ITER_TYPE_NAMES, this.iterators),
      directPages: this.directPages,
      pins: this.pins,
      inFlightMax: this.inFlight.most,
      neverCompleted: this.neverCompleted,
      groundTruthRows: this.groundTruthRows,
      addressSpaces: this.spaces.size,
    }
  }
}

/** Bits of a length below 2^53: 0 for 0, 13 for 4096. Math.log2 rounds 2^49 - 1 up. */
function bitsOf(length: number): number {
  const high = Math.floor(length / 2 ** 32)
  return high > 0 ? 64 - Math.clz32(high) : 32 - Math.clz32(length)
}

function counted(names: readonly string[], counts: Float64Array): Record<string, number> {
  return Object.fromEntries(names.map((name, code) => [name, counts[code]!] as const).filter(([, count]) => count > 0))
}

function buckets(sizes: Float64Array): SizeBucket[] {
  return Array.from(sizes, (segments, bucket) => ({
    fromBytes: bucket === 0 ? 0 : 2 ** (bucket - 1),
    toBytes: 2 ** bucket - 1,
    segments,
  })).filter(({ segments }) => segments > 0)
}

function names(dictionary: Dictionary): string[] {
  return Array.from({ length: Math.min(dictionary.size, NAMES_SHOWN_MAX) }, (_, id) => dictionary.text(id))
}
