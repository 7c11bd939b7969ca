import {
  EFAULT,
  EINVAL,
  ENOMEM,
  GUARD_LOCK,
  HOLD_NONE,
  type Hold,
  ITER_BVEC,
  ITER_DEST,
  ITER_FOLIOQ,
  ITER_XARRAY,
  isHold,
  isSince,
  iterateAndAdvance,
  type KernelVersion,
  type Ledger,
  type Memory,
  type Operation,
  PAGE_LIST_MAX,
  PAGE_SIZE,
  POINTER_BYTES,
} from '@pinscope/core'
import { LOOKED_UP_PAGES, OSD_REQUESTS } from './ceph-counters.ts'
import type { CephSettings } from './ceph-settings.ts'
import { chunkBytes } from './chunk.ts'
import type { Messenger } from './messenger.ts'
import type { OsdRequests } from './osd-requests.ts'
import type { PagePieces } from './page-pieces.ts'
import type { Replies } from './replies.ts'

/**
 * The page cache's reads and writeback, as they reach the messenger: an object request for each stripe unit.
 *
 * - Reads since 6.12 hand the subrequest's own iterator down. To find a page the messenger takes a reference and puts it at
 *   once: netfs keeps the folios locked. (Encrypted connections walk the data twice, to count and to list.) A KVEC, or user
 *   memory, would be a BUG there; neither arrives, and here they are -EINVAL.
 * - Reads of 6.1 make an array of referenced pages of it: iov_iter_get_pages_alloc2, of an XARRAY.
 * - Writeback has an array of pages under writeback, a reference each from the lookup in the page cache.
 *
 * @kernel fs/ceph/addr.c: ceph_netfs_issue_read, finish_netfs_read, ceph_writepages_start, writepages_finish;
 *   net/ceph/messenger.c: ceph_msg_data_iter_next. 6.18: taken as 6.12, which is as 7.3.
 */
export class PageCacheIo {
  private readonly settings: CephSettings
  private readonly messenger: Messenger
  private readonly requests: OsdRequests
  private readonly pieces: PagePieces
  private readonly replies: Replies
  private readonly ledger: Ledger
  private readonly memory: Memory
  private readonly counts: Float64Array
  private readonly hasIter: boolean
  private readonly isSecure: boolean
  /** The last request of the operation. */
  private row = 0

  constructor(
    settings: CephSettings,
    messenger: Messenger,
    requests: OsdRequests,
    pieces: PagePieces,
    replies: Replies,
    environment: { readonly ledger: Ledger; readonly memory: Memory; readonly kernel: KernelVersion },
    counts: Float64Array,
  ) {
    this.settings = settings
    this.messenger = messenger
    this.requests = requests
    this.pieces = pieces
    this.replies = replies
    this.ledger = environment.ledger
    this.memory = environment.memory
    this.counts = counts
    this.hasIter = isSince(environment.kernel, '6.12')
    this.isSecure = messenger.isSecure
  }

  /** Bytes, or an errno with nothing left; `io.scratch` is the chain of its requests. */
  transfer(io: Operation): number {
    const { iter } = io
    const isRead = iter.direction === ITER_DEST
    if (!this.arrives(io, isRead)) return EINVAL
    this.row = 0
    this.pieces.clear()
    this.replies.begin(io)
    let done = 0
    let error = this.replies.error
    while (iter.countBytes > 0 && error === 0) {
      const bytes = this.request(
        io,
        chunkBytes(io, done, isRead ? this.settings.rsize : this.settings.wsize, this.settings.stripeUnit),
        isRead,
      )
      if (bytes < 0) error = bytes
      else {
        const moved = this.replies.next(bytes)
        if (isRead) this.expect(io, moved)
        done += moved
        if (moved < bytes) break
      }
    }
    io.scratch = this.row
    return done > 0 ? done : error
  }

  private expect(io: Operation, bytes: number): void {
    this.requests.replyBytes[this.row] = bytes
    this.messenger.expect(io, bytes)
  }

