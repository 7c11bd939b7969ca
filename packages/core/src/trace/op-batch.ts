import { SegmentTable } from '../iter/segment-table.ts'

/** Rows in one batch. Small enough that a lane's working set stays in cache. */
export const BATCH_ROWS_MAX = 4096

/** Events, in the order of the codes. `io` is the default. */
export const EVENT_NAMES = [
  'io',
  'map',
  'unmap',
  'register',
  'unregister',
  'fork',
  'free',
  'dirty',
  'writeback',
  'writeback_end',
  'truncate',
  'reflink',
  'lease',
  'unlease',
  'mkwrite',
  'pin',
  'get',
  'unpin',
  'put',
  'unlock',
  'lock',
  'store',
  'load',
  'dma',
  'dma_end',
  'clean',
  'stable',
  'invalidate',
  'reclaim',
  'migrate',
  'compare',
  'dedupe',
  'alloc',
  'attach',
  'submit',
  'complete',
  'clone',
  'share',
  'drop',
  'merge',
  'slot',
  'append',
  'init',
  'extract',
  'advance',
  'revert',
  'consume',
  'use',
  'copy',
  'return',
  'reserve',
  'unreserve',
  'allocate',
  'copy_in',
  'zero',
  'punch',
  'extend',
  'write_end',
  'lease_break',
  'layout',
  'wait',
  'allocation',
  'account',
  'unaccount',
  'lock_file',
  'unlock_file',
] as const
/** One of the events. */
export type EventName = (typeof EVENT_NAMES)[number]

export const EVENT_IO = 0
export const EVENT_MAP = 1
export const EVENT_UNMAP = 2
export const EVENT_REGISTER = 3
export const EVENT_UNREGISTER = 4
export const EVENT_FORK = 5
export const EVENT_FREE = 6
export const EVENT_DIRTY = 7
export const EVENT_WRITEBACK_END = 9
export const EVENT_TRUNCATE = 10
export const EVENT_REFLINK = 11
export const EVENT_MKWRITE = 14
export const EVENT_PIN = 15
export const EVENT_GET = 16
export const EVENT_UNPIN = 17
export const EVENT_PUT = 18
export const EVENT_UNLOCK = 19
export const EVENT_LOCK = 20
export const EVENT_STORE = 21
export const EVENT_COMPARE = 30
export const EVENT_DEDUPE = 31
export const EVENT_WAIT = 60
export const EVENT_ALLOCATION = 61

/** Directions as the `op` column has them: index 0 = read (ITER_DEST), 1 = write (ITER_SOURCE). */
export const OP_NAMES = ['read', 'write'] as const
/** Direction of a row whose `op` cell is empty: no io row's. */
export const OP_NONE = 2

/** Backings of a `map` row, in the order of the codes. */
export const BACKING_NAMES = [
  'anon',
  'thp',
  'hugetlb',
  'shmem',
  'file',
  'device',
  'pfn',
  'vmalloc',
  'slab',
  'rodata',
  'p2pdma',
  'fsdax',
  'secretmem',
] as const
/** One of the backings. */
export type BackingName = (typeof BACKING_NAMES)[number]

export * from '../iter/row-flags.ts'

/** `end` of a row that completes at its own `ts` (the cell is empty). */
export const END_SYNCHRONOUS = -1
/** `end` of a row for which no completion was recorded (`never`). */
export const END_NEVER = -2
/** A name id or an integer that the row leaves empty. */
export const NONE = -1

/** Columns of {@link OpBatch} by name, {@link BATCH_ROWS_MAX} elements each. */
export type PlacedColumns = {
  -readonly [Name in keyof OpBatch as OpBatch[Name] extends ArrayBufferView ? Name : never]?: OpBatch[Name]
}

/**
 * Rows of a trace as columns, filled in place and reused from batch to batch. One row is one line of the trace.
 * Float64 columns hold exact integers below 2^53, or NaN where the cell is empty (`resultBytes`) and -1 where a
 * position or a length is (`offsetBytes`, `lengthBytes`).
 */
