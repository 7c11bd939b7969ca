import { invariant } from '../invariant.ts'
import type { PageReferences } from '../memory/page-references.ts'
import { KIND_ANON, type PageStore } from '../memory/page-store.ts'

/**
 * `struct pipe_inode_info`: a ring of buffers, each one page or a part of it. `head` counts every buffer ever pushed,
 * `tail` every one consumed; buffer n is element `n & (ringSize - 1)` of the columns.
 *
 * A buffer of its own ("anonymous") is a fresh page that the ring frees; a borrowed one is a page of somebody else's,
 * with one reference that the ring drops.
 *
 * @kernel include/linux/pipe_fs_i.h: struct pipe_inode_info, struct pipe_buffer. ITER_PIPE exists in 6.1 only.
 */
export class PipeRing {
  readonly ringSize: number
  /** Most buffers in use at one time. @kernel pipe_inode_info.max_usage */
  readonly maxUsage: number
  head = 0
  tail = 0
  readonly page: Int32Array
  readonly offsetBytes: Int32Array
  readonly lengthBytes: Int32Array
  /** 1: the ring's own page, whose offset is 0. @kernel default_pipe_buf_ops against page_cache_pipe_buf_ops */
  readonly isOwn: Uint8Array

  private readonly pages: PageStore
  private readonly borrowed: PageReferences
  private readonly owned: PageReferences

  /** `borrowed` takes and drops the reference on a linked page, `owned` drops the only one of a page of the ring's own. */
  constructor(pages: PageStore, borrowed: PageReferences, owned: PageReferences, ringSize = 16) {
    invariant(ringSize > 0 && (ringSize & (ringSize - 1)) === 0, 'the ring of a pipe is a power of two')
    this.pages = pages
    this.borrowed = borrowed
    this.owned = owned
    this.ringSize = ringSize
    this.maxUsage = ringSize
    this.page = new Int32Array(ringSize)
    this.offsetBytes = new Int32Array(ringSize)
    this.lengthBytes = new Int32Array(ringSize)
    this.isOwn = new Uint8Array(ringSize)
  }

  /** Element of a buffer's columns. @kernel lib/iov_iter.c: pipe_buf */
  at(buffer: number): number {
    return buffer & (this.ringSize - 1)
  }

  /** No buffer is in use. @kernel include/linux/pipe_fs_i.h: pipe_empty */
  get isEmpty(): boolean {
    return this.head === this.tail
  }

  /** Every buffer is in use. @kernel include/linux/pipe_fs_i.h: pipe_full */
  get isFull(): boolean {
    return this.head - this.tail >= this.maxUsage
  }

  /** Pushes a fresh page that holds `size` bytes; returns its row. @kernel lib/iov_iter.c: push_anon */
  pushOwn(size: number): number {
    const page = this.pages.allocateFolio(0, KIND_ANON)
    this.push(page, 0, size, 1)
    return page
  }

  /** Links a page of somebody else's, with a reference. @kernel lib/iov_iter.c: push_page */
  pushBorrowed(page: number, offset: number, size: number): void {
    this.push(page, offset, size, 0)
    this.borrowed.get(page)
  }

  /** Releases every buffer from `first` on. @kernel include/linux/pipe_fs_i.h: pipe_discard_from */
  discardFrom(first: number): void {
    while (this.head > first) {
      this.head--
      this.release(this.head)
    }
  }

  /** Releases the oldest buffer: its reader is done with it. @kernel fs/pipe.c: pipe_read */
  consume(): void {
    invariant(!this.isEmpty, 'a read of an empty pipe')
    this.release(this.tail)
    this.tail++
  }

  /** Offset where data may go on: +end in a buffer of its own, -end in a borrowed one. @kernel lib/iov_iter.c: last_offset */
  lastOffset(buffer: number): number {
    const at = this.at(buffer)
    return this.isOwn[at] === 1 ? this.lengthBytes[at] : -(this.offsetBytes[at] + this.lengthBytes[at])
  }

  private push(page: number, offset: number, size: number, isOwn: number): void {
    const at = this.at(this.head)
    this.head++
    this.page[at] = page
    this.offsetBytes[at] = offset
    this.lengthBytes[at] = size
    this.isOwn[at] = isOwn
  }

  /** @kernel include/linux/pipe_fs_i.h: pipe_buf_release */
  private release(buffer: number): void {
    const at = this.at(buffer)
    const references = this.isOwn[at] === 1 ? this.owned : this.borrowed
    references.put(this.page[at])
  }
}
