import { grown, HOLD_NONE, PAGE_SIZE } from '@pinscope/core'

// Who a buffer's page belongs to, and what becomes of it. @kernel struct pipe_buf_operations

/** A page of the pipe's own that write(2) copied into. @kernel fs/pipe.c: anon_pipe_buf_ops */
export const OPS_ANON = 0
/** A page that was allocated for splice(2) to read into. @kernel fs/splice.c: default_pipe_buf_ops */
export const OPS_DEFAULT = 1
/** A page of a page cache, with a reference. @kernel fs/splice.c: page_cache_pipe_buf_ops */
export const OPS_PAGE_CACHE = 2
/** A page of a program, with what vmsplice(2) took on it. @kernel fs/splice.c: user_page_pipe_buf_ops */
export const OPS_USER_PAGE = 3
/** The zero page, with nothing taken. @kernel mm/shmem.c: zero_pipe_buf_ops (since 6.5) */
export const OPS_ZERO = 4

/** The program gave the page away. @kernel include/linux/pipe_fs_i.h: PIPE_BUF_FLAG_GIFT */
export const BUF_GIFT = 1 << 0
/** A write may go on behind its bytes. @kernel include/linux/pipe_fs_i.h: PIPE_BUF_FLAG_CAN_MERGE */
export const BUF_CAN_MERGE = 1 << 1
/** What is left of it goes with the read that reaches it. @kernel include/linux/pipe_fs_i.h: PIPE_BUF_FLAG_PACKET */
export const BUF_PACKET = 1 << 2

/**
 * `struct pipe_inode_info` of every pipe, as columns; a row is a pipe, which the `file` of an operation names. Row 0 is
 * that of the operations without one. `head` counts every buffer ever pushed, `tail` every one consumed; both wrap.
 * @kernel include/linux/pipe_fs_i.h: struct pipe_inode_info, struct pipe_buffer
 */
export class PipeRings {
  /** Buffers of each pipe, a power of two. @kernel ring_size, max_usage */
  readonly slots: number
  /** Rows that exist. */
  length = 0
  head = new Int32Array(8)
  tail = new Int32Array(8)
  /**
   * Bytes of the stream that left the ring before the row that reads them (above 0), or that a row read before the one that
   * writes them (below 0).
   */
  ahead = new Float64Array(8)

  // By slot.
  page: Int32Array<ArrayBuffer>
  offsetBytes: Int32Array<ArrayBuffer>
  /** More than a page where one buffer is a piece of a large folio (6.1). */
  lengthBytes: Int32Array<ArrayBuffer>
  /** OPS_* */
  ops: Uint8Array<ArrayBuffer>
  /** BUF_* */
  flags: Uint8Array<ArrayBuffer>
  hold: Int32Array<ArrayBuffer>
  /** What the buffer borrows of somebody else's page: a chain of `Operation.borrows`, 0 for none. */
  borrowed: Int32Array<ArrayBuffer>
  /** Of a page cache page: whose it was, and where. */
  file: Int32Array<ArrayBuffer>
  index: Float64Array<ArrayBuffer>

  constructor(slots: number) {
    this.slots = slots
    const capacity = 8 * slots
    this.page = new Int32Array(capacity)
    this.offsetBytes = new Int32Array(capacity)
    this.lengthBytes = new Int32Array(capacity)
    this.ops = new Uint8Array(capacity)
    this.flags = new Uint8Array(capacity)
    this.hold = new Int32Array(capacity)
    this.borrowed = new Int32Array(capacity)
    this.file = new Int32Array(capacity)
    this.index = new Float64Array(capacity)
  }

  /** Row of the pipe with that file id. */
  rowOf(file: number): number {
    const row = file + 1
    if (row >= this.length) {
      this.length = row + 1
      while (row >= this.head.length) this.grow()
    }
    return row
  }

  /** Buffers in use. @kernel include/linux/pipe_fs_i.h: pipe_occupancy */
  occupancy(pipe: number): number {
    return (this.head[pipe] - this.tail[pipe]) | 0
  }

  /** Buffers that are free. */
  free(pipe: number): number {
    return this.slots - this.occupancy(pipe)
  }

  /** @kernel include/linux/pipe_fs_i.h: pipe_empty */
  isEmpty(pipe: number): boolean {
    return this.head[pipe] === this.tail[pipe]
  }

  /** @kernel include/linux/pipe_fs_i.h: pipe_full */
  isFull(pipe: number): boolean {
    return this.occupancy(pipe) >= this.slots
  }

  /** Slot of the buffer that is read next. */
  oldest(pipe: number): number {
    return this.slotOf(pipe, this.tail[pipe])
  }

  /** Slot of the buffer that was pushed last. */
  newest(pipe: number): number {
    return this.slotOf(pipe, this.head[pipe] - 1)
  }

  /** Slot of a buffer by its number. @kernel include/linux/pipe_fs_i.h: pipe_buf */
  slotOf(pipe: number, buffer: number): number {
    return pipe * this.slots + (buffer & (this.slots - 1))
  }

  /** Bytes in the buffers, as far as one operation can move them. */
  bytesIn(pipe: number): number {
    let bytes = 0
    const head = this.head[pipe]
    for (let buffer = this.tail[pipe]; buffer !== head; buffer = (buffer + 1) | 0) {
      bytes += this.lengthBytes[this.slotOf(pipe, buffer)]
    }
    return bytes
  }

  /** A buffer more; the ring has room. Returns its slot. @kernel include/linux/pipe_fs_i.h: pipe_head_buf (since 6.5) */
  push(pipe: number, ops: number, page: number, offsetBytes: number, bytes: number): number {
    const slot = this.slotOf(pipe, this.head[pipe])
    this.head[pipe]++
    this.page[slot] = page
    this.offsetBytes[slot] = offsetBytes
    this.lengthBytes[slot] = bytes
    this.ops[slot] = ops
    this.flags[slot] = 0
    this.hold[slot] = HOLD_NONE
    this.borrowed[slot] = 0
    return slot
  }

  /** The oldest buffer is out of the ring; whoever calls has what it held. */
  shift(pipe: number): void {
    this.tail[pipe]++
  }

  /** Page row in which a buffer's bytes begin, `skipBytes` behind its first. */
  pageAt(slot: number, skipBytes: number): number {
    return this.page[slot] + Math.floor((this.offsetBytes[slot] + skipBytes) / PAGE_SIZE)
  }

  private grow(): void {
    const capacity = 2 * this.head.length
    this.head = grown(this.head, capacity)
    this.tail = grown(this.tail, capacity)
    this.ahead = grown(this.ahead, capacity)
    const slots = capacity * this.slots
    this.page = grown(this.page, slots)
    this.offsetBytes = grown(this.offsetBytes, slots)
    this.lengthBytes = grown(this.lengthBytes, slots)
    this.ops = grown(this.ops, slots)
    this.flags = grown(this.flags, slots)
    this.hold = grown(this.hold, slots)
    this.borrowed = grown(this.borrowed, slots)
    this.file = grown(this.file, slots)
    this.index = grown(this.index, slots)
  }
}
