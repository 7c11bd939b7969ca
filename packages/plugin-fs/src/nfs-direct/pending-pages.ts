import { grown, type Operation } from '@pinscope/core'

const FIRST_CAPACITY = 256

/** nfs_page that wait for the request that they go in, as columns. @kernel include/linux/nfs_page.h: struct nfs_pgio_mirror */
export class PendingPages {
  length = 0
  /** Bytes of all, and where the first one begins in its page. @kernel pg_count, pg_base */
  bytes = 0
  base = 0
  /** The last one: its page, and where it ends. */
  lastPage = -1
  lastEnd = 0
  /** Those that split a page that was too long for the request: each is followed by the request. */
  pieces = 0
  /** The first is what a page has left of which a piece was sent: it lives as long as that. @kernel nfs_page_group_destroy */
  isFirstSplit = false
  /** Those that a read will mark dirty, and those that it fills and will not. */
  dirty = 0
  clean = 0

  private page = new Int32Array(FIRST_CAPACITY)
  private offsetBytes = new Int32Array(FIRST_CAPACITY)
  private lengthBytes = new Int32Array(FIRST_CAPACITY)

  clear(): void {
    this.length = 0
    this.bytes = 0
    this.pieces = 0
    this.isFirstSplit = false
    this.dirty = 0
    this.clean = 0
    this.lastPage = -1
  }

  /** `isFilled`: a read of user memory puts something into it. `isCompound`: its page is one of a large folio. */
  add(page: number, base: number, bytes: number, isPiece: boolean, isFilled: boolean, isCompound: boolean): void {
    if (this.length === this.page.length) this.grow()
    const at = this.length++
    this.page[at] = page
    this.offsetBytes[at] = base
    this.lengthBytes[at] = bytes
    if (at === 0) this.base = base
    this.bytes += bytes
    this.lastPage = page
    this.lastEnd = base + bytes
    if (isPiece) this.pieces++
    if (isFilled && isCompound) this.clean++
    else if (isFilled) this.dirty++
  }

  tell(observer: NonNullable<Operation['observer']>): void {
    observer.listBuilt('nfs_page', this.bytes, this.length, this.page, this.offsetBytes, this.lengthBytes, '')
  }

  private grow(): void {
    const capacity = 2 * this.page.length
    this.page = grown(this.page, capacity)
    this.offsetBytes = grown(this.offsetBytes, capacity)
    this.lengthBytes = grown(this.lengthBytes, capacity)
  }
}
