import { holding } from '../grown.ts'
import { RowPool } from '../row-pool.ts'
import { PAGE_SIZE } from '../units.ts'
import type { Operation } from './operation.ts'

/** Bytes of a page frag: eight pages. @kernel include/net/sock.h: SKB_FRAG_PAGE_ORDER (32 KiB) */
export const PAGE_FRAG_BYTES = 32768

/** No frag; also the device path's dummy page, which exists once and is never freed. @kernel net/tls/tls_device.c: dummy_page */
export const FRAG_NONE = -1

const PAGES = PAGE_FRAG_BYTES / PAGE_SIZE

/**
 * Page frags, and the one from which the task takes: what a socket copies goes into them, from the front of one to its end.
 * A frag is eight pages with one reference count: one reference is the task's, one is that of each piece in use.
 *
 * An allocation that fails leaves nothing: a kernel would try a single page first, and fails when that fails too.
 *
 * @kernel include/linux/mm_types_task.h: struct page_frag; net/core/sock.c: sk_page_frag_refill, skb_page_frag_refill
 */
export class PageFrags {
  /** The task's own frag, and how far it is used. @kernel current->task_frag */
  frag = FRAG_NONE
  offsetBytes = 0

  /** Eight page rows a frag; the first has the count. */
  private rows = new Int32Array(8 * PAGES)
  private readonly frags = new RowPool()

  /** The task's frag has room for `bytes`, or a new one is allocated: false when there is no memory. @kernel skb_page_frag_refill */
  refill(io: Operation, bytes: number): boolean {
    if (this.frag !== FRAG_NONE) {
      if (io.owned.refcount(this.rows[this.frag * PAGES]) === 1) {
        this.offsetBytes = 0
        return true
      }
      if (this.offsetBytes + bytes <= PAGE_FRAG_BYTES) return true
      this.put(io, this.frag)
    }
    this.offsetBytes = 0
    this.frag = this.alloc(io)
    return this.frag !== FRAG_NONE
  }

  /** The task exits. */
  dispose(io: Operation): void {
    if (this.frag !== FRAG_NONE) this.put(io, this.frag)
    this.frag = FRAG_NONE
  }

  /** One more reference. @kernel include/linux/mm.h: get_page */
  get(io: Operation, frag: number): void {
    if (frag !== FRAG_NONE) io.owned.get(this.rows[frag * PAGES])
  }

  /** Drops one; the last frees the eight pages. @kernel include/linux/mm.h: put_page */
  put(io: Operation, frag: number): void {
    if (frag === FRAG_NONE || !io.owned.put(this.rows[frag * PAGES])) return
    for (let i = 1; i < PAGES; i++) io.owned.put(this.rows[frag * PAGES + i])
    this.frags.give(frag)
  }

  /** Writes into a frag, where pages hold bytes. */
  write(io: Operation, frag: number, offsetBytes: number, bytes: Uint8Array): void {
    for (let done = 0; frag !== FRAG_NONE && done < bytes.length; ) {
      const piece = this.piece(io, frag, offsetBytes + done, bytes.length - done)
      piece.set(bytes.subarray(done, done + piece.length))
      done += piece.length
    }
  }

  /** Reads out of a frag, where pages hold bytes. */
  read(io: Operation, frag: number, offsetBytes: number, into: Uint8Array): void {
    for (let done = 0; frag !== FRAG_NONE && done < into.length; ) {
      const piece = this.piece(io, frag, offsetBytes + done, into.length - done)
      into.set(piece, done)
      done += piece.length
    }
  }

  private piece(io: Operation, frag: number, offsetBytes: number, bytes: number): Uint8Array {
    const row = this.rows[frag * PAGES + Math.floor(offsetBytes / PAGE_SIZE)]
    return io.memory.bytes!.piece(row, offsetBytes % PAGE_SIZE, bytes)
  }

  private alloc(io: Operation): number {
    const frag = this.frags.take()
    this.rows = holding(this.rows, frag * PAGES + PAGES - 1)
    for (let i = 0; i < PAGES; i++) {
      const page = io.owned.alloc()
      if (page < 0) {
        while (--i >= 0) io.owned.put(this.rows[frag * PAGES + i])
        this.frags.give(frag)
        return FRAG_NONE
      }
      this.rows[frag * PAGES + i] = page
    }
    return frag
  }
}
