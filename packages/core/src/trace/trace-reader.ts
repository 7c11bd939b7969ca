import type { Dictionary } from './dictionary.ts'
import type { ImportReport } from './import/import-report.ts'
import type { OpBatch } from './op-batch.ts'

/** What the first lines of a trace say about the recording. */
export interface TraceHeader {
  readonly version: 1
  /** Name of the format: `pinscope`. */
  readonly format: string
  /** The file as the user named it; `-` for standard input. */
  readonly name: string
  /** `# kernel 6.18.44` → `6.18.44`; null when absent. */
  readonly kernel: string | null
  /** `# filesystem ext4`; null when absent, which is taken as a raw block device. */
  readonly filesystem: string | null
  /** `# logical-block-size 512`, bytes, a power of two; null when absent. */
  readonly logicalBlockSizeBytes: number | null
  /** `# dma-alignment 512`, bytes, a power of two; null when absent. */
  readonly dmaAlignmentBytes: number | null
  /** `# folio-order 4`: order of the folios of the page cache; null when absent: small ones. */
  readonly folioOrder: number | null
  /** Every `# key value` line, in order of appearance. */
  readonly attributes: ReadonlyMap<string, string>
  /** Column names in the file's order. */
  readonly columns: readonly string[]
}

/** What a trace tells of the buffers, from the most to the least; `R`: reference events, which need none. */
export type LayoutLevel = 'L3' | 'L2' | 'L1' | 'L0' | 'R'

/** What a trace tells of the buffers of its operations, and what was assumed where that is not enough. */
export interface TraceLayout {
  /** The least that the operations read so far tell: address and length of every segment (L3), lengths (L2), a number of segments (L1), a number of bytes (L0). */
  readonly level: LayoutLevel
  /** The policy that laid the buffers out, as `--layout` names it; null at L3 and R. */
  readonly assumed: string | null
}

/** An open trace. `batches()` yields the same {@link OpBatch} object again and again, refilled. */
export interface TraceReader {
  readonly header: TraceHeader
  /** The strings behind the name ids of a batch. They grow while reading. */
  readonly files: Dictionary
  readonly calls: Dictionary
  readonly ids: Dictionary
  readonly consumers: Dictionary
  readonly stacks: Dictionary
  /** Of the rows read so far. */
  readonly layout: TraceLayout
  /** Of the rows read so far; null of a trace in pinscope's own format. */
  readonly imported: ImportReport | null
  /** Bytes of (decompressed) text consumed so far. */
  readonly bytesRead: number
  /** Throws a TraceError at the first bad row. */
  batches(): AsyncIterable<OpBatch>
}
