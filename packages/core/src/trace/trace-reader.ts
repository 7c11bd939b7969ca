import type { Dictionary } from './dictionary.ts'
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

/** An open trace. `batches()` yields the same {@link OpBatch} object again and again, refilled. */
export interface TraceReader {
  readonly header: TraceHeader
  /** The strings behind the name ids of a batch. They grow while reading. */
  readonly files: Dictionary
  readonly calls: Dictionary
  readonly ids: Dictionary
  readonly consumers: Dictionary
  /** Bytes of (decompressed) text consumed so far. */
  readonly bytesRead: number
  /** Throws a TraceError at the first bad row. */
  batches(): AsyncIterable<OpBatch>
}
