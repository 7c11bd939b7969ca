import {
  BIO_VEC_BYTES,
  type ConsumerEnvironment,
  EAGAIN,
  ENOMEM,
  FLAG_DIRECT,
  FLAG_HOLE,
  FLAG_NOWAIT,
  grown,
  isHold,
  isSince,
  type Memory,
  type Operation,
  PAGE_OFFSET_MASK,
  PAGE_SIZE,
  type PageStore,
  POINTER_BYTES,
  ZERO_PAGE,
} from '@pinscope/core'
import { FILE_PAGES, FRESH_PAGES, ZERO_PAGES } from './pipe-counters.ts'
import { BUF_CAN_MERGE, OPS_DEFAULT, OPS_PAGE_CACHE, OPS_ZERO } from './pipe-rings.ts'
import type { Pipes } from './pipes.ts'

/**
 * splice(2) of a file into a pipe. Buffered: pages of the page cache are linked, with a reference for each buffer: since
 * 6.5 a buffer is a page, in 6.1 (ITER_PIPE) all of the range that lies in one folio. Direct: pages are allocated, the file
 * is read into them, and those that got data go into the pipe; in 6.1 the I/O has a reference of its own on each while it
 * runs, since 6.5 it gets them as a bvec, with nothing taken. A hole is a page like any other, but on tmpfs: there 6.1
 * zeroes a fresh page, later versions link the zero page and take no reference.
 *
 * @kernel fs/splice.c: splice_file_to_pipe; 6.1: do_splice_to, generic_file_splice_read, lib/iov_iter.c:
 *   copy_page_to_iter_pipe, pipe_get_pages; since 6.5: do_splice_read, copy_splice_read, mm/filemap.c: filemap_splice_read,
 *   splice_folio_into_pipe; mm/shmem.c: shmem_file_splice_read, 6.1: shmem_file_read_iter. 6.18: as 6.12 and 7.3, which are
 *   the same.
 */
export class SpliceRead {
  private readonly pipes: Pipes
  private readonly memory: Memory
  private readonly pages: PageStore
  private readonly hasIterPipe: boolean
  private readonly isTmpfs: boolean
  private readonly keepsFlags: boolean
  /** Pages allocated for the call at work. */
  private fresh = new Int32Array(16)
  /** Position at work in the file, element 0. */
  private readonly position = new Float64Array(1)

  constructor({ kernel, traits, memory, pages, filesystem }: ConsumerEnvironment, pipes: Pipes) {
    this.pipes = pipes
    this.memory = memory
    this.pages = pages
    this.hasIterPipe = !isSince(kernel, '6.12')
    this.isTmpfs = filesystem === 'tmpfs'
    this.keepsFlags = traits.quirks['pipe-stale-flags']
  }

  /** From the range of a file that an XARRAY iterator names: bytes, or an errno with nothing in the pipe. */
  fill(io: Operation, pipe: number): number {
    const { addressBytes } = io.iter.table
    this.position[0] = addressBytes[io.iter.segment] + io.iter.iovOffsetBytes
    const isDirect = (io.flags & FLAG_DIRECT) !== 0
    const bytes = this.bytesThatFit(io, pipe, isDirect ? 0 : this.position[0] & PAGE_OFFSET_MASK)
    if (bytes <= 0) return bytes
    return isDirect ? this.fillDirect(io, pipe, bytes) : this.fillBuffered(io, pipe, bytes)
  }

  /** An iterator that puts what is read into fresh pages of a pipe (6.1). @kernel fs/splice.c: generic_file_splice_read */
  fillIterPipe(io: Operation, pipe: number): number {
    const bytes = this.bytesThatFit(io, pipe, 0)
    return bytes <= 0 ? bytes : this.fillDirect(io, pipe, bytes)
  }

