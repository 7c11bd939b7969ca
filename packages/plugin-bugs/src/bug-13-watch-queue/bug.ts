import { type Consumer, ENOMEM, FLAG_SPLICE, type Operation, PAGE_SIZE } from '@pinscope/core'
import { defineBug } from '../bug.ts'

/** @kernel kernel/watch_queue.c: WATCH_QUEUE_NOTE_SIZE */
const NOTE_BYTES = 128

/**
 * Notifications lie in pages of the queue, and each is a buffer of a pipe. tee(2), and a splice of a part of it, puts a
 * second buffer with the same page into another pipe, and takes a reference on the page. When a buffer was read its place is
 * marked free; before the fix the reference was not dropped. An operation is a notification that is posted and read; with
 * the flag `splice` it is teed before that, and both buffers are read.
 * @kernel kernel/watch_queue.c: post_one_notification, watch_queue_pipe_buf_release, watch_queue_set_size; fs/splice.c:
 *   link_pipe; fs/pipe.c: generic_pipe_buf_get
 */
class WatchQueue implements Consumer {
  private readonly isFixed: boolean
  /** Page of the notes, -1 while there is none. */
  private page = -1
  private notes = 0

  constructor(isFixed: boolean) {
    this.isFixed = isFixed
  }

  submit(io: Operation): number {
    if (this.page < 0) this.page = io.owned.alloc()
    if (this.page < 0) return ENOMEM
    const offset = (this.notes++ * NOTE_BYTES) % PAGE_SIZE
    const isTeed = (io.flags & FLAG_SPLICE) !== 0
    if (isTeed) io.ledger.getPage(this.page)
    const bytes = io.copyPage(this.page, offset, Math.min(io.iter.countBytes, NOTE_BYTES))
    if (isTeed && this.isFixed) io.ledger.putPage(this.page)
    return bytes
  }

  abort(): void {}

  complete(): void {}

  /** @kernel kernel/watch_queue.c: __put_watch_queue */
  close(io: Operation): void {
    if (this.page >= 0) io.owned.put(this.page)
  }

  counters(): Readonly<Record<string, number>> {
    return {}
  }
}

export const bug13 = defineBug({
  number: 13,
  title: 'each duplicate of a notification leaves a reference on its page',
  summary:
    'tee(2), or a splice of a part, puts the buffer of a notification into another pipe, and the count of the page of the notes goes up by one. What releases such buffers only marked the note as free: one reference stayed for each duplicate.',
  cases: [
    {
      name: 'watch-queue',
      kernel: 'kernel/watch_queue.c: watch_queue_pipe_buf_release',
      commit: 'c1853fbadcba',
      trace: 'trace.csv',
      rules: ['H-11'],
      row: 3,
      accepts: ['ubuf'],
      policy: () => 'get-pages',
      create: (_environment, isFixed) => new WatchQueue(isFixed),
    },
  ],
})
