import { pageBytes, pagesFor } from './slow-memory.ts'
import { type SlowPages, slowPages } from './slow-pages.ts'
import {
  EFAULT,
  ENOMEM,
  PAGE,
  type SlowIov,
  type SlowPipeBuf,
  type SlowRing,
  SlowViolation,
  type SlowWorld,
} from './slow-types.ts'

// ITER_PIPE, as lib/iov_iter.c of 6.1 has it.

/** An empty ring. `newPage` stands for alloc_page(). */
export function createRing(ringSize: number, maxUsage: number, newPage: () => string | null): SlowRing {
  const bufs = Array.from({ length: ringSize }, () => null)
  return { bufs, ringSize, maxUsage, head: 0, tail: 0, newPage, got: [], put: [] }
}

export function ringOf(iter: SlowIov): SlowRing {
  if (iter.ring === null) throw new SlowViolation('no-ring')
  return iter.ring
}

/** @kernel include/linux/pipe_fs_i.h: pipe_occupancy */
function occupancy({ head, tail }: SlowRing): number {
  return (head - tail) >>> 0
}

/** @kernel include/linux/pipe_fs_i.h: pipe_full */
export function pipeFull(ring: SlowRing, limit: number): boolean {
  return occupancy(ring) >= limit
}

/** @kernel lib/iov_iter.c: pipe_buf */
function pipeBuf(ring: SlowRing, slot: number): SlowPipeBuf {
  const buf = ring.bufs[(slot & (ring.ringSize - 1)) >>> 0]
  if (buf === null || buf === undefined) throw new SlowViolation('stale-pipe-buffer')
  return buf
}

function push(ring: SlowRing, buf: SlowPipeBuf): void {
  ring.bufs[(ring.head & (ring.ringSize - 1)) >>> 0] = buf
  ring.head = (ring.head + 1) >>> 0
}

function release(ring: SlowRing, slot: number): void {
  ring.put.push(pipeBuf(ring, slot).page)
  ring.bufs[(slot & (ring.ringSize - 1)) >>> 0] = null
}

/** @kernel include/linux/pipe_fs_i.h: pipe_discard_from */
function discardFrom(ring: SlowRing, oldHead: number): void {
  while (ring.head > oldHead) release(ring, --ring.head)
}

/** @kernel lib/iov_iter.c: sanity */
function sanity(iter: SlowIov): boolean {
  const isSane = isAtEnd(iter, ringOf(iter))
  if (!isSane) iter.warnings.push('pipe-sanity')
  return isSane
}

function isAtEnd(iter: SlowIov, ring: SlowRing): boolean {
  if (iter.lastOffset === 0) return iter.head === ring.head
  if (occupancy(ring) === 0) return false
  if (iter.head !== (ring.head - 1) >>> 0) return false
  const buf = pipeBuf(ring, iter.head)
  return buf.offset + buf.len === Math.abs(iter.lastOffset)
}

/** @kernel lib/iov_iter.c: last_offset */
function lastOffset(buf: SlowPipeBuf): number {
  return buf.ops === 'anon' ? buf.len : -(buf.offset + buf.len)
}

/** @kernel lib/iov_iter.c: append_pipe. Null: the ring is full, or there is no memory. */
function append(iter: SlowIov, bytes: number): { page: string; off: number } | null {
  const ring = ringOf(iter)
  const off = iter.lastOffset
  if (off > 0 && off < PAGE) {
    const buf = pipeBuf(ring, ring.head - 1)
    const size = Math.min(bytes, PAGE - off)
    buf.len += size
    iter.lastOffset += size
    iter.count -= size
    return { page: buf.page, off }
  }
  const size = Math.min(bytes, PAGE)
  if (pipeFull(ring, ring.maxUsage)) return null
  const page = ring.newPage()
  if (page === null) return null
  push(ring, { page, offset: 0, len: size, ops: 'anon' })
  iter.head = (ring.head - 1) >>> 0
  iter.lastOffset = size
  iter.count -= size
  return { page, off: 0 }
}

