import {
  ITER_BVEC,
  ITER_DISCARD,
  ITER_FOLIOQ,
  ITER_IOVEC,
  ITER_KVEC,
  ITER_MIXED,
  ITER_PIPE,
  ITER_UBUF,
  ITER_XARRAY,
} from '../iter/iter-type.ts'
import { COLUMN_BACKING, COLUMN_CALL, COLUMN_FILE, COLUMN_ID, COLUMN_LEN, COLUMN_OP, COLUMN_SEGS } from './columns.ts'
import { SEGMENTS_PAGES_MAX, SEGMENTS_VECTOR_MAX } from './limits.ts'
import type { EventName } from './op-batch.ts'

/** What a row of one event must have. Sets are bit masks: of columns by `COLUMN_*`, of iterator types by `ITER_*`. */
export interface EventRule {
  readonly event: EventName
  /** Columns that must not be empty. */
  readonly needs: number
  /** Columns of which at least one must not be empty; 0: no such demand. */
  readonly needsAny: number
  /** Iterator types that make sense; an empty `iter` cell always does. */
  readonly iterators: number
  /** The row names one range of memory: exactly one segment of at least a byte. */
  readonly oneRange: boolean
}

const ID = 1 << COLUMN_ID
const OP = 1 << COLUMN_OP
const SEGS = 1 << COLUMN_SEGS
const BACKING = 1 << COLUMN_BACKING
const FILE = 1 << COLUMN_FILE
const CALL = 1 << COLUMN_CALL
const LEN = 1 << COLUMN_LEN

const RANGE = (1 << ITER_UBUF) | (1 << ITER_KVEC)
const MEMORY = RANGE | (1 << ITER_IOVEC) | (1 << ITER_BVEC)
const PAGES = MEMORY | (1 << ITER_FOLIOQ) | (1 << ITER_XARRAY)
const ANY = PAGES | (1 << ITER_DISCARD) | (1 << ITER_PIPE) | (1 << ITER_MIXED)

function rule(event: EventName, needs: number, needsAny: number, iterators: number, oneRange = false): EventRule {
  return { event, needs, needsAny, iterators, oneRange }
}

/** One rule an event, in the order of the event codes. What an `io` row needs besides depends on its iterator type. */
export const EVENT_RULES: readonly EventRule[] = [
  rule('io', OP, 0, ANY),
  rule('map', SEGS | BACKING, 0, RANGE, true),
  rule('unmap', SEGS, 0, RANGE, true),
  rule('register', ID | SEGS, 0, MEMORY),
  rule('unregister', ID, 0, MEMORY),
  rule('fork', 0, 0, MEMORY),
  rule('free', 0, ID | SEGS, PAGES),
  rule('dirty', 0, SEGS | FILE, PAGES),
  rule('writeback', 0, SEGS | FILE, PAGES),
  rule('writeback_end', 0, SEGS | FILE, PAGES),
  rule('truncate', FILE, 0, PAGES),
  rule('reflink', FILE, 0, PAGES),
  rule('lease', FILE, 0, PAGES),
  rule('unlease', FILE, 0, PAGES),
  rule('mkwrite', 0, SEGS | FILE, PAGES),
  rule('pin', SEGS, 0, PAGES),
  rule('get', SEGS, 0, PAGES),
  rule('unpin', 0, ID | SEGS, PAGES),
  rule('put', 0, ID | SEGS, PAGES),
  rule('unlock', 0, SEGS | FILE, PAGES),
  rule('lock', 0, SEGS | FILE, PAGES),
  rule('store', 0, SEGS | FILE, PAGES),
  rule('load', 0, SEGS | FILE, PAGES),
  rule('dma', OP, SEGS | FILE, PAGES),
  rule('dma_end', ID, 0, PAGES),
  rule('clean', 0, SEGS | FILE, PAGES),
  rule('stable', 0, SEGS | FILE, PAGES),
  rule('invalidate', 0, SEGS | FILE, PAGES),
  rule('reclaim', 0, SEGS | FILE, PAGES),
  rule('migrate', 0, SEGS | FILE, PAGES),
  rule('compare', 0, SEGS | FILE, PAGES),
  rule('dedupe', 0, SEGS | FILE, PAGES),
  rule('alloc', ID, 0, PAGES),
  rule('attach', ID | SEGS, 0, PAGES),
  rule('submit', ID, 0, PAGES),
  rule('complete', ID, 0, PAGES),
  rule('clone', ID, 0, PAGES),
  rule('share', ID, 0, PAGES),
  rule('drop', ID, 0, PAGES),
  rule('merge', ID | SEGS, 0, PAGES),
  rule('slot', ID, SEGS | FILE, PAGES),
  rule('append', ID, SEGS | FILE, PAGES),
  rule('init', ID | OP, 0, ANY),
  rule('extract', ID | LEN, 0, ANY),
  rule('advance', ID | LEN, 0, ANY),
  rule('revert', ID | LEN, 0, ANY),
  rule('consume', ID | LEN, 0, ANY),
  rule('use', ID, 0, PAGES),
  rule('copy', ID | OP, 0, ANY),
  rule('return', ID, 0, PAGES),
  rule('reserve', FILE | LEN, 0, PAGES),
  rule('unreserve', FILE | LEN, 0, PAGES),
  rule('allocate', FILE | LEN, 0, PAGES),
  rule('copy_in', FILE | LEN, 0, PAGES),
  rule('zero', FILE | LEN, 0, PAGES),
  rule('punch', FILE | LEN, 0, PAGES),
  rule('extend', FILE, 0, PAGES),
  rule('write_end', FILE | LEN, 0, PAGES),
  rule('lease_break', FILE, 0, PAGES),
  rule('layout', FILE | LEN, 0, PAGES),
  rule('wait', CALL, 0, PAGES),
  rule('allocation', CALL, 0, PAGES),
  rule('account', LEN, 0, PAGES),
  rule('unaccount', LEN, 0, PAGES),
  rule('lock_file', FILE, 0, PAGES),
  rule('unlock_file', FILE, 0, PAGES),
]

/** Most segments of a row, by iterator type. @kernel include/uapi/linux/uio.h: UIO_MAXIOV */
export const SEGMENTS_MAX: readonly number[] = [
  1, // ubuf
  SEGMENTS_VECTOR_MAX, // iovec
  SEGMENTS_PAGES_MAX, // bvec
  SEGMENTS_VECTOR_MAX, // kvec
  SEGMENTS_PAGES_MAX, // folioq
  1, // xarray: one range of one file
  0, // discard: it has a length only
  0, // pipe: its pages appear as it is filled
  SEGMENTS_PAGES_MAX, // mixed
]
