import {
  BY_KERNEL,
  type Consumer,
  EFAULT,
  FOLL_WRITE,
  isPinned,
  type Ledger,
  type Operation,
  PAGE_SIZE,
  type PageEvent,
  type Pinned,
  pagesSpanned,
} from '@pinscope/core'
import { meetDirtyPages } from './write-back.ts'

/**
 * process_vm_writev into the shared mapping of a file, and ext4 that writes the file back. A page that was written back
 * since ext4 was last asked about it has no buffers any more.
 * @kernel mm/process_vm_access.c: process_vm_rw_single_vec; fs/ext4/inode.c: mpage_prepare_extent_to_map
 */
export class Writepages implements Consumer {
  private readonly ledger: Ledger
  private readonly isFixed: boolean
  /** By number of the operation that is at work in them. */
  private readonly pins = new Map<number, Pinned>()
  private pagesDropped = 0

  constructor(ledger: Ledger, isFixed: boolean) {
    this.ledger = ledger
    this.isFixed = isFixed
  }

  submit(io: Operation): number {
    const { table, segment, mm, countBytes } = io.iter
    const pages = pagesSpanned(table.addressBytes[segment] % PAGE_SIZE, countBytes)
    const pinned = io.pinPages(mm, table.addressBytes, segment, 0, pages, FOLL_WRITE)
    if (pinned <= 0) return EFAULT
    if (isPinned(io.hold)) this.pins.set(io.number, io.hold)
    return countBytes
  }

  abort(): void {}

  /** The copy, and unpin_user_pages_dirty_lock. */
  complete(io: Operation): void {
    const pinned = this.pins.get(io.number)
    if (pinned === undefined) return
    this.pins.delete(io.number)
    const { audit, iter } = io
    const { table, segment, countBytes } = iter
    // The pages that were pinned: others may be mapped there by now.
    let offset = table.addressBytes[segment] % PAGE_SIZE
    let left = countBytes
    this.ledger.eachRun(this.ledger.holds.find(pinned), (first, count) => {
      for (let page = first; page < first + count; page++) {
        const bytes = Math.min(PAGE_SIZE - offset, left)
        audit?.folios.store(page, offset, bytes, BY_KERNEL)
        audit?.tokens.markWritten(audit.tokens.writerOn(page))
        offset = 0
        left -= bytes
      }
    })
    this.ledger.unpinDirty(pinned)
  }

  /** ext4 writes back, and meets a dirty page without buffers. */
  event(io: Operation, event: PageEvent): boolean {
    const met = meetDirtyPages(io, event, this.isFixed)
    if (this.isFixed) this.pagesDropped += met
    return met > 0
  }

  counters(): Readonly<Record<string, number>> {
    return { pagesDropped: this.pagesDropped }
  }
}
