import { EFAULT, holding, type Operation, PAGE_SIZE, RowPool } from '@pinscope/core'
import { SKB_BYTES } from './prot-info.ts'
import { NONE, type TlsSockets } from './tls-sockets.ts'

/** Pages of the largest record. @kernel include/net/tls.h: TLS_MAX_PAYLOAD_SIZE and the overhead */
const PAGES = 5

/**
 * Buffers of the socket's own into which records are opened that no reader's memory takes whole, as columns; and the
 * list of those that a socket keeps for the next read.
 * @kernel net/tls/tls_sw.c: tls_alloc_clrtxt_skb; include/net/tls.h: tls_sw_context_rx.rx_list
 */
export class RxSkbs {
  /** Where the plaintext that is left begins, and how much it is. @kernel include/net/strparser.h: struct strp_msg */
  offsetBytes = new Int32Array(8)
  lengthBytes = new Int32Array(8)

  private pages = new Int32Array(8 * PAGES)
  private pageCount = new Int32Array(8)
  private next = new Int32Array(8)
  private readonly rows = new RowPool()

  /** Room for `bytes` bytes; NONE when there is no memory. @kernel net/core/skbuff.c: alloc_skb_with_frags */
  alloc(io: Operation, bytes: number): number {
    if (!io.allocate(SKB_BYTES)) return NONE
    const skb = this.rows.take()
    this.grow(skb)
    const pages = Math.ceil(bytes / PAGE_SIZE)
    this.pageCount[skb] = 0
    for (let i = 0; i < pages; i++) {
      const page = io.owned.alloc()
      if (page < 0) {
        this.give(io, skb)
        return NONE
      }
      this.pages[skb * PAGES + this.pageCount[skb]++] = page
    }
    this.offsetBytes[skb] = 0
    this.lengthBytes[skb] = bytes
    return skb
  }

  /** @kernel include/linux/skbuff.h: consume_skb */
  give(io: Operation, skb: number): void {
    for (let i = 0; i < this.pageCount[skb]; i++) io.owned.put(this.pages[skb * PAGES + i])
    io.free(SKB_BYTES)
    this.rows.give(skb)
  }

  /** Frags of the buffer: its pages in powers of two, the largest first. @kernel net/core/skbuff.c: alloc_skb_with_frags (order at most 3) */
  fragCount(skb: number): number {
    let frags = 0
    for (let left = this.pageCount[skb]; left > 0; left &= left - 1) frags++
    return frags
  }

  /**
   * Copies `bytes` bytes of the plaintext to the iterator: 0, or -EFAULT with the iterator where it was. An iterator that
   * ends before them is no error.
   * @kernel net/core/datagram.c: skb_copy_datagram_iter
   */
  copyTo(io: Operation, skb: number, bytes: number): number {
    return copyOut(io, bytes, io.memory.bytes === null ? null : this.read(io, skb, bytes))
  }

  /** Writes the plaintext, where pages hold bytes. */
  write(io: Operation, skb: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const piece = this.piece(io, skb, done, bytes.length - done)
      piece.set(bytes.subarray(done, done + piece.length))
      done += piece.length
    }
  }

  private read(io: Operation, skb: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    for (let done = 0; done < length; ) {
      const piece = this.piece(io, skb, done, length - done)
      bytes.set(piece, done)
      done += piece.length
    }
    return bytes
  }

  private piece(io: Operation, skb: number, at: number, length: number): Uint8Array {
    const offset = this.offsetBytes[skb] + at
    const page = this.pages[skb * PAGES + Math.floor(offset / PAGE_SIZE)]
    return io.memory.bytes!.piece(page, offset % PAGE_SIZE, length)
  }

  /** Appends a buffer to what the socket keeps. */
  keep(sockets: TlsSockets, socket: number, skb: number): void {
    this.next[skb] = NONE
    if (sockets.rxFirst[socket] === NONE) sockets.rxFirst[socket] = skb
    else this.next[sockets.rxLast[socket]] = skb
    sockets.rxLast[socket] = skb
  }

  /** Frees the first buffer that the socket keeps. */
  drop(io: Operation, sockets: TlsSockets, socket: number): void {
    const skb = sockets.rxFirst[socket]
    sockets.rxFirst[socket] = this.next[skb]
    if (sockets.rxFirst[socket] === NONE) sockets.rxLast[socket] = NONE
    this.give(io, skb)
  }

  /** Frees all of them. @kernel net/tls/tls_sw.c: tls_sw_release_resources_rx */
  dropAll(io: Operation, sockets: TlsSockets, socket: number): void {
    while (sockets.rxFirst[socket] !== NONE) this.drop(io, sockets, socket)
  }

  private grow(skb: number): void {
    this.offsetBytes = holding(this.offsetBytes, skb)
    this.lengthBytes = holding(this.lengthBytes, skb)
    this.pageCount = holding(this.pageCount, skb)
    this.next = holding(this.next, skb)
    this.pages = holding(this.pages, skb * PAGES + PAGES - 1)
  }
}

/** {@link RxSkbs.copyTo}, of bytes that are not in one of its buffers. */
export function copyOut(io: Operation, bytes: number, buffer: Uint8Array | null): number {
  const copied = io.copy(bytes, buffer)
  if (copied === bytes || io.iter.countBytes === 0) return 0
  io.iter.revert(copied)
  return EFAULT
}