  private arrives({ iter }: Operation, isRead: boolean): boolean {
    if (iter.fixed) return false
    if (isRead && !this.hasIter) return iter.type === ITER_XARRAY
    return iter.type === ITER_XARRAY || iter.type === ITER_FOLIOQ || iter.type === ITER_BVEC
  }

  /** One object request over the next `size` bytes: its bytes, or an errno with nothing of it left. */
  private request(io: Operation, size: number, isRead: boolean): number {
    const first = this.pieces.length
    const arrayBytes = isRead && this.hasIter ? 0 : io.iter.npagesOf(size) * POINTER_BYTES
    if (arrayBytes > 0 && !io.allocate(arrayBytes)) return ENOMEM
    let bytes: number
    if (!isRead) bytes = this.listWriteback(io, size)
    else bytes = this.hasIter ? this.lookUp(io, size) : this.getPages(io, size)
    if (bytes <= 0) {
      if (arrayBytes > 0) io.free(arrayBytes)
      return bytes === 0 ? EFAULT : bytes
    }
    this.start(io, first, arrayBytes, bytes, isRead)
    return bytes
  }

  private start(io: Operation, first: number, arrayBytes: number, bytes: number, isRead: boolean): void {
    const { pieces, requests, messenger } = this
    const row = requests.take(this.row)
    requests.arrayBytes[row] = arrayBytes
    requests.pieces[row] = pieces.length - first
    requests.bytes[row] = bytes
    this.row = row
    this.counts[OSD_REQUESTS]++
    if (arrayBytes > 0) io.built(pieces.length - first, POINTER_BYTES)
    const { page, offsetBytes, lengthBytes } = pieces
    for (let i = first; i < pieces.length; i++) io.borrow(page[i], offsetBytes[i], lengthBytes[i], GUARD_LOCK)
    if (isRead) return
    io.keep(messenger.send(io, pieces, first, pieces.length))
    requests.vector[row] = messenger.vector
  }

  /** A reference on each page, put as soon as it is found. @kernel net/ceph/messenger.c: ceph_msg_data_iter_next */
  private lookUp(io: Operation, size: number): number {
    const done = this.lookUpOnce(io, size, true)
    if (done <= 0 || !this.isSecure) return done
    io.iter.revert(done)
    return this.lookUpOnce(io, done, false)
  }

  private lookUpOnce(io: Operation, size: number, isListed: boolean): number {
    const { list } = io
    let done = 0
    while (done < size) {
      const bytes = io.extract(1, Math.min(PAGE_SIZE, size - done))
      if (bytes <= 0) return done > 0 ? done : bytes
      this.ledger.letGo(io.hold)
      this.counts[LOOKED_UP_PAGES]++
      if (isListed) this.pieces.addList(list)
      done += bytes
    }
    return done
  }

  /** @kernel fs/ceph/addr.c: ceph_netfs_issue_read (6.1) */
  private getPages(io: Operation, size: number): number {
    let done = 0
    while (done < size) {
      const bytes = io.extract(PAGE_LIST_MAX, size - done)
      if (bytes <= 0) return done > 0 ? done : bytes
      io.keep(io.hold)
      this.pieces.addList(io.list)
      done += bytes
    }
    return done
  }

  /** @kernel fs/ceph/addr.c: ceph_writepages_start (filemap_get_folios_tag; 6.1: pagevec_lookup_range_tag) */
  private listWriteback(io: Operation, size: number): number {
    const { pieces } = this
    const first = pieces.length
    const done = iterateAndAdvance(io.iter, this.memory, size, pieces)
    let hold: Hold = HOLD_NONE
    for (let i = first; i < pieces.length; i++) {
      const reference = io.referencePage(pieces.page[i])
      if (isHold(reference)) hold = this.ledger.join(hold, reference)
    }
    io.keep(hold)
    return done
  }
}
