import {
  type ConsumerEnvironment,
  EFAULT,
  ENOMEM,
  ITER_DEST,
  isSince,
  isUserBacked,
  type Operation,
  pagesSpanned,
} from '@pinscope/core'
import {
  ASYNC_REQUESTS,
  BACKGROUND_FULL,
  DIRTIED_PAGES,
  FAILED_REQUESTS,
  REQUESTS,
  SERVER_PAGES,
} from './fuse-counters.ts'
import {
  type FuseSizes,
  fuseSizes,
  MAX_MAX_PAGES,
  PAGE_AND_DESC_BYTES,
  READ_HEADER_BYTES,
  WRITE_HEADER_BYTES,
} from './fuse-sizes.ts'
import { REQUEST_NONE, RequestTable } from './request-table.ts'
import { UserPages } from './user-pages.ts'

const BYTES_UNLIMITED = 0x7fffffff

/**
 * An operation cut into requests. A synchronous one waits for each answer and lets go of its pages before the next request;
 * a short answer, or an error, is the end. An asynchronous one sends all of them, and lets go of each with its answer: here,
 * of all when the operation is over. The recorded result tells what the server answered.
 *
 * A request that cannot be queued is let go at once. A synchronous operation ends there; an asynchronous one sends the
 * others all the same, and fails.
 * @kernel fs/fuse/file.c: fuse_direct_io, fuse_async_req_send, fuse_release_user_pages, fuse_aio_complete_req
 */
export class DirectIo {
  private readonly counts: Float64Array
  private readonly sizes: FuseSizes
  private readonly maxPages: number
  private readonly maxRead: number
  private readonly maxWrite: number
  private readonly maxBackground: number
  private readonly sendsAll: boolean
  private readonly hasServer: boolean
  private readonly requests = new RequestTable()
  private readonly user: UserPages
  /** Asynchronous requests without an answer, of all operations. @kernel fs/fuse/fuse_i.h: num_background */
  private background = 0
  /** Of the operation at work: it is asynchronous, it reads into user memory. */
  private isAsync = false
  private isRead = false
  private dirties = false
  /** Bytes of the page array of the request at work; -1 when there is none. */
  private arrayBytes = -1
  /** Bytes that the server still gives or takes; the errno with which it answers the first request. */
  private serverBytes = 0
  private serverError = 0
  private queueError = 0
  private error = 0

  constructor(environment: ConsumerEnvironment, counts: Float64Array) {
    const { kernel, options } = environment
    this.counts = counts
    this.sizes = fuseSizes(kernel)
    const limit = isSince(kernel, '6.18') ? options['max-pages-limit'] : MAX_MAX_PAGES
    this.maxPages = Math.min(options['max-pages'], limit)
    this.maxRead = options['max-read'] === 0 ? BYTES_UNLIMITED : options['max-read']
    this.maxWrite = options['max-write']
    this.maxBackground = options['max-background']
    this.sendsAll = options.async === 1
    this.hasServer = options['virtio-fs'] === 0
    this.user = new UserPages(environment, counts)
  }

  /** Bytes or an errno; what is on its way is chained to `io.scratch`, and {@link settle} takes it back. */
  transfer(io: Operation): number {
    const bytes = io.iter.countBytes
    if (bytes === 0) return 0
    this.begin(io, bytes)
    if (this.isAsync && !io.allocate(this.sizes.ioPriv)) return ENOMEM
    const done = this.sendAll(io, bytes)
    this.freeRequest(io)
    if (this.isAsync && io.scratch === REQUEST_NONE) io.free(this.sizes.ioPriv)
    return this.result(io, done)
  }

  /** Everything on its way is answered. A read makes its pages dirty, whatever the answer was. */
  settle(io: Operation): void {
    const { requests, sizes } = this
    const first = io.scratch
    if (first === REQUEST_NONE) return
    const isAsync = requests.isAsync[first] === 1
    io.letGoOfKept()
    for (let row = first; row !== REQUEST_NONE; ) {
      const next = requests.next[row]
      this.counts[DIRTIED_PAGES] += requests.dirtyPages[row]
      if (isAsync) this.background--
      io.free(sizes.req)
      io.free(requests.arrayBytes[row])
      io.free(sizes.ioArgs)
      requests.give(row)
      row = next
    }
    if (isAsync) io.free(sizes.ioPriv)
    io.scratch = REQUEST_NONE
  }

  private begin(io: Operation, bytes: number): void {
    const { iter, recordedResult } = io
    this.isAsync = io.hasEnd && this.sendsAll
    this.isRead = iter.direction === ITER_DEST
    this.dirties = this.isRead && isUserBacked(iter.type)
    this.serverError = recordedResult < 0 ? recordedResult : 0
    this.serverBytes = recordedResult < 0 ? 0 : recordedResult < bytes ? recordedResult : bytes
    this.queueError = 0
    this.error = 0
    this.arrayBytes = -1
  }

