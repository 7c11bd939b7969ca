import {
  EFAULT,
  EIO,
  ENOMEM,
  GUARD_COUNT,
  HOLD_NONE,
  type Hold,
  isHold,
  type Operation,
  PAGE_SIZE,
  pagesSpanned,
} from '@pinscope/core'
import { CHUNKS, NFS_PAGES } from './counters.ts'
import type { PageIo, PageIoSetup } from './page-io.ts'
import { NFS_PAGE_BYTES, PAGE_POINTER_BYTES } from './sizes.ts'

/**
 * Takes an iterator's pages, chunk by chunk, and makes nfs_page of them: of each the reference of the iterator goes when
 * that of the nfs_page is there.
 * @kernel fs/nfs/direct.c: nfs_direct_read_schedule_iovec, nfs_direct_write_schedule_iovec, nfs_direct_release_pages
 */
export class Chunks {
  /** Of the last operation: bytes that became nfs_page. @kernel requested_bytes */
  requestedBytes = 0
  private readonly setup: PageIoSetup
  private readonly pageIo: PageIo
  /** Since 6.12: a write counts a page before it is added. */
  private readonly writesCountFirst: boolean
  /** References of the nfs_page, in order. */
  private hold: Hold = HOLD_NONE

  constructor(setup: PageIoSetup, pageIo: PageIo, writesCountFirst: boolean) {
    this.setup = setup
    this.pageIo = pageIo
    this.writesCountFirst = writesCountFirst
  }

  /** All of the operation's iterator, and the requests for it: 0, or the errno that ended it before. */
  schedule(io: Operation, isRead: boolean): number {
    const { iter, policy } = io
    const { rsize, wsize } = this.setup.mount
    const chunkBytes = Math.max(isRead ? rsize : wsize, PAGE_SIZE)
    this.requestedBytes = 0
    this.hold = HOLD_NONE
    if (policy.retention(iter.type, iter.direction) < 0) return EFAULT
    let error = 0
    while (iter.countBytes > 0 && error === 0) error = this.chunk(io, chunkBytes, this.writesCountFirst && !isRead)
    this.pageIo.complete(io)
    this.keepReferences(io)
    return error
  }

  /** One call of get_pages, and its nfs_page: 0, or an errno. */
  private chunk(io: Operation, chunkBytes: number, countsFirst: boolean): number {
    const { iter, list } = io
    const { counts } = this.setup
    const wanted = Math.min(chunkBytes, Math.max(iter.currentLengthBytes(), 1))
    const pagesMax = pagesSpanned(iter.currentStartBytes(), wanted)
    const arrayBytes = pagesMax * PAGE_POINTER_BYTES
    if (!io.allocate(arrayBytes)) return ENOMEM
    counts[CHUNKS]++
    const bytes = io.extract(pagesMax, chunkBytes)
    if (bytes <= 0) {
      io.free(arrayBytes)
      // The kernel tries the hole of an xarray for ever.
      return bytes === 0 ? EIO : bytes
    }
    const { hold } = io
    const { length } = list
    io.built(length, PAGE_POINTER_BYTES)
    const created = this.createPages(io, countsFirst)
    if (created > 0) this.reference(io, created)
    io.ledger.letGo(hold)
    io.free(arrayBytes)
    if (this.pageIo.error < 0) return this.pageIo.error
    return created < length ? ENOMEM : 0
  }

  /** An nfs_page for each entry of the list; returns how many. @kernel nfs_page_create_from_page */
  private createPages(io: Operation, countsFirst: boolean): number {
    const { length, lengthBytes, offsetBytes, page } = io.list
    const { counts, reqs } = this.setup
    for (let i = 0; i < length; i++) {
      if (!io.allocate(NFS_PAGE_BYTES)) return i
      reqs.nfsPages[io.scratch]++
      counts[NFS_PAGES]++
      if (countsFirst) this.requestedBytes += lengthBytes[i]
      if (!this.pageIo.add(io, page[i], offsetBytes[i], lengthBytes[i])) return i + 1
      if (!countsFirst) this.requestedBytes += lengthBytes[i]
    }
    return length
  }

  /** The references of the first `created` pages of the list. @kernel nfs_page_assign_page */
  private reference(io: Operation, created: number): void {
    const { list, ledger } = io
    let beyond = 0
    for (let i = created; i < list.length; i++) beyond += list.lengthBytes[i]
    if (beyond > 0) list.trim(beyond)
    const reference = io.reference()
    if (isHold(reference)) this.hold = ledger.join(this.hold, reference)
    io.borrowList(GUARD_COUNT)
  }

  /** What is on its way stays; what an error gave up goes. @kernel nfs_release_request, nfs_clear_request */
  private keepReferences(io: Operation): void {
    const { lostPages, lostPieces, pieces } = this.pageIo
    keepAllBut(io, this.hold, lostPages)
    keepAllBut(io, pieces, lostPieces)
    this.setup.reqs.freePages(io, io.scratch, lostPages + lostPieces)
  }
}

/** Keeps a hold, and lets go of its last `count` entries. (An entry may be missing: slab pages are not referenced.) */
function keepAllBut(io: Operation, hold: Hold, count: number): void {
  const { ledger } = io
  const entries = ledger.entriesHeld(hold)
  if (count > 0 && count < entries) ledger.letGo(ledger.split(hold, count))
  if (count > 0 && count === entries) ledger.letGo(hold)
  else io.keep(hold)
}