export class OpBatch {
  /** Rows in use. */
  length = 0
  /** Number of the first row in its file, from 1: header lines are not rows. */
  firstRow = 1
  /**
   * The columns that the trace has, a bit for each `COLUMN_*` code (columns.ts): every other one holds its default in every
   * row. All, where the reader does not know.
   */
  columns = -1

  /** Line of the row in its file, from 1. */
  readonly line = new Float64Array(BATCH_ROWS_MAX)
  /** Submission, ns since the trace began. */
  readonly tsNs = new Float64Array(BATCH_ROWS_MAX)
  /** Completion, ns; {@link END_SYNCHRONOUS} or {@link END_NEVER}. */
  readonly endNs = new Float64Array(BATCH_ROWS_MAX)
  /** Index into {@link EVENT_NAMES}. */
  readonly event = new Uint8Array(BATCH_ROWS_MAX)
  /** Index into {@link OP_NAMES}: also the direction of the iterator; {@link OP_NONE} where the cell is empty. */
  readonly direction = new Uint8Array(BATCH_ROWS_MAX)
  /** `ITER_*` type code. */
  readonly iterType = new Uint8Array(BATCH_ROWS_MAX)
  /** Address space (pid), 0 when empty. */
  readonly mm = new Int32Array(BATCH_ROWS_MAX)
  /** Index into {@link BACKING_NAMES}; 0 (anon) when empty. */
  readonly backing = new Uint8Array(BATCH_ROWS_MAX)
  /** `order=N` of the flags; -1 when absent. */
  readonly order = new Int8Array(BATCH_ROWS_MAX)
  /** Bits of FLAG_NAMES (iter/row-flags.ts). */
  readonly flags = new Int32Array(BATCH_ROWS_MAX)
  /** `hole=OFFSET+LENGTH` of the flags, bytes from the operation's start; length -1 when absent. */
  readonly holeOffsetBytes = new Float64Array(BATCH_ROWS_MAX)
  readonly holeLengthBytes = new Float64Array(BATCH_ROWS_MAX)
  /** Position in the file, bytes; -1 when empty. */
  readonly offsetBytes = new Float64Array(BATCH_ROWS_MAX)
  /** The `len` cell, bytes; the sum of the segments when empty. */
  readonly lengthBytes = new Float64Array(BATCH_ROWS_MAX)
  /** The `result` cell: bytes, or -errno; NaN when empty. */
  readonly resultBytes = new Float64Array(BATCH_ROWS_MAX)
  /** Range of the row's segments in {@link segments}. */
  readonly segmentFirst = new Int32Array(BATCH_ROWS_MAX)
  readonly segmentCount = new Int32Array(BATCH_ROWS_MAX)
  /** Name ids into the reader's dictionaries; -1 when empty. */
  readonly id = new Int32Array(BATCH_ROWS_MAX)
  readonly call = new Int32Array(BATCH_ROWS_MAX)
  readonly file = new Int32Array(BATCH_ROWS_MAX)
  readonly consumer = new Int32Array(BATCH_ROWS_MAX)
  readonly stack = new Int32Array(BATCH_ROWS_MAX)
  /** Ground truth: what the kernel counted for this row; -1 when empty. */
  readonly pinsAcquired = new Int32Array(BATCH_ROWS_MAX)
  readonly pinsReleased = new Int32Array(BATCH_ROWS_MAX)

  readonly segments = new SegmentTable()

  /** `placed`: columns that are to lie in memory of the caller's. */
  constructor(placed: PlacedColumns = {}) {
    Object.assign(this, placed)
  }

  /** Empties the batch; the next row is number `firstRow`. */
  reset(firstRow: number): void {
    this.length = 0
    this.firstRow = firstRow
    this.segments.clear()
  }
}