/** @kernel lib/iov_iter.c: copy_pipe_to_iter; pipe_zero where `data` is null */
export function pipeFill(world: SlowWorld, iter: SlowIov, data: Uint8Array | null, wanted: number): number {
  const bytes = Math.min(wanted, iter.count)
  if (bytes === 0 || !sanity(iter)) return 0
  let done = 0
  while (done < bytes) {
    const at = append(iter, bytes - done)
    if (at === null) return done
    const chunk = Math.min(bytes - done, PAGE - at.off)
    const page = pageBytes(world, at.page)
    if (data === null) page.fill(0, at.off, at.off + chunk)
    else page.set(data.subarray(done, done + chunk), at.off)
    done += chunk
  }
  return bytes
}

/** @kernel lib/iov_iter.c: copy_page_to_iter_pipe: no copy, the page goes into the ring with a reference. */
export function pipeLink(iter: SlowIov, page: string, offset: number, wanted: number): number {
  const ring = ringOf(iter)
  const head = ring.head
  const bytes = Math.min(wanted, iter.count)
  if (bytes === 0 || !sanity(iter)) return 0
  if (offset !== 0 && iter.lastOffset === -offset) {
    const buf = pipeBuf(ring, head - 1)
    if (buf.page === page) {
      buf.len += bytes
      iter.lastOffset -= bytes
      iter.count -= bytes
      return bytes
    }
  }
  if (pipeFull(ring, ring.maxUsage)) return 0
  push(ring, { page, offset, len: bytes, ops: 'page-cache' })
  ring.got.push(page)
  iter.lastOffset = -(offset + bytes)
  iter.head = head
  iter.count -= bytes
  return bytes
}

/** @kernel lib/iov_iter.c: pipe_advance */
export function pipeAdvance(iter: SlowIov, bytes: number): void {
  const ring = ringOf(iter)
  let off = iter.lastOffset
  let size = bytes
  if (off === 0 && size === 0) {
    discardFrom(ring, iter.startHead)
    return
  }
  iter.count -= size
  for (;;) {
    const buf = pipeBuf(ring, iter.head)
    if (off !== 0) size += Math.abs(off) - buf.offset
    if (size <= buf.len) {
      buf.len = size
      iter.lastOffset = lastOffset(buf)
      break
    }
    size -= buf.len
    iter.head = (iter.head + 1) >>> 0
    off = 0
  }
  discardFrom(ring, iter.head + 1)
}

/** @kernel lib/iov_iter.c: iov_iter_revert, the part for a pipe: it ends at start_head, whatever is left. */
export function pipeRevert(iter: SlowIov, bytes: number): void {
  const ring = ringOf(iter)
  let head = ring.head
  let unroll = bytes
  while (head > iter.startHead) {
    const buf = pipeBuf(ring, --head)
    if (unroll < buf.len) {
      buf.len -= unroll
      iter.lastOffset = lastOffset(buf)
      iter.head = head
      return
    }
    unroll -= buf.len
    release(ring, head)
    ring.head--
  }
  iter.lastOffset = 0
  iter.head = head
}

/** Offset in the last buffer, if there is room in it. @kernel lib/iov_iter.c: pipe_npages */
function partialOffset({ lastOffset: off }: SlowIov): number {
  return off > 0 && off < PAGE ? off : 0
}

function freePages(iter: SlowIov): number {
  const { head, tail, maxUsage } = ringOf(iter)
  const used = (head - tail) | 0
  return Math.max(maxUsage - used, 0) + (partialOffset(iter) > 0 ? 1 : 0)
}

/** @kernel lib/iov_iter.c: iov_iter_npages, the part for a pipe */
export function pipeNpages(iter: SlowIov): number {
  return sanity(iter) ? freePages(iter) : 0
}

/** @kernel lib/iov_iter.c: pipe_get_pages */
export function pipeGetPages(iter: SlowIov, maxsize: number, maxpages: number): SlowPages {
  if (!sanity(iter)) return slowPages(EFAULT, 0)
  const start = partialOffset(iter)
  const free = freePages(iter)
  if (free === 0) return slowPages(EFAULT, start)
  const count = Math.min(pagesFor(maxsize + start), free, maxpages)
  if (count === 0) return slowPages(ENOMEM, start)
  const listed: string[] = []
  let left = maxsize
  while (listed.length < count) {
    const at = append(iter, left)
    if (at === null) break
    listed.push(at.page)
    left -= Math.min(left, PAGE - at.off)
  }
  if (listed.length === 0) return slowPages(EFAULT, start)
  return slowPages(maxsize - left, start, listed, 'ref', listed)
}