  /** A file has no more data than the result says; else the pipe is filled. @kernel fs/splice.c: do_splice_read (6.1: do_splice_to) */
  private bytesThatFit(io: Operation, pipe: number, startBytes: number): number {
    const { pipes } = this
    const asked = io.iter.countBytes
    const recorded = io.recordedResult
    const isKnown = recorded >= 0
    const wanted = isKnown && recorded < asked ? recorded | 0 : asked
    if (wanted === 0) return 0
    const mayWait = isKnown || (io.flags & FLAG_NOWAIT) === 0
    const pages = Math.ceil((startBytes + wanted) / PAGE_SIZE)
    if (!pipes.makeRoom(io, pipe, pages, isKnown, mayWait)) return EAGAIN
    const room = pipes.rings.free(pipe) * PAGE_SIZE
    return isKnown || wanted < room ? wanted : room
  }

  /** Where the trace says what went in, a reader made the room. */
  private hasRoom(io: Operation, pipe: number): boolean {
    const { pipes } = this
    return !pipes.rings.isFull(pipe) || (io.recordedResult >= 0 && pipes.drainOne(io, pipe))
  }

  // ------------------------------------------------------------------------------------------------ page cache

  private fillBuffered(io: Operation, pipe: number, bytes: number): number {
    const { pipes, position } = this
    const { iter } = io
    const first = pipes.rings.head[pipe]
    let done = 0
    while (done < bytes && this.hasRoom(io, pipe)) {
      const part = this.isHole(io, done)
        ? this.pushHole(io, pipe, bytes - done)
        : this.pushCached(io, pipe, iter.table.offsetBytes[iter.segment], bytes - done)
      if (part <= 0) {
        if (done === 0) return part
        break
      }
      done += part
      position[0] += part
    }
    this.tell(io, pipe, first, done)
    io.iter.advance(done)
    io.reachedInPlace(done)
    return done
  }

  /** A reference on the folio for each buffer. Bytes, 0 where the page is not there, or -ENOMEM. @kernel mm/filemap.c: splice_folio_into_pipe */
  private pushCached(io: Operation, pipe: number, file: number, bytesMax: number): number {
    const { pipes, pages, position } = this
    const { rings } = pipes
    const index = Math.floor(position[0] / PAGE_SIZE)
    const offset = position[0] & PAGE_OFFSET_MASK
    const page = this.memory.cache.find(file, index)
    if (page < 0) return 0
    const head = pages.headOf(page)
    const pagesLeft = this.hasIterPipe ? 2 ** pages.orderOf(head) - (page - head) : 1
    const room = pagesLeft * PAGE_SIZE - offset
    const part = bytesMax < room ? bytesMax : room
    const hold = io.referencePage(page)
    if (!isHold(hold)) return hold
    const stale = this.staleFlags(pipe)
    const slot = pipes.lend(io, pipe, OPS_PAGE_CACHE, page, offset, part, hold)
    rings.flags[slot] = stale
    rings.file[slot] = file
    rings.index[slot] = index
    pipes.counts[FILE_PAGES]++
    return part
  }

  /** What the next buffer's slot had. @kernel quirk pipe-stale-flags */
  private staleFlags(pipe: number): number {
    const { rings } = this.pipes
    return this.keepsFlags ? rings.flags[rings.slotOf(pipe, rings.head[pipe])] & BUF_CAN_MERGE : 0
  }

  private isHole({ flags, holeOffsetBytes, holeLengthBytes }: Operation, done: number): boolean {
    if (!this.isTmpfs || (flags & FLAG_HOLE) === 0) return false
    return holeLengthBytes < 0 || (done >= holeOffsetBytes && done < holeOffsetBytes + holeLengthBytes)
  }

