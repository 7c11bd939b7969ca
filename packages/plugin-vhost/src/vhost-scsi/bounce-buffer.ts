import { EFAULT, ENOMEM, ITER_DEST, ITER_UBUF, type Operation, PAGE_SIZE, type Scatterlists } from '@pinscope/core'
import type { Command } from './command-table.ts'
import { IOV_ITER_BYTES, IOVEC_BYTES } from './scsi-limits.ts'

/**
 * Commands copied through pages of the host's own, one for each entry that the guest's pages would have had. They are
 * filled one after the other: of memory in small pieces the last ones stay empty.
 * @kernel drivers/vhost/scsi.c: vhost_scsi_copy_iov_to_sgl, vhost_scsi_copy_sgl_to_iov (since 6.12)
 */
export class BounceBuffer {
  private readonly lists: Scatterlists
  /** The iterator that a read is copied back through is allocated too: since 6.18. */
  private readonly allocatesIter: boolean

  constructor(lists: Scatterlists, allocatesIter: boolean) {
    this.lists = lists
    this.allocatesIter = allocatesIter
  }

  /** Fills the command's table with pages, and copies a write into them. 0, or an errno with nothing left. */
  fill(io: Operation, command: Command): number {
    const { lists } = this
    const { table } = command
    const isRead = io.iter.direction === ITER_DEST
    if (isRead && !this.saveIter(io, command)) return ENOMEM
    let left = io.iter.countBytes
    let sg = table.sgl
    for (let filled = 1; filled <= table.nents; filled++) {
      const page = io.owned.alloc()
      if (page < 0) return this.fail(io, command, filled - 1, ENOMEM)
      const bytes = left < PAGE_SIZE ? left : PAGE_SIZE
      lists.setPage(sg, page, bytes, 0)
      if (!isRead && !this.copy(io, page, bytes)) return this.fail(io, command, filled, EFAULT)
      left -= bytes
      sg = lists.next(sg)
    }
    command.isCopied = true
    return 0
  }

  /** Copies a read into the guest's memory; false where that cannot be had. A write has nowhere to go back to. */
  copyBack(io: Operation, command: Command): boolean {
    if (command.readIovBytes === 0) return true
    const { lists } = this
    const { table } = command
    io.iter.copyFrom(command.readIter)
    let sg = table.sgl
    for (let i = 0; i < table.nents; i++) {
      if (!this.copy(io, lists.page[sg], lists.lengthBytes[sg])) return false
      sg = lists.next(sg)
    }
    return true
  }

  /** Frees the pages of the first `entries` entries, and the iterator that was kept. */
  free(io: Operation, command: Command, entries: number): void {
    const { lists } = this
    let sg = command.table.sgl
    for (let i = 0; i < entries; i++) {
      io.owned.put(lists.page[sg])
      sg = lists.next(sg)
    }
    if (command.readIovBytes === 0) return
    io.free(command.readIovBytes)
    if (this.allocatesIter) io.free(IOV_ITER_BYTES)
    command.readIovBytes = 0
  }

  private fail(io: Operation, command: Command, entries: number, error: number): number {
    this.free(io, command, entries)
    return error
  }

  private saveIter(io: Operation, command: Command): boolean {
    const { iter } = io
    const bytes = (iter.type === ITER_UBUF ? 1 : iter.segmentsLeft) * IOVEC_BYTES
    if (this.allocatesIter && !io.allocate(IOV_ITER_BYTES)) return false
    if (!io.allocate(bytes)) {
      if (this.allocatesIter) io.free(IOV_ITER_BYTES)
      return false
    }
    command.readIovBytes = bytes
    command.dup(iter)
    return true
  }

  /** Between the page and the iterator, in the iterator's direction; true when all bytes were. */
  private copy(io: Operation, page: number, bytes: number): boolean {
    return bytes === 0 || io.copyPage(page, 0, bytes) === bytes
  }
}
