import { pageBytes } from './slow-memory.ts'
import { revert } from './slow-move.ts'
import { pipeFill, pipeLink } from './slow-pipe.ts'
import { INT_MAX, PAGE, type SlowDirection, type SlowIov, type SlowWorld } from './slow-types.ts'
import { walk } from './slow-walk.ts'

/** Against the direction: 6.1 goes on, later kernels warn and copy nothing. */
export function guard(iter: SlowIov, direction: SlowDirection): boolean {
  if (iter.direction === direction) return true
  iter.violations.push('wrong-direction')
  return iter.kernel === '6.1'
}

/** Bytes copied. @kernel lib/iov_iter.c: _copy_to_iter behind copy_to_iter */
export function copyTo(world: SlowWorld, iter: SlowIov, data: Uint8Array): number {
  return guard(iter, 'dest') ? copyToGuarded(world, iter, data) : 0
}

function copyToGuarded(world: SlowWorld, iter: SlowIov, data: Uint8Array): number {
  if (iter.type === 'pipe') return pipeFill(world, iter, data, data.length)
  return walk(world, iter, data.length, { write: true }, (page, offset, progress, len) => {
    pageBytes(world, page).set(data.subarray(progress, progress + len), offset)
    return 0
  })
}

/** `bytes` are the copied ones. On 6.1 a discard iterator gives zeros: the destination is not touched. */
export interface SlowCopied {
  readonly copied: number
  readonly bytes: Uint8Array
}

/** @kernel lib/iov_iter.c: _copy_from_iter behind copy_from_iter */
export function copyFrom(world: SlowWorld, iter: SlowIov, wanted: number): SlowCopied {
  const mayCopy = guard(iter, 'source')
  return mayCopy && wanted <= INT_MAX ? copyFromGuarded(world, iter, wanted) : nothing()
}

function copyFromGuarded(world: SlowWorld, iter: SlowIov, wanted: number): SlowCopied {
  if (iter.type === 'pipe') {
    iter.warnings.push('copy-from-pipe')
    return nothing()
  }
  const to = new Uint8Array(Math.min(wanted, iter.count))
  const copied = walk(world, iter, wanted, { write: false }, (page, offset, progress, len) => {
    to.set(pageBytes(world, page).subarray(offset, offset + len), progress)
    return 0
  })
  return { copied, bytes: to.slice(0, copied) }
}

function nothing(): SlowCopied {
  return { copied: 0, bytes: new Uint8Array() }
}

/** Bytes zeroed. No kernel has a guard here: the memory of a source is overwritten. @kernel iov_iter_zero */
export function zero(world: SlowWorld, iter: SlowIov, bytes: number): number {
  if (iter.direction !== 'dest') iter.violations.push('wrong-direction')
  if (iter.type === 'pipe') return pipeFill(world, iter, null, bytes)
  return walk(world, iter, bytes, { write: true }, (page, offset, _progress, len) => {
    pageBytes(world, page).fill(0, offset, offset + len)
    return 0
  })
}

/** All or nothing: false, and the iterator is where it was. @kernel include/linux/uio.h: copy_to_iter_full */
export function copyToFull(world: SlowWorld, iter: SlowIov, data: Uint8Array): boolean {
  const copied = copyTo(world, iter, data)
  if (copied === data.length) return true
  revert(iter, copied)
  return false
}

/** `bytes` are those that were read, all or not. @kernel include/linux/uio.h: copy_from_iter_full */
export function copyFromFull(world: SlowWorld, iter: SlowIov, wanted: number): { ok: boolean; bytes: Uint8Array } {
  const { copied, bytes } = copyFrom(world, iter, wanted)
  if (copied === wanted) return { ok: true, bytes }
  revert(iter, copied)
  return { ok: false, bytes }
}

/** @kernel lib/iov_iter.c: page_copy_sane, for the head page of a folio */
function isSane(iter: SlowIov, folio: readonly string[], offset: number, bytes: number): boolean {
  if (offset + bytes <= folio.length * PAGE) return true
  iter.warnings.push('page-copy-not-sane')
  return false
}

/** Copies page by page, and stops where a page gives nothing. @kernel the loops of copy_page_{to,from}_iter */
function byPages(start: number, bytes: number, copy: (page: number, offset: number, len: number) => number): number {
  let page = Math.floor(start / PAGE)
  let offset = start % PAGE
  let left = bytes
  for (;;) {
    const done = copy(page, offset, Math.min(left, PAGE - offset))
    left -= done
    if (left === 0 || done === 0) return bytes - left
    offset += done
    if (offset === PAGE) {
      page++
      offset = 0
    }
  }
}

/** `folio` is the pages of a folio, `offset` is into it. @kernel lib/iov_iter.c: copy_page_to_iter */
export function copyPageTo(
  world: SlowWorld,
  iter: SlowIov,
  folio: readonly string[],
  offset: number,
  bytes: number,
): number {
  if (!isSane(iter, folio, offset, bytes)) return 0
  if (!guard(iter, 'dest')) return 0
  if (iter.type === 'pipe') return pipeLink(iter, folio[0]!, offset, bytes)
  return byPages(offset, bytes, (page, at, len) => {
    const data = len === 0 ? new Uint8Array() : pageBytes(world, folio[page]!).slice(at, at + len)
    return copyToGuarded(world, iter, data)
  })
}

/** @kernel lib/iov_iter.c: copy_page_from_iter */
export function copyPageFrom(
  world: SlowWorld,
  iter: SlowIov,
  folio: readonly string[],
  offset: number,
  bytes: number,
): number {
  if (!isSane(iter, folio, offset, bytes)) return 0
  if (!guard(iter, 'source')) return 0
  return byPages(offset, bytes, (page, at, len) => {
    const { copied, bytes: data } = copyFromGuarded(world, iter, len)
    if (copied > 0 && iter.type !== 'discard') pageBytes(world, folio[page]!).set(data, at)
    return copied
  })
}

/**
 * One copy to the whole folio; mainline tries again until nothing comes.
 *
 * @kernel lib/iov_iter.c: copy_page_from_iter_atomic; mainline: copy_folio_from_iter_atomic
 */
export function copyPageFromAtomic(
  world: SlowWorld,
  iter: SlowIov,
  folio: readonly string[],
  offset: number,
  bytes: number,
): number {
  if (!isSane(iter, folio, offset, bytes)) return 0
  if (!guard(iter, 'source')) return 0
  if (iter.type === 'pipe' || iter.type === 'discard') {
    iter.warnings.push('copy-atomic')
    return 0
  }
  let copied = 0
  let done: number
  do {
    done = copyToFolio(world, iter, folio, offset + copied, bytes - copied)
    copied += done
  } while (iter.kernel === 'mainline' && copied !== bytes && done > 0)
  return copied
}

function copyToFolio(world: SlowWorld, iter: SlowIov, folio: readonly string[], offset: number, bytes: number): number {
  const { copied, bytes: data } = copyFromGuarded(world, iter, bytes)
  data.forEach((byte, i) => {
    pageBytes(world, folio[Math.floor((offset + i) / PAGE)]!)[(offset + i) % PAGE] = byte
  })
  return copied
}
