import { EFAULT, ENOMEM, isUserBacked, type Kernel, type Operation, PAGE_SIZE, POINTER_BYTES } from '@pinscope/core'
import { PAGE_POINTERS } from '../cifs/counters.ts'
import type { Mount } from '../cifs/mount.ts'
import { Pieces } from '../payload/pieces.ts'
import { AioContext } from './aio-context.ts'
import { allocatesObject } from './objects.ts'
import { NO_PAGE } from './page-chains.ts'
import type { Smb2Requests } from './smb2-requests.ts'

/**
 * Uncached I/O that is not direct, as every KVEC is: the data of each request goes through pages that are allocated for it.
 * A write copies into them before it is sent, a read out of them when it was answered.
 *
 * A write of which a page cannot be copied sends what was copied before it. Of pages that cannot be had at all a write is
 * -EFAULT, and a read asks the server for no bytes, and returns 0.
 * @kernel fs/smb/client/file.c: __cifs_writev, cifs_write_from_iter, cifs_write_allocate_pages, wdata_fill_from_iovec,
 *   __cifs_readv, cifs_send_async_read, cifs_read_allocate_pages, cifs_readdata_to_iov (6.1)
 */
export class CopiedIo {
  readonly context: AioContext
  private readonly requests: Smb2Requests
  private readonly mount: Mount
  private readonly counts: Float64Array
  private readonly array = new Pieces()

  constructor(requests: Smb2Requests, mount: Mount, counts: Float64Array, kernel: Kernel) {
    this.requests = requests
    this.mount = mount
    this.counts = counts
    this.context = new AioContext(counts, kernel)
  }

  /** Sends all of the iterator: the bytes of the requests up to the first that fails, or its -errno with nothing left. */
  transfer(io: Operation, isRead: boolean): number {
    const { context, requests } = this
    const { iter } = io
    const wanted = iter.countBytes
    if (!allocatesObject(io)) return ENOMEM
    io.isBounced = true
    const length = context.setup(io)
    if (length < 0) return length
    if (!isRead) iter.revert(wanted - iter.countBytes)
    const done = this.sendAll(io, isRead, length)
    const { table } = requests
    if (io.scratch === 0) {
      context.free(io, context.room)
      io.letGoOfKept()
      return done
    }
    table.bvecs[io.scratch] = context.room
    if (isRead && isUserBacked(iter.type)) table.dirtyPages[io.scratch] = context.bvecs
    return done
  }

  private sendAll(io: Operation, isRead: boolean, length: number): number {
    let left = length
    do {
      const bytes = this.request(io, isRead, left)
      if (bytes < 0) return left < length ? length - left : bytes
      left -= bytes
    } while (left > 0)
    return length
  }

  /** One request of at most `left` bytes: its bytes, or -errno with nothing of it left. */
  private request(io: Operation, isRead: boolean, left: number): number {
    const { requests, array, counts } = this
    const { table } = requests
    const bytesMax = isRead ? this.mount.rsize : this.mount.wsize
    const wanted = left < bytesMax ? left : bytesMax
    const pages = Math.ceil(wanted / PAGE_SIZE)
    array.clear()
    if (pages > 0 && !io.allocate(POINTER_BYTES * pages)) return ENOMEM
    const row = table.take(pages, wanted)
    const hasPages = allocatesObject(io) && this.allocatePages(io, row, pages)
    let bytes = hasPages ? wanted : ENOMEM
    if (hasPages) {
      io.built(pages, POINTER_BYTES)
      counts[PAGE_POINTERS] += pages
      if (!isRead) bytes = this.fill(io, row, wanted)
    }
    if (bytes < 0) {
      table.release(io, row)
      return bytes
    }
    const error = requests.send(io, row, array, isRead)
    return error < 0 ? error : bytes
  }

  private allocatePages(io: Operation, row: number, pages: number): boolean {
    const { array } = this
    const { chains, ownPages } = this.requests.table
    for (let i = 0; i < pages; i++) {
      const page = chains.push(io, ownPages[row])
      if (page === NO_PAGE) return false
      ownPages[row] = page
      // Of a read whole pages are registered, the last one too.
      array.add(page, 0, PAGE_SIZE)
    }
    return true
  }

  /** Copies `wanted` bytes into the pages; those that are not needed are freed. Bytes, or -EFAULT for none. @kernel wdata_fill_from_iovec */
  private fill(io: Operation, row: number, wanted: number): number {
    const { array } = this
    const { chains, ownPages, bytes } = this.requests.table
    const pages = array.length
    let left = wanted
    let used = 0
    let isShort = false
    while (used < pages && !isShort) {
      const part = left < PAGE_SIZE ? left : PAGE_SIZE
      const copied = io.copyPage(array.page[used], 0, part)
      array.lengthBytes[used++] = copied
      left -= copied
      isShort = copied < part
    }
    if (left === wanted) return EFAULT
    for (let i = pages; i > used; i--) ownPages[row] = chains.pop(io, ownPages[row])
    array.length = used
    array.bytes = wanted - left
    bytes[row] = wanted - left
    return wanted - left
  }
}
