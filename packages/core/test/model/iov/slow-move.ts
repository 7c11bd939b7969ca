import { hasNext, queueFolioSize, segLenAt } from './slow-memory.ts'
import { pipeAdvance, pipeRevert } from './slow-pipe.ts'
import { FOLIOQ_SLOTS, MAX_RW_COUNT, type SlowIov, SlowViolation } from './slow-types.ts'

/** @kernel lib/iov_iter.c: iov_iter_advance */
export function advance(iter: SlowIov, bytes: number): void {
  const size = Math.min(bytes, iter.count)
  switch (iter.type) {
    case 'ubuf':
    case 'xarray':
      iter.iovOffset += size
      iter.count -= size
      return
    case 'iovec':
    case 'kvec':
    case 'bvec':
      advanceSegs(iter, size)
      return
    case 'folioq':
      advanceFolioq(iter, size)
      return
    case 'pipe':
      pipeAdvance(iter, size)
      return
    case 'discard':
      iter.count -= size
  }
}

/** @kernel lib/iov_iter.c: iov_iter_iovec_advance, iov_iter_bvec_advance */
function advanceSegs(iter: SlowIov, bytes: number): void {
  if (iter.count === 0) return
  iter.count -= bytes
  let size = bytes + iter.iovOffset
  while (iter.nrSegs > 0 && size >= segLenAt(iter, iter.index)) {
    size -= segLenAt(iter, iter.index)
    iter.index++
    iter.nrSegs--
  }
  iter.iovOffset = size
}

/** @kernel lib/iov_iter.c: iov_iter_folioq_advance */
function advanceFolioq(iter: SlowIov, bytes: number): void {
  let { queueSegment, slot } = iter
  if (iter.count === 0) return
  if (slot >= FOLIOQ_SLOTS) {
    queueSegment++
    slot = 0
  }
  let size = bytes + iter.iovOffset
  do {
    const fsize = queueFolioSize(iter, queueSegment, slot)
    if (size < fsize) break
    size -= fsize
    slot++
    if (slot >= FOLIOQ_SLOTS && hasNext(iter, queueSegment)) {
      queueSegment++
      slot = 0
    }
  } while (size > 0)
  iter.count -= bytes
  Object.assign(iter, { iovOffset: size, queueSegment, slot })
}

/**
 * Past the start of what it has: SlowViolation, and the iterator is as it was.
 *
 * @kernel lib/iov_iter.c: iov_iter_revert
 */
export function revert(iter: SlowIov, unroll: number): void {
  if (unroll === 0) return
  if (unroll > MAX_RW_COUNT) {
    iter.warnings.push('revert-too-much')
    return
  }
  if (iter.type === 'pipe') pipeRevert(iter, unroll)
  else if (iter.type !== 'discard') revertOffset(iter, unroll)
  iter.count += unroll
}

function revertOffset(iter: SlowIov, unroll: number): void {
  if (unroll <= iter.iovOffset) {
    iter.iovOffset -= unroll
    return
  }
  if (iter.type === 'ubuf' || iter.type === 'xarray') throw new SlowViolation('revert-past-start')
  if (iter.type === 'folioq') revertFolioq(iter, unroll - iter.iovOffset)
  else revertSegs(iter, unroll - iter.iovOffset)
}

function revertSegs(iter: SlowIov, bytes: number): void {
  let unroll = bytes
  for (let index = iter.index - 1; index >= 0; index--) {
    const len = segLenAt(iter, index)
    if (unroll <= len) {
      iter.nrSegs += iter.index - index
      iter.index = index
      iter.iovOffset = len - unroll
      return
    }
    unroll -= len
  }
  throw new SlowViolation('revert-past-start')
}

/** @kernel lib/iov_iter.c: iov_iter_folioq_revert */
function revertFolioq(iter: SlowIov, bytes: number): void {
  let { queueSegment, slot } = iter
  let unroll = bytes
  for (;;) {
    if (slot === 0) {
      if (queueSegment === 0) throw new SlowViolation('revert-past-start')
      queueSegment--
      slot = FOLIOQ_SLOTS
    }
    slot--
    const fsize = queueFolioSize(iter, queueSegment, slot)
    if (unroll <= fsize) {
      Object.assign(iter, { iovOffset: fsize - unroll, queueSegment, slot })
      return
    }
    unroll -= fsize
  }
}

/** @kernel include/linux/uio.h: iov_iter_truncate */
export function truncate(iter: SlowIov, limit: number): void {
  iter.count = Math.min(iter.count, limit)
}

/** @kernel include/linux/uio.h: iov_iter_reexpand */
export function reexpand(iter: SlowIov, count: number): void {
  iter.count = count
}

/** @kernel include/linux/uio.h: struct iov_iter_state */
export interface SlowState {
  readonly iovOffset: number
  readonly count: number
  readonly nrSegs: number
}

/** @kernel include/linux/uio.h: iov_iter_save_state */
export function saveState({ iovOffset, count, nrSegs }: SlowIov): SlowState {
  return { iovOffset, count, nrSegs }
}

/**
 * False where the kernel warns and does nothing.
 *
 * @kernel lib/iov_iter.c: iov_iter_restore. A kvec (6.1: a ubuf too) warns and is restored.
 */
export function restore(iter: SlowIov, state: SlowState): boolean {
  const { type } = iter
  const isQuiet = type === 'bvec' || type === 'iovec' || (type === 'ubuf' && iter.kernel !== '6.1')
  if (!isQuiet) iter.warnings.push('restore')
  if (!isQuiet && type !== 'kvec' && type !== 'ubuf') return false
  iter.iovOffset = state.iovOffset
  iter.count = state.count
  if (type === 'ubuf') return true
  iter.index -= state.nrSegs - iter.nrSegs
  iter.nrSegs = state.nrSegs
  return true
}
