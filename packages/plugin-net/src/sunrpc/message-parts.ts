import {
  EFAULT,
  EIO,
  EXTRACT,
  GUARD_COUNT,
  grown,
  type IovIter,
  ITER_KVEC,
  KERNEL_MM,
  KIND_SLAB,
  type Memory,
  type Operation,
  PAGE_KINDS,
  PAGE_LIST_MAX,
  PAGE_SIZE,
} from '@pinscope/core'
import { BYTES_COPIED, BYTES_REFERENCED, BYTES_SKIPPED, IMPROPER_PAGES, NOT_LINEAR } from './counters.ts'
import { SPLICE_PAGES_MAX } from './sizes.ts'
import { OF_ROW, type TcpFrags } from './tcp-frags.ts'
import type { Way } from './way.ts'

const KIND_VMALLOC = PAGE_KINDS.indexOf('vmalloc')

/** What is known of a slab page. */
const UNKNOWN = 0
const UNDECLARED = 1
const DECLARED = 2

/**
 * Gives parts of the row to TCP: by reference, or copied. Pages that TCP keeps are borrowed until the operation is over,
 * when the other side has acknowledged them; of what was copied nothing is.
 *
 * Kernel memory that a `map` row declares `slab` was kmalloc'ed; what no row mentions is taken for pages, as a server's
 * buffers are. `vmalloc` memory has no page that virt_to_page() could give.
 */
export class MessageParts {
  /** -errno that ended the message early; 0 for none. */
  error = 0
  /** Bytes of the operation that TCP refers to. */
  referencedBytes = 0
  private readonly memory: Memory
  private readonly tcp: TcpFrags
  private readonly counts: Float64Array
  private readonly way: Way
  /** The mapping of kernel memory that no row mentions. */
  private readonly undeclared: number
  /** By page row: what is known of it, for good, since memory that is mapped anew has pages anew. */
  private slabKind = new Uint8Array(1024)
  /** Where the extraction at work began. */
  private segment = 0
  private skipBytes = 0

  constructor(memory: Memory, tcp: TcpFrags, counts: Float64Array, way: Way) {
    this.memory = memory
    this.tcp = tcp
    this.counts = counts
    this.way = way
    this.undeclared = memory.spaces.find(KERNEL_MM, 0).id
  }

  /** Sends the iterator, which is over memory of one kind, to its end; returns the bytes that went. */
  send(io: Operation): number {
    const isKvec = io.iter.type === ITER_KVEC
    if (isKvec ? this.way.refersHeads : this.way.refersPages) return this.refer(io, isKvec)
    return this.copy(io)
  }

  /** @kernel lib/iov_iter.c: _copy_from_iter */
  private copy(io: Operation): number {
    const bytes = io.iter.countBytes
    const copied = io.copy(bytes)
    this.tcp.appendCopied(copied)
    this.counts[BYTES_COPIED] += copied
    if (copied < bytes) this.error = EFAULT
    return copied
  }

  /**
   * As many pages at a time as a send takes out of its iterator. kernel_sendpage() takes head and tail in one piece, be
   * they longer than a page.
   * @kernel net/core/skbuff.c: skb_splice_from_iter; 6.1: net/sunrpc/svcsock.c: svc_tcp_send_kvec
   */
  private refer(io: Operation, isKvec: boolean): number {
    const { iter } = io
    const { tcp, counts } = this
    const inOnePiece = isKvec && this.way.isCallPerPage
    let sent = 0
    while (iter.countBytes > 0) {
      iter.skipEmpty()
      this.segment = iter.segment
      this.skipBytes = iter.iovOffsetBytes
      const pagesMax = inOnePiece ? PAGE_LIST_MAX : Math.min(Math.max(tcp.roomFrags(), 1), SPLICE_PAGES_MAX)
      const bytes = io.extract(pagesMax, inOnePiece ? iter.countBytes : tcp.roomBytes(), 0, EXTRACT)
      if (bytes <= 0) {
        this.error = bytes === 0 ? EIO : bytes
        break
      }
      // Listed with nothing taken, and not counted so: TCP takes a reference.
      io.ledger.bare(-io.list.pages)
      if (isKvec && io.pages.kindOf(io.list.page[0]) === KIND_VMALLOC) {
        counts[NOT_LINEAR]++
        this.error = EFAULT
        break
      }
      sent += inOnePiece ? this.appendWhole(io, bytes) : this.appendPages(io, bytes, isKvec)
    }
    counts[BYTES_REFERENCED] += sent
    this.referencedBytes += sent
    return sent
  }

  /** @kernel net/socket.c: kernel_sendpage (6.1), which warns of a slab page and goes on */
  private appendWhole(io: Operation, bytes: number): number {
    const { list } = io
    if (this.isImproper(io, 0, true)) this.counts[IMPROPER_PAGES]++
    io.borrowList(GUARD_COUNT)
    this.tcp.append(io, list.page[0], list.offsetBytes[0], bytes, OF_ROW)
    return bytes
  }

  /**
   * Page by page. A page that TCP refuses is left out, and so is what was extracted with it behind it: the iterator has
   * moved on, and is not put back. The caller is told by the number of bytes alone.
   * @kernel net/core/skbuff.c: skb_splice_from_iter (-EIO, without iov_iter_revert)
   */
  private appendPages(io: Operation, bytes: number, isKvec: boolean): number {
    const { page, offsetBytes, lengthBytes, length } = io.list
    let sent = 0
    for (let i = 0; i < length; i++) {
      if (this.isImproper(io, i, isKvec)) {
        this.counts[IMPROPER_PAGES]++
        if (this.way.checksPages) {
          this.counts[BYTES_SKIPPED] += bytes - sent
          break
        }
      }
      io.borrow(page[i], offsetBytes[i], lengthBytes[i], GUARD_COUNT)
      this.tcp.append(io, page[i], offsetBytes[i], lengthBytes[i], OF_ROW)
      sent += lengthBytes[i]
    }
    return sent
  }

  /** A reference keeps no slab page, nor one that nobody holds. @kernel include/linux/net.h: sendpage_ok */
  private isImproper({ pages, list, iter }: Operation, index: number, isKvec: boolean): boolean {
    const page = list.page[index]
    if (pages.refcountOf(page) < 1) return true
    if (pages.kindOf(page) !== KIND_SLAB) return false
    return !isKvec || this.isDeclared(iter, page, index)
  }

  /** A `map` row tells of the page that the extraction at work listed at `index`. */
  private isDeclared({ table }: IovIter, page: number, index: number): boolean {
    if (page >= this.slabKind.length) this.slabKind = grown(this.slabKind, 2 * page)
    if (this.slabKind[page] === UNKNOWN) {
      const number = Math.floor((table.addressBytes[this.segment] + this.skipBytes) / PAGE_SIZE) + index
      const { id } = this.memory.spaces.find(KERNEL_MM, number)
      this.slabKind[page] = id === this.undeclared ? UNDECLARED : DECLARED
    }
    return this.slabKind[page] === DECLARED
  }
}
