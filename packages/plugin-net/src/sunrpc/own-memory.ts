import { EFAULT, ENOMEM, type Operation, PAGE_SIZE } from '@pinscope/core'
import { BYTES_COPIED, BYTES_REFERENCED, IMPROPER_PAGES, MEMORY_WAITS } from './counters.ts'
import type { RequestTable } from './request-table.ts'
import { KMALLOC_PAGE, OF_CONSUMER, OF_NOBODY, type TcpFrags } from './tcp-frags.ts'
import type { Way } from './way.ts'

/** No page. */
const NONE = -1

/**
 * What a message has that is not the row's: head and tail, in the first of the server's pages or in kmalloc'ed memory of
 * the client's, and the data of user memory, copied into pages before sunrpc sees it. The server lets go of its pages
 * when they are sent, and TCP's references keep them; the client keeps all of it for another try, until the answer.
 *
 * @kernel net/sunrpc/svc.c: svc_rqst_release_pages; net/sunrpc/sched.c: rpc_malloc, rpc_free
 */
export class OwnMemory {
  private readonly requests: RequestTable
  private readonly tcp: TcpFrags
  private readonly counts: Float64Array
  private readonly way: Way
  private readonly isServer: boolean

  /** Pages of the message at work, and TCP's references on them: the data's, and the one with head and tail. */
  private readonly dataPage: Int32Array
  private readonly dataReferences: Int32Array
  private dataPages = 0
  private dataBytes = 0
  private headPage = NONE
  private headReferences = 0

  /** `blockBytes`: data of a message at most. */
  constructor(
    requests: RequestTable,
    tcp: TcpFrags,
    counts: Float64Array,
    way: Way,
    isServer: boolean,
    blockBytes: number,
  ) {
    this.requests = requests
    this.tcp = tcp
    this.counts = counts
    this.way = way
    this.isServer = isServer
    const pages = Math.ceil(blockBytes / PAGE_SIZE)
    this.dataPage = new Int32Array(pages)
    this.dataReferences = new Int32Array(pages)
  }

  /** Copies the iterator into pages: 0, or -errno with {@link end} still to be called. @kernel fs/nfsd/vfs.c: nfsd_iter_read, from the page cache */
  fill(io: Operation): number {
    this.dataBytes = io.iter.countBytes
    io.isBounced = true
    for (let left = this.dataBytes; left > 0; ) {
      const page = this.allocPage(io)
      if (page < 0) return ENOMEM
      this.dataReferences[this.dataPages] = 0
      this.dataPage[this.dataPages++] = page
      const part = left < PAGE_SIZE ? left : PAGE_SIZE
      if (io.copyPage(page, 0, part) !== part) return EFAULT
      left -= part
    }
    return 0
  }

  /** Memory for `bytes` bytes of head and tail; false when there is none. */
  makeHead(io: Operation, request: number, bytes: number): boolean {
    if (!this.isServer) return this.waitFor(io, request, bytes)
    this.headReferences = 0
    this.headPage = this.allocPage(io)
    return this.headPage !== NONE
  }

  /** Sends head or tail: `bytes` bytes that lie `offsetBytes` into the memory of both. */
  sendHead(io: Operation, offsetBytes: number, bytes: number): void {
    const { tcp, counts } = this
    if (bytes === 0) return
    if (!this.way.refersHeads) {
      tcp.appendCopied(bytes)
      counts[BYTES_COPIED] += bytes
      return
    }
    counts[BYTES_REFERENCED] += bytes
    if (this.isServer) {
      this.headReferences += tcp.append(io, this.headPage, offsetBytes, bytes, OF_CONSUMER)
    } else {
      // rpc_malloc() takes it from a slab cache.
      counts[IMPROPER_PAGES]++
      tcp.append(io, KMALLOC_PAGE, offsetBytes, bytes, OF_NOBODY)
    }
  }

  /** Sends the data that {@link fill} copied; returns its bytes. */
  sendData(io: Operation): number {
    const { tcp, counts, dataPage, dataReferences, dataBytes } = this
    if (!this.way.refersPages) {
      tcp.appendCopied(dataBytes)
      counts[BYTES_COPIED] += dataBytes
      io.copied(dataBytes)
      return dataBytes
    }
    counts[BYTES_REFERENCED] += dataBytes
    for (let i = 0; i < this.dataPages; i++) {
      const part = Math.min(dataBytes - i * PAGE_SIZE, PAGE_SIZE)
      dataReferences[i] = tcp.append(io, dataPage[i], 0, part, OF_CONSUMER)
    }
    return dataBytes
  }

  /** The message is sent, or is not: what TCP or the client keeps becomes the request's, the rest goes. */
  end(io: Operation, request: number): void {
    for (let i = 0; i < this.dataPages; i++) this.hand(io, request, this.dataPage[i], this.dataReferences[i])
    if (this.headPage !== NONE) this.hand(io, request, this.headPage, this.headReferences)
    this.dataPages = 0
    this.headPage = NONE
  }

  /** Memory that is waited for where there is none; false when there is none then. It is the request's. */
  waitFor(io: Operation, request: number, bytes: number): boolean {
    if (!io.allocate(bytes)) {
      this.counts[MEMORY_WAITS]++
      if (!io.allocate(bytes)) return false
    }
    this.requests.addMemory(request, bytes)
    return true
  }

  private hand(io: Operation, request: number, page: number, references: number): void {
    const kept = this.isServer ? references : references + 1
    if (this.isServer) io.owned.put(page)
    if (kept > 0) this.requests.addPage(request, page, kept)
  }

  /** A page, waited for as a thread of the server does. @kernel net/sunrpc/svc_xprt.c: svc_alloc_arg */
  private allocPage(io: Operation): number {
    const page = io.owned.alloc()
    if (page >= 0) return page
    this.counts[MEMORY_WAITS]++
    return io.owned.alloc()
  }
}
