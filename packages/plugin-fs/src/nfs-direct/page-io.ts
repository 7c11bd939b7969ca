import {
  ENOMEM,
  HOLD_NONE,
  type Hold,
  isHold,
  type Operation,
  PAGE_OFFSET_MASK,
  PAGE_SIZE,
  pagesSpanned,
} from '@pinscope/core'
import { RETRIES, RPCS, SPLIT_PAGES } from './counters.ts'
import type { DirectReqs } from './direct-reqs.ts'
import { type Mount, NO_LIMIT } from './mount.ts'
import { PendingPages } from './pending-pages.ts'
import {
  NFS_PAGE_BYTES,
  NFS_PAGEVEC_SIZE,
  type ObjectSizes,
  PAGE_ARRAY_BYTES_MAX,
  PAGE_POINTER_BYTES,
} from './sizes.ts'

/** What the I/O of an operation is told when it begins. */
export interface PageIoSetup {
  readonly counts: Float64Array
  readonly mount: Mount
  readonly sizes: ObjectSizes
  readonly reqs: DirectReqs
  /** A page that comes twice in a row, whole, ends a request: 6.1. */
  readonly splitsSamePage: boolean
}

/**
 * Gathers nfs_page into requests to the server: those whose data lies without gap in a page array, up to rsize or wsize
 * bytes. A page that the end of a request cuts becomes two nfs_page, the second a request further on.
 *
 * @kernel fs/nfs/pagelist.c: nfs_pageio_add_request, nfs_coalesce_size, nfs_generic_pg_test, nfs_generic_pgio, nfs_create_subreq
 */
export class PageIo {
  /** Bytes that are on their way to the server. */
  sentBytes = 0
  /** 0, or the errno after which nothing can be added. @kernel pg_error */
  error = 0
  /** There is more than one request. @kernel pg_moreio */
  hasMore = false
  /** A request of the operation is answered short. */
  isShort = false
  /** nfs_page that wait for their request. */
  private readonly pending = new PendingPages()
  /** Set by an error: nfs_page of pages, and such as split one, that go at once, the last ones of their kind. */
  lostPages = 0
  lostPieces = 0
  /** References of the nfs_page that split one. */
  pieces: Hold = HOLD_NONE

  private readonly setup: PageIoSetup
  private isRead = false
  private sizeMax = 0
  /** Bytes that the file has for a read, or the server takes of a write. */
  private endBytes = 0
  private isStable = false
  private isRefused = false
  private isUser = false

  constructor(setup: PageIoSetup) {
    this.setup = setup
  }

  /**
   * `endBytes`: where the file ends for it. `isStable`: writes ask for stable storage, however many there are. `isRefused`:
   * what the server answers is an error.
   */
  begin(isRead: boolean, isUser: boolean, endBytes: number, isStable: boolean, isRefused: boolean): void {
    const { rsize, wsize } = this.setup.mount
    this.sentBytes = 0
    this.error = 0
    this.hasMore = false
    this.isShort = false
    this.isRead = isRead
    this.isUser = isUser
    this.sizeMax = isRead ? rsize : wsize
    this.endBytes = endBytes
    this.isStable = isStable
    this.isRefused = isRefused
    this.lostPages = 0
    this.lostPieces = 0
    this.pieces = HOLD_NONE
    this.pending.clear()
  }

  /** Writes of the operation wait for a COMMIT. @kernel NFS_IOHDR_UNSTABLE_WRITES */
  get isUnstable(): boolean {
    return !this.isRead && this.hasMore && !this.isStable && this.setup.mount.isUnstable
  }

  /** Adds the nfs_page of `bytes` bytes from `base` of a page on; false, with {@link error} set, when it cannot be. */
  add(io: Operation, page: number, base: number, bytes: number): boolean {
    const { pending } = this
    let at = base
    let left = bytes
    let isSplit = false
    let isPieceSent = false
    for (;;) {
      const room = this.room(page, at, left)
      if (room === left) break
      if (this.isContiguous(page, at)) io.limitHit()
      if (room > 0) {
        if (!this.split(io, page, at, room)) return this.fail(1, isPieceSent)
        isSplit = true
        at += room
        left -= room
        continue
      }
      this.hasMore = true
      if (!this.send(io)) return this.fail(1, isPieceSent)
      isPieceSent = isSplit
    }
    if (pending.length === 0) pending.isFirstSplit = isPieceSent
    this.list(io, page, at, left, false)
    return true
  }

  /** Sends what is left. @kernel nfs_pageio_complete */
  complete(io: Operation): void {
    if (this.error === 0 && !this.send(io)) this.fail(0, false)
  }

