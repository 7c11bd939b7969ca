import type { Operation } from '../consumer/operation.ts'
import {
  type Direction,
  ITER_BVEC,
  ITER_DEST,
  ITER_FOLIOQ,
  ITER_IOVEC,
  ITER_KVEC,
  ITER_PIPE,
  ITER_UBUF,
  ITER_XARRAY,
  type IterType,
} from '../iter/iter-type.ts'
import { FLAG_FIXED } from '../iter/row-flags.ts'
import { HOLD_NONE } from '../ledger/hold.ts'
import { KERNEL_MM } from '../memory/address-spaces.ts'
import { END_SYNCHRONOUS, type OpBatch } from '../trace/op-batch.ts'
import { MAX_RW_COUNT, PAGE_SIZE } from '../units.ts'

/** Fills the operation with the columns of an io row, and starts its iterator. `number`: of the operation, from 1. */
export function loadOperation(io: Operation, batch: OpBatch, row: number, number: number): void {
  io.row = batch.firstRow + row
  io.number = number
  io.flags = batch.flags[row]
  io.file = batch.file[row]
  io.registration = batch.id[row]
  io.offsetBytes = batch.offsetBytes[row]
  // The system call takes at most this much; the rest is a short read or write.
  io.lengthBytes = Math.min(batch.lengthBytes[row], MAX_RW_COUNT)
  io.recordedResult = batch.resultBytes[row]
  io.holeOffsetBytes = batch.holeOffsetBytes[row]
  io.holeLengthBytes = batch.holeLengthBytes[row]
  io.hasEnd = batch.endNs[row] !== END_SYNCHRONOUS
  io.undetermined = false
  io.completion = 0
  io.faults.isPageNext = false
  io.scratch = 0
  io.entries = 0
  io.isBounced = false
  io.kept.first = 0
  io.kept.last = 0
  io.borrowed = 0
  startIter(io, batch, row, io.lengthBytes)
}

/** Fills the operation with a `register` or `unregister` row: an iterator over its segments, which a device may write to. */
export function startRegistration(io: Operation, batch: OpBatch, row: number): void {
  const { lengthBytes } = batch.segments
  const first = batch.segmentFirst[row]
  let bytes = 0
  for (let s = first; s < first + batch.segmentCount[row]; s++) bytes += lengthBytes[s]
  io.row = batch.firstRow + row
  io.number = 0
  io.flags = batch.flags[row]
  io.file = batch.file[row]
  io.registration = batch.id[row]
  io.recordedResult = batch.resultBytes[row]
  io.lengthBytes = bytes
  io.entries = 0
  io.faults.isPageNext = false
  io.hold = HOLD_NONE
  startIter(io, batch, row, bytes)
  io.iter.direction = ITER_DEST
}

/**
 * Starts the operation's iterator over the segments of a row, of `countBytes` bytes. The pages of a file are taken as
 * present in the page cache.
 */
export function startIter(io: Operation, batch: OpBatch, row: number, countBytes: number): void {
  const { iter, memory } = io
  const type = batch.iterType[row] as IterType
  const direction = batch.direction[row] as Direction
  const first = batch.segmentFirst[row]
  const segments = batch.segmentCount[row]
  const { addressBytes, offsetBytes } = batch.segments
  if (type === ITER_FOLIOQ) {
    queueFiles(io, batch, first, segments, countBytes)
    iter.resetFolioq(direction, io.queue, 0, segments === 0 ? 0 : addressBytes[first] % PAGE_SIZE, countBytes)
    // A folio queue has no segments: this one is told where an extraction began.
    iter.segment = first
    return
  }
  if (type === ITER_XARRAY && segments > 0) {
    memory.cache.populate(offsetBytes[first], addressBytes, first, countBytes)
  }
  const isFixed = (batch.flags[row] & FLAG_FIXED) !== 0 && isAddressed(type)
  iter.reset(isFixed ? ITER_BVEC : type, direction, batch.segments, first, segments, countBytes)
  iter.mm = type === ITER_KVEC ? KERNEL_MM : batch.mm[row]
  iter.fixed = isFixed
  if (type === ITER_PIPE) iter.resetPipe(io.emptyPipe(), countBytes)
}

/** Its segments are addresses: what may lie in a registered buffer. @kernel io_uring/rsrc.c: io_import_fixed */
function isAddressed(type: IterType): boolean {
  return type === ITER_UBUF || type === ITER_IOVEC || type === ITER_KVEC
}

/** Fills the operation's queue with the folios of its segments, as far as `countBytes` go. */
function queueFiles(io: Operation, batch: OpBatch, first: number, segments: number, countBytes: number): void {
  const { lengthBytes } = batch.segments
  io.queue.clearAll()
  let left = countBytes
  for (let s = first; s < first + segments && left > 0; s++) {
    const bytes = Math.min(lengthBytes[s], left)
    queueFile(io, batch, s, bytes)
    left -= bytes
  }
}

/** Appends the folios of a range of a file to the operation's queue. */
function queueFile(io: Operation, batch: OpBatch, segment: number, bytes: number): void {
  const { addressBytes, offsetBytes } = batch.segments
  const { cache, pages } = io.memory
  const file = offsetBytes[segment]
  cache.populate(file, addressBytes, segment, bytes)
  const end = Math.ceil((addressBytes[segment] + bytes) / PAGE_SIZE)
  for (let index = Math.floor(addressBytes[segment] / PAGE_SIZE); index < end; ) {
    const page = cache.find(file, index)
    const head = pages.headOf(page)
    io.queue.append(head, pages.orderOf(head))
    index += 2 ** pages.orderOf(head) - (page - head)
  }
}