  /** To the end of the page. @kernel mm/shmem.c: splice_zeropage_into_pipe; 6.1: lib/iov_iter.c: pipe_zero */
  private pushHole(io: Operation, pipe: number, bytesMax: number): number {
    const { pipes, position } = this
    const offset = position[0] & PAGE_OFFSET_MASK
    const part = bytesMax < PAGE_SIZE - offset ? bytesMax : PAGE_SIZE - offset
    if (!this.hasIterPipe) {
      pipes.push(io, pipe, OPS_ZERO, ZERO_PAGE, offset, part)
      pipes.counts[ZERO_PAGES]++
      return part
    }
    const page = io.owned.alloc()
    if (page < 0) return ENOMEM
    pipes.push(io, pipe, OPS_DEFAULT, page, 0, part)
    pipes.counts[FRESH_PAGES]++
    return part
  }

  // ---------------------------------------------------------------------------------------------- fresh pages

  /** @kernel fs/splice.c: copy_splice_read; 6.1: lib/iov_iter.c: pipe_get_pages */
  private fillDirect(io: Operation, pipe: number, bytes: number): number {
    const wanted = Math.ceil(bytes / PAGE_SIZE)
    const arrayBytes = this.hasIterPipe ? 0 : wanted * (BIO_VEC_BYTES + POINTER_BYTES)
    if (arrayBytes > 0 && !io.allocate(arrayBytes)) return ENOMEM
    const count = this.allocate(io, wanted)
    const read = count === 0 ? ENOMEM : this.pushFresh(io, pipe, count, Math.min(bytes, count * PAGE_SIZE))
    if (arrayBytes > 0) {
      io.built(wanted, BIO_VEC_BYTES)
      io.free(arrayBytes)
    }
    return read
  }

  /** Pages in {@link fresh}, as many as can be had. @kernel mm/page_alloc.c: alloc_pages_bulk */
  private allocate(io: Operation, count: number): number {
    while (this.fresh.length < count) this.fresh = grown(this.fresh, 2 * this.fresh.length)
    let got = 0
    while (got < count) {
      const page = io.owned.alloc()
      if (page < 0) break
      this.fresh[got++] = page
    }
    return got
  }

  private pushFresh(io: Operation, pipe: number, count: number, bytes: number): number {
    const { pipes, fresh } = this
    if (this.hasIterPipe && (io.flags & FLAG_DIRECT) !== 0 && !this.reference(io, count, bytes)) {
      for (let i = 0; i < count; i++) io.owned.put(fresh[i])
      return EAGAIN
    }
    let left = bytes
    for (let i = 0; i < count; i++) {
      if (pipes.rings.isFull(pipe)) pipes.drainOne(io, pipe)
      pipes.push(io, pipe, OPS_DEFAULT, fresh[i], 0, left < PAGE_SIZE ? left : PAGE_SIZE)
      left -= PAGE_SIZE
    }
    pipes.counts[FRESH_PAGES] += count
    if ((io.flags & FLAG_DIRECT) !== 0) io.reachedInPlace(bytes)
    else io.copied(bytes)
    return bytes
  }

  /** What direct I/O takes on the pages of an ITER_PIPE while it runs. @kernel lib/iov_iter.c: pipe_get_pages (6.1) */
  private reference(io: Operation, count: number, bytes: number): boolean {
    const { list } = io
    list.clear()
    for (let i = 0; i < count; i++) list.page[i] = this.fresh[i]
    list.describe(count, 0, bytes)
    const hold = io.reference()
    if (!isHold(hold)) return false
    // The call waits for the I/O: no reader sees a page before.
    io.ledger.letGo(hold)
    io.built(count, POINTER_BYTES)
    return true
  }

  private tell(io: Operation, pipe: number, first: number, bytes: number): void {
    const { rings } = this.pipes
    const count = rings.head[pipe] - first
    // Of more buffers than the ring has the first are gone.
    if (io.observer === null || count === 0 || count > rings.slots) return
    const slots = Array.from({ length: count }, (_, i) => rings.slotOf(pipe, first + i))
    const column = (values: Int32Array) => Int32Array.from(slots, (slot) => values[slot])
    io.observer.listBuilt(
      'pipe buffers',
      bytes,
      count,
      column(rings.page),
      column(rings.offsetBytes),
      column(rings.lengthBytes),
      '',
    )
  }
}