  /** Bytes that were sent, or answered where each answer is waited for; {@link error} is what ended it. */
  private sendAll(io: Operation, bytes: number): number {
    const nmax = this.isRead ? this.maxRead : this.maxWrite
    let count = bytes
    while (count > 0) {
      const pages = io.iter.npages(this.maxPages)
      // A DISCARD has none. The kernel would send requests of no bytes for ever.
      if (pages === 0) {
        this.error = EFAULT
        break
      }
      if (!this.allocRequest(io, pages)) {
        this.error = ENOMEM
        break
      }
      const got = this.user.get(io, count < nmax ? count : nmax, pages)
      if (got === 0) {
        this.error = this.user.error
        break
      }
      if (got < count && (got === nmax || this.user.isFull(pages))) io.limitHit()
      const done = this.send(io, got, got === count)
      count -= done
      if (done < got) break
    }
    return bytes - count
  }

  /** Sends what `user` has; returns the bytes that the loop goes on from. */
  private send(io: Operation, bytes: number, isLast: boolean): number {
    const { counts, isAsync } = this
    counts[REQUESTS]++
    if (!io.allocate(this.sizes.req)) {
      counts[FAILED_REQUESTS]++
      this.queueError = ENOMEM
      this.release(io)
      return isAsync ? bytes : 0
    }
    const done = isAsync ? bytes : this.answer(bytes)
    this.countServer(done, bytes)
    if (isAsync) this.queueInBackground(io)
    if (isAsync || isLast || done < bytes) this.park(io)
    else {
      io.free(this.sizes.req)
      this.release(io)
    }
    return done
  }

  /** What the server answers to a request that is waited for. */
  private answer(bytes: number): number {
    const done = bytes < this.serverBytes ? bytes : this.serverBytes
    this.serverBytes -= done
    return done
  }

  private queueInBackground(io: Operation): void {
    this.counts[ASYNC_REQUESTS]++
    if (!io.fits(this.background + 1, this.maxBackground)) this.counts[BACKGROUND_FULL]++
    this.background++
  }

  /** The request stays on its way until the operation is over. */
  private park(io: Operation): void {
    const { user } = this
    io.keep(user.hold)
    user.pages.borrow(io, user.hold)
    this.requests.add(io, this.arrayBytes, this.dirties ? user.pages.pages : 0, this.isAsync)
    this.arrayBytes = -1
  }

  /** The request is over: its pages are made dirty and let go. */
  private release(io: Operation): void {
    if (this.dirties) this.counts[DIRTIED_PAGES] += this.user.pages.pages
    this.user.letGo()
    this.freeRequest(io)
  }

  /** @kernel fs/fuse/file.c: fuse_io_alloc */
  private allocRequest(io: Operation, pages: number): boolean {
    const { ioArgs } = this.sizes
    if (!io.allocate(ioArgs)) return false
    const bytes = pages * PAGE_AND_DESC_BYTES
    if (io.allocate(bytes)) {
      this.arrayBytes = bytes
      return true
    }
    io.free(ioArgs)
    return false
  }

  private freeRequest(io: Operation): void {
    if (this.arrayBytes < 0) return
    io.free(this.arrayBytes)
    io.free(this.sizes.ioArgs)
    this.arrayBytes = -1
  }

  /** @kernel fs/fuse/dev.c: fuse_copy_fill: once for each page of the server's buffer */
  private countServer(done: number, bytes: number): void {
    if (!this.hasServer) return
    this.counts[SERVER_PAGES] += this.isRead
      ? pagesSpanned(READ_HEADER_BYTES, done)
      : pagesSpanned(WRITE_HEADER_BYTES, bytes)
  }

  /**
   * An asynchronous operation fails when a request of it could not be queued; another keeps what was moved before. What was
   * sent counts where the server answers badly, and stays on its way until the trace says so.
   * @kernel fs/fuse/file.c: fuse_direct_io, fuse_get_res_by_io
   */
  private result(io: Operation, done: number): number {
    const { error, queueError, serverError, serverBytes, isAsync } = this
    if (isAsync && queueError < 0) return queueError
    const isShort = isAsync && serverError === 0 && serverBytes < done
    const moved = isShort ? serverBytes : done
    io.reachedInPlace(moved)
    // What was sent is on its way, be the answer nothing.
    if (done > 0) return moved
    if (queueError < 0) return queueError
    if (serverError < 0 && io.scratch !== REQUEST_NONE) return io.hasEnd ? 0 : serverError
    return error
  }
}
