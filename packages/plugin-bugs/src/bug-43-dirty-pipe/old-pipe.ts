import {
  BY_KERNEL,
  type Consumer,
  ENOMEM,
  ITER_PIPE,
  ITER_SOURCE,
  ITER_XARRAY,
  type Ledger,
  type Operation,
  PAGE_SIZE,
} from '@pinscope/core'

/** @kernel include/linux/pipe_fs_i.h: PIPE_DEF_BUFFERS */
const SLOTS = 16
/** PIPE_BUF_FLAG_CAN_MERGE: what is written next may be appended to the page. */
const CAN_MERGE = 0x10

/** @kernel include/linux/pipe_fs_i.h: struct pipe_buffer */
interface Slot {
  page: number
  offsetBytes: number
  bytes: number
  flags: number
  /** The pipe allocated the page; else it is a page of a file, with a reference. */
  isOwn: boolean
}

/** Pipes by the row's `file` cell. */
export class OldPipes implements Consumer {
  private readonly ledger: Ledger
  private readonly isFixed: boolean
  private readonly pipes = new Map<number, OldPipe>()

  constructor(ledger: Ledger, isFixed: boolean) {
    this.ledger = ledger
    this.isFixed = isFixed
  }

  submit(io: Operation): number {
    const pipe = this.pipes.get(io.file) ?? new OldPipe(this.ledger, this.isFixed)
    this.pipes.set(io.file, pipe)
    return pipe.submit(io)
  }

  abort(): void {}

  complete(): void {}

  close(io: Operation): void {
    for (const pipe of this.pipes.values()) pipe.close(io)
  }

  counters(): Readonly<Record<string, number>> {
    return {}
  }
}

/**
 * A pipe as it was from 5.8 to 5.16: written to, read, spliced into from a file, and read into by direct I/O. Slots are
 * used in turn, and what is not set keeps what it was.
 * @kernel fs/pipe.c: pipe_write, pipe_read; lib/iov_iter.c: copy_page_to_iter_pipe, push_pipe
 */
class OldPipe {
  private readonly ledger: Ledger
  private readonly isFixed: boolean
  private readonly slots: Slot[] = Array.from({ length: SLOTS }, () => ({
    page: -1,
    offsetBytes: 0,
    bytes: 0,
    flags: 0,
    isOwn: true,
  }))
  private head = 0
  private tail = 0
  /** Number of the ring for the rules. */
  private ring = 0

  constructor(ledger: Ledger, isFixed: boolean) {
    this.ledger = ledger
    this.isFixed = isFixed
  }

  submit(io: Operation): number {
    if (this.ring === 0) this.ring = io.audit?.objects.alloc('pipe_inode_info', SLOTS) ?? 0
    if (io.iter.type === ITER_XARRAY) return this.splice(io)
    if (io.iter.type === ITER_PIPE) return this.push(io)
    return io.iter.direction === ITER_SOURCE ? this.write(io) : this.read(io)
  }

  /** The last who had the pipe open closes it. @kernel fs/pipe.c: free_pipe_info */
  close(io: Operation): void {
    while (this.tail < this.head) this.empty(io)
    if (this.ring !== 0) io.audit?.objects.free(this.ring)
  }

  /** Pages of a file into slots, as they are. @kernel lib/iov_iter.c: copy_page_to_iter_pipe */
  private splice(io: Operation): number {
    const bytes = io.extract(this.room(), Number.MAX_SAFE_INTEGER)
    for (let i = 0; i < io.list.length; i++) {
      const page = io.list.page[i]
      this.ledger.getPage(page)
      const slot = this.slotAt(this.head++)
      slot.page = page
      slot.offsetBytes = io.list.offsetBytes[i]
      slot.bytes = io.list.lengthBytes[i]
      slot.isOwn = false
      if (this.isFixed) slot.flags = 0
      io.audit?.objects.fillSlot(this.ring, page, this.isFixed)
    }
    return bytes
  }

  /** Pages of the pipe's own for a direct read, which fills them. @kernel lib/iov_iter.c: push_pipe, pipe_get_pages */
  private push(io: Operation): number {
    let done = 0
    while (done < io.lengthBytes && this.room() > 0) {
      const page = io.owned.alloc()
      if (page < 0) return done > 0 ? done : ENOMEM
      const slot = this.slotAt(this.head++)
      slot.page = page
      slot.offsetBytes = 0
      slot.bytes = Math.min(io.lengthBytes - done, PAGE_SIZE)
      slot.isOwn = true
      if (this.isFixed) slot.flags = 0
      io.audit?.objects.fillSlot(this.ring, page, this.isFixed)
      done += slot.bytes
    }
    return done
  }

  /** What does not fill a page may go behind what the last slot has. @kernel fs/pipe.c: pipe_write */
  private write(io: Operation): number {
    let left = io.iter.countBytes
    const odd = left % PAGE_SIZE
    const last = this.slotAt(this.head - 1)
    const end = last.offsetBytes + last.bytes
    if (odd > 0 && this.head > this.tail && (last.flags & CAN_MERGE) !== 0 && end + odd <= PAGE_SIZE) {
      io.audit?.objects.appendToSlot(this.ring, last.page)
      io.audit?.folios.store(last.page, end, odd, BY_KERNEL)
      last.bytes += odd
      left -= odd
    }
    while (left > 0 && this.room() > 0) {
      const written = this.writePage(io, Math.min(left, PAGE_SIZE))
      if (written < 0) return left < io.iter.countBytes ? io.iter.countBytes - left : written
      left -= written
    }
    return io.iter.countBytes - left
  }

  private writePage(io: Operation, bytes: number): number {
    const page = io.owned.alloc()
    if (page < 0) return ENOMEM
    const slot = this.slotAt(this.head++)
    slot.page = page
    slot.offsetBytes = 0
    slot.bytes = bytes
    slot.isOwn = true
    slot.flags = CAN_MERGE
    io.audit?.objects.fillSlot(this.ring, page, true)
    io.audit?.folios.store(page, 0, bytes, BY_KERNEL)
    return bytes
  }

  /** @kernel fs/pipe.c: pipe_read */
  private read(io: Operation): number {
    let left = io.iter.countBytes
    while (left > 0 && this.tail < this.head) {
      const slot = this.slotAt(this.tail)
      const bytes = Math.min(left, slot.bytes)
      slot.offsetBytes += bytes
      slot.bytes -= bytes
      left -= bytes
      if (slot.bytes === 0) this.empty(io)
    }
    return io.iter.countBytes - left
  }

  /** The first slot in use gives its page back; its flags stay. @kernel include/linux/pipe_fs_i.h: pipe_buf_release */
  private empty(io: Operation): void {
    const slot = this.slotAt(this.tail++)
    if (slot.isOwn) io.owned.put(slot.page)
    else this.ledger.putPage(slot.page)
  }

  private room(): number {
    return SLOTS - (this.head - this.tail)
  }

  private slotAt(position: number): Slot {
    return this.slots[(position + SLOTS) % SLOTS]
  }
}