  /**
   * Gives up what waits, and the `current` nfs_page at work. What belongs to a page of which a piece was sent stays until
   * that is answered. @kernel nfs_pageio_error_cleanup, nfs_page_group_destroy
   */
  private fail(current: number, isPieceSent: boolean): false {
    const { pending } = this
    this.error = ENOMEM
    this.lostPages = pending.length - pending.pieces - (pending.isFirstSplit ? 1 : 0)
    if (!isPieceSent) {
      this.lostPages += current
      this.lostPieces = pending.pieces
    }
    pending.clear()
    return false
  }

  /** Bytes of the next `bytes` that fit into the request; 0: it has to be sent first. */
  private room(page: number, base: number, bytes: number): number {
    const { pending } = this
    if (pending.length === 0) return Math.min(this.sizeMax, bytes)
    if (!this.isContiguous(page, base)) return 0
    const pages = Math.floor((pending.bytes + bytes) / PAGE_SIZE)
    if (pages * PAGE_POINTER_BYTES > PAGE_ARRAY_BYTES_MAX) return 0
    return Math.min(this.sizeMax - pending.bytes, bytes)
  }

  /** @kernel fs/nfs/pagelist.c: nfs_page_is_contiguous; 6.1: nfs_coalesce_size */
  private isContiguous(page: number, base: number): boolean {
    const { lastEnd, lastPage, length } = this.pending
    if (length === 0) return true
    if (page === lastPage && base === lastEnd) return true
    if (page === lastPage && this.setup.splitsSamePage) return false
    return base === 0 && (lastEnd & PAGE_OFFSET_MASK) === 0
  }

  private list(io: Operation, page: number, base: number, bytes: number, isPiece: boolean): void {
    const position = this.sentBytes + this.pending.bytes
    const isFilled = this.isRead && this.isUser && position < this.endBytes
    this.pending.add(page, base, bytes, isPiece, isFilled, io.pages.orderOf(page) > 0)
  }

  /** The first `bytes` bytes of a page become an nfs_page of their own. @kernel nfs_create_subreq */
  private split(io: Operation, page: number, base: number, bytes: number): boolean {
    const { counts, reqs } = this.setup
    if (!io.allocate(NFS_PAGE_BYTES)) return false
    reqs.nfsPages[io.scratch]++
    counts[SPLIT_PAGES]++
    const reference = io.referencePage(page)
    if (isHold(reference)) this.pieces = io.ledger.join(this.pieces, reference)
    this.list(io, page, base, bytes, true)
    return true
  }

  /** Sends the request that has gathered; false without memory for it. @kernel nfs_generic_pg_pgios, nfs_generic_pgio */
  private send(io: Operation): boolean {
    const { pending } = this
    if (pending.length === 0) return true
    const { counts, reqs } = this.setup
    const pages = pagesSpanned(pending.base & PAGE_OFFSET_MASK, pending.bytes)
    const arrayBytes = pages > NFS_PAGEVEC_SIZE ? pages * PAGE_POINTER_BYTES : 0
    if (!this.allocateHeader(io) || (arrayBytes > 0 && !this.allocateArray(io, arrayBytes))) {
      return false
    }
    const { scratch } = io
    reqs.addHeader(scratch, arrayBytes)
    reqs.dirty[scratch] += pending.dirty
    reqs.clean[scratch] += pending.clean
    counts[RPCS]++
    counts[RETRIES] += this.retries()
    io.built(pages, PAGE_POINTER_BYTES)
    if (io.observer !== null) pending.tell(io.observer)
    this.sentBytes += pending.bytes
    pending.clear()
    return true
  }

  /** Writes have headers in reserve. @kernel fs/nfs/read.c: nfs_readhdr_alloc; write.c: nfs_writehdr_alloc */
  private allocateHeader(io: Operation): boolean {
    const { header } = this.setup.sizes
    return io.allocate(header) || (!this.isRead && io.allocate(header))
  }

  private allocateArray(io: Operation, arrayBytes: number): boolean {
    if (io.allocate(arrayBytes)) return true
    io.free(this.setup.sizes.header)
    return false
  }

  /**
   * How often the request is sent again: for the rest after each short answer. A WRITE that was answered short and is not
   * on stable storage is sent again whole, and asks for that.
   * @kernel fs/nfs/read.c: nfs_readpage_retry; write.c: nfs_writeback_result
   */
  private retries(): number {
    const { answerBytes } = this.setup.mount
    if (answerBytes === NO_LIMIT || this.isRefused) return 0
    const bytes = Math.min(this.pending.bytes, Math.max(0, this.endBytes - this.sentBytes))
    if (bytes <= answerBytes) return 0
    this.isShort = true
    return Math.ceil(bytes / answerBytes) - (this.isUnstable ? 0 : 1)
  }
}
