import { grown, isSince, type KernelVersion, type Operation, PAGE_SIZE } from '@pinscope/core'

/** Pages that a pipe puts aside at most, in mainline. @kernel include/linux/pipe_fs_i.h: PIPE_PREALLOC_MAX */
const PREALLOC_MAX = 8
/** Pages that are left of them when a read or a write is over. @kernel include/linux/pipe_fs_i.h: PIPE_PREALLOC_KEEP */
const PREALLOC_KEEP = 2

/**
 * Pages that write(2) copies into. A pipe keeps some that were read for the next write: one in 6.1 and 6.12, two in 6.18
 * (since 6.15); mainline up to eight, of which it keeps two when a call ends, and a write allocates what it will need before
 * it begins.
 * @kernel fs/pipe.c: anon_pipe_buf_release, pipe_write (6.1, 6.12: tmp_page); anon_pipe_get_page, anon_pipe_put_page (6.15:
 *   tmp_page[2]; 7.3: struct anon_pipe_prealloc)
 */
export class PipePages {
  /** Most pages put aside. */
  private readonly max: number
  private readonly prefills: boolean
  /** By pipe: pages put aside. */
  private count = new Uint8Array(8)
  private page = new Int32Array(8 * PREALLOC_MAX)

  constructor(kernel: KernelVersion) {
    this.prefills = isSince(kernel, 'mainline')
    this.max = this.prefills ? PREALLOC_MAX : isSince(kernel, '6.18') ? 2 : 1
  }

  /** A write of so many bytes begins. @kernel fs/pipe.c: anon_pipe_prefill_and_lock (7.3) */
  prefill(io: Operation, pipe: number, bytes: number): void {
    if (!this.prefills) return
    this.reach(pipe)
    const want = Math.min(Math.ceil(bytes / PAGE_SIZE), PREALLOC_MAX)
    while (this.count[pipe] < want) {
      const page = io.owned.alloc()
      if (page < 0) return
      this.page[pipe * PREALLOC_MAX + this.count[pipe]++] = page
    }
  }

  /** A page to copy into, -1 where none can be had. @kernel fs/pipe.c: anon_pipe_get_page */
  take(io: Operation, pipe: number): number {
    this.reach(pipe)
    return this.count[pipe] > 0 ? this.page[pipe * PREALLOC_MAX + --this.count[pipe]] : io.owned.alloc()
  }

  /** The buffer is read: its page is put aside, unless somebody else has it as well. @kernel fs/pipe.c: anon_pipe_buf_release */
  give(io: Operation, pipe: number, page: number): void {
    this.reach(pipe)
    if (io.owned.refcount(page) === 1 && this.count[pipe] < this.max) {
      this.page[pipe * PREALLOC_MAX + this.count[pipe]++] = page
    } else {
      io.owned.put(page)
    }
  }

  /** A read or a write is over. @kernel fs/pipe.c: anon_pipe_trim_and_unlock (7.3) */
  trim(io: Operation, pipe: number): void {
    if (this.prefills) this.freeDownTo(io, pipe, PREALLOC_KEEP)
  }

  /** The pipe is closed. @kernel fs/pipe.c: free_pipe_info */
  freeAll(io: Operation, pipe: number): void {
    this.freeDownTo(io, pipe, 0)
  }

  private freeDownTo(io: Operation, pipe: number, count: number): void {
    this.reach(pipe)
    while (this.count[pipe] > count) io.owned.put(this.page[pipe * PREALLOC_MAX + --this.count[pipe]])
  }

  private reach(pipe: number): void {
    while (pipe >= this.count.length) {
      const capacity = 2 * this.count.length
      this.count = grown(this.count, capacity)
      this.page = grown(this.page, capacity * PREALLOC_MAX)
    }
  }
}
