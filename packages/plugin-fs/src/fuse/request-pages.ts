import { GUARD_COUNT, GUARD_NONE, grown, HOLD_NONE, type Hold, type Operation } from '@pinscope/core'

/** The pages of one request, with offset and length of each. @kernel fs/fuse/fuse_i.h: struct fuse_args_pages */
export class RequestPages {
  length = 0
  /** Pages, which are more than entries where an entry is a run of them. */
  pages = 0
  private page = new Int32Array(64)
  private offsetBytes = new Int32Array(64)
  private lengthBytes = new Int32Array(64)

  clear(): void {
    this.length = 0
    this.pages = 0
  }

  /** Appends what the last extraction listed. */
  addList({ list }: Operation): void {
    const { page, offsetBytes, lengthBytes } = list
    while (this.length + list.length > this.page.length) this.grow()
    for (let i = 0; i < list.length; i++) {
      this.page[this.length] = page[i]
      this.offsetBytes[this.length] = offsetBytes[i]
      this.lengthBytes[this.length++] = lengthBytes[i]
    }
    this.pages += list.pages
  }

  /** The request is in flight until the operation is over: what `hold` keeps, or nothing does. */
  borrow(io: Operation, hold: Hold): void {
    const guard = hold === HOLD_NONE ? GUARD_NONE : GUARD_COUNT
    for (let i = 0; i < this.length; i++) io.borrow(this.page[i], this.offsetBytes[i], this.lengthBytes[i], guard)
  }

  /** Tells whoever watches. */
  tell(io: Operation, list: string, bytes: number): void {
    if (io.observer === null) return
    io.observer.listBuilt(list, bytes, this.length, this.page, this.offsetBytes, this.lengthBytes, '')
  }

  private grow(): void {
    const capacity = 2 * this.page.length
    this.page = grown(this.page, capacity)
    this.offsetBytes = grown(this.offsetBytes, capacity)
    this.lengthBytes = grown(this.lengthBytes, capacity)
  }
}
