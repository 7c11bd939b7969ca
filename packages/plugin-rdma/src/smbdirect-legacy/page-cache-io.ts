import { ENOMEM, HOLD_NONE, type Hold, type Operation, PAGE_SIZE, POINTER_BYTES } from '@pinscope/core'
import { PAGE_POINTERS } from '../cifs/counters.ts'
import type { Mount } from '../cifs/mount.ts'
import { Pieces } from '../payload/pieces.ts'
import { allocatesObject } from './objects.ts'
import { addListed, joins } from './page-array.ts'
import type { Smb2Requests } from './smb2-requests.ts'

const PAGES_MAX = 0x7fffffff

/**
 * Writeback and readahead: whatever the page cache has its pages in, a request gets them one by one into an array that was
 * allocated beforehand, as many whole pages as wsize or rsize has. Every page has a reference until the answer: looking up
 * dirty pages takes one, and readahead hands over its own.
 *
 * An array has an offset in its first page and an end in its last: where the pages do not follow each other like that, the
 * next request begins. (Writeback goes on behind a request that could not be sent; here the operation ends.)
 * @kernel fs/smb/client/file.c: cifs_writepages, wdata_alloc_and_fillpages (find_get_pages_range_tag), cifs_readahead,
 *   cifs_writev_complete, cifs_readv_complete (6.1)
 */
export class PageCacheIo {
  private readonly requests: Smb2Requests
  private readonly mount: Mount
  private readonly counts: Float64Array
  private readonly array = new Pieces()
  private hold: Hold = HOLD_NONE

  constructor(requests: Smb2Requests, mount: Mount, counts: Float64Array) {
    this.requests = requests
    this.mount = mount
    this.counts = counts
  }

  /** Sends all of the iterator: the bytes of the requests up to the first that fails, or its -errno. */
  transfer(io: Operation, isRead: boolean): number {
    const bytesMax = isRead ? this.mount.rsize : this.mount.wsize
    const pagesMax = Math.max(Math.floor(bytesMax / PAGE_SIZE), 1)
    let done = 0
    while (io.iter.countBytes > 0) {
      const bytes = this.request(io, isRead, pagesMax)
      if (bytes <= 0) return done > 0 ? done : bytes
      done += bytes
    }
    return done
  }

  private request(io: Operation, isRead: boolean, pagesMax: number): number {
    const { array, requests, counts } = this
    const pagesLeft = io.iter.npages(PAGES_MAX)
    const pointers = pagesLeft < pagesMax ? pagesLeft : pagesMax
    if (!io.allocate(POINTER_BYTES * pointers)) return ENOMEM
    const error = allocatesObject(io) ? this.find(io, pointers) : ENOMEM
    if (error < 0 || array.length === 0) {
      io.free(POINTER_BYTES * pointers)
      return error
    }
    io.built(array.length, POINTER_BYTES)
    counts[PAGE_POINTERS] += array.length
    const { hold } = this
    const { bytes } = array
    const sent = requests.send(io, requests.table.take(pointers, bytes), array, isRead)
    if (sent < 0) {
      io.ledger.letGo(hold)
      return sent
    }
    io.keep(hold)
    requests.countInPlace(io, isRead, bytes)
    return bytes
  }

  /** The next pages, at most `pagesMax`, in the array: 0, or -errno when even the first cannot be had. */
  private find(io: Operation, pagesMax: number): number {
    const { array } = this
    this.hold = HOLD_NONE
    array.clear()
    while (array.length < pagesMax && io.iter.countBytes > 0 && joins(io.iter, array)) {
      const bytes = io.extract(pagesMax - array.length, io.iter.countBytes)
      if (bytes <= 0) return array.length > 0 ? 0 : bytes
      this.hold = io.ledger.join(this.hold, io.hold)
      addListed(io, array)
    }
    return 0
  }
}
