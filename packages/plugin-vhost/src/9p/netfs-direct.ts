import {
  ENOMEM,
  EXTRACT,
  HOLD_NONE,
  type Hold,
  ITER_DEST,
  isUserBacked,
  type KernelVersion,
  type Ledger,
  type NetfsSizes,
  netfsSizes,
  type Operation,
  UserBvecs,
} from '@pinscope/core'
import type { P9Client } from './p9-client.ts'
import { BVECS, DIRTIED_PAGES, NETFS_REQUESTS, NETFS_SUBREQUESTS } from './p9-counters.ts'
import type { RequestTable } from './request-table.ts'

/**
 * Unbuffered I/O of netfs, which 9p goes through since 6.8: user memory is pinned into bvecs first, iterators over kernel
 * memory are used as they are, and subrequests go to the client. A read is one subrequest, a write one for each wsize.
 *
 * The pins are the lane's policy's, but for get-pages, which is what the transport does: netfs extracts.
 *
 * @kernel fs/netfs/direct_read.c: netfs_unbuffered_read_iter_locked; direct_write.c: netfs_unbuffered_write_iter_locked;
 *   iterator.c: netfs_extract_user_iter; objects.c: netfs_free_request; fs/9p/vfs_addr.c: v9fs_issue_read,
 *   v9fs_issue_write. 6.18: taken as 7.3.
 */
export class NetfsDirect {
  /** What is held on user memory; nothing for kernel memory. @kernel direct_bv, direct_bv_unpin */
  hold: Hold = HOLD_NONE
  private readonly client: P9Client
  private readonly ledger: Ledger
  private readonly counts: Float64Array
  private readonly wsize: number
  private readonly sizes: NetfsSizes
  /** Writes as in 6.12. */
  private readonly isOld: boolean
  private readonly bvecs: UserBvecs
  private bvecBytes = 0
  private hasSubrequest = false

  constructor(client: P9Client, ledger: Ledger, counts: Float64Array, wsize: number, kernel: KernelVersion) {
    this.client = client
    this.ledger = ledger
    this.bvecs = new UserBvecs(ledger)
    this.counts = counts
    this.wsize = wsize
    this.sizes = netfsSizes(kernel)
    this.isOld = kernel === '6.12'
  }

  /** Bytes, or an errno; what {@link park} or {@link finish} takes care of is left only when a netfs request was made. */
  transfer(io: Operation): number {
    const isRead = io.iter.direction === ITER_DEST
    const bytes = this.start(io, isRead)
    if (bytes < 0) return bytes
    this.counts[NETFS_REQUESTS]++
    this.client.begin(io, bytes)
    if (!isRead && bytes > this.wsize) io.limitHit()
    const result = isRead ? this.read(io) : this.write(io)
    if (result < 0) this.client.settle(io)
    if (this.client.pending === 0) this.end(io, isRead)
    return result
  }

  /** The request goes on with the last request to the server: it is kept in that one's row. */
  park(io: Operation, requests: RequestTable, row: number): void {
    io.keep(this.hold)
    this.hold = HOLD_NONE
    requests.isNetfs[row] = 1
    requests.bvecs[row] = this.bvecs.table.length
    requests.bvecBytes[row] = this.bvecBytes
  }

  /** The operation is over; what it held has been let go. */
  finish(io: Operation, isRead: boolean, bvecs: number, bvecBytes: number): void {
    if (isRead) this.counts[DIRTIED_PAGES] += bvecs
    io.free(this.sizes.subrequest)
    this.freeRequest(io, isRead, bvecBytes)
  }

  private freeRequest(io: Operation, isRead: boolean, bvecBytes: number): void {
    if (bvecBytes > 0) io.free(bvecBytes)
    if (!isRead) io.free(this.sizes.folioQueue)
    io.free(this.sizes.request)
  }

  /** The request, and the iterator that its subrequests are cut from. Bytes, or an errno with nothing left. */
  private start(io: Operation, isRead: boolean): number {
    const { sizes } = this
    this.bvecs.table.clear()
    this.bvecBytes = 0
    this.hasSubrequest = false
    if (!io.allocate(sizes.request)) return ENOMEM
    // The rolling buffer of a write has its first segment before it is known that it stays empty.
    if (!isRead && !io.allocate(sizes.folioQueue)) {
      io.free(sizes.request)
      return ENOMEM
    }
    if (!isUserBacked(io.iter.type)) return io.iter.countBytes
    const bytes = this.extractUserIter(io)
    if (bytes < 0) this.freeRequest(io, isRead, 0)
    return bytes
  }

  /** netfs extracts, whatever the transport does. */
  private extractUserIter(io: Operation): number {
    const { bvecs } = this
    const bytes = bvecs.extract(io, io.policy.isLegacy ? EXTRACT : io.policy)
    if (bytes < 0) return bytes
    this.hold = bvecs.hold
    this.bvecBytes = bvecs.arrayBytes
    this.counts[BVECS] += bvecs.table.length
    return bytes
  }

  /** All of it in one subrequest. An error takes back what came before it. @kernel fs/9p/vfs_addr.c: v9fs_issue_read */
  private read(io: Operation): number {
    const { client, sizes } = this
    if (!io.allocate(sizes.subrequest)) return ENOMEM
    this.hasSubrequest = true
    this.counts[NETFS_SUBREQUESTS]++
    const bytes = client.transfer(io)
    return client.error < 0 ? client.error : bytes
  }

  /**
   * A subrequest after the other, each of at most wsize bytes. One that came back short is issued again for the rest; what
   * moves nothing ends it.
   * @kernel fs/netfs/direct_write.c: netfs_unbuffered_write; fs/9p/vfs_addr.c: v9fs_issue_write
   */
  private write(io: Operation): number {
    if (this.isOld) return this.writeOld(io)
    const { client, wsize } = this
    const { iter } = io
    let rest = iter.countBytes
    let written = 0
    let isRetry = false
    while (rest > 0) {
      if (!isRetry && !this.nextSubrequest(io)) return written > 0 ? written : ENOMEM
      const part = rest < wsize ? rest : wsize
      iter.truncate(part)
      const done = client.transfer(io)
      rest -= done
      iter.reexpand(rest)
      written += done
      if (done === 0) return written > 0 ? written : client.error
      isRetry = done < part
    }
    return written
  }

  /**
   * 6.12: what is left of a short subrequest is issued again before the next one, those behind one that failed are issued
   * all the same, and no error comes back: the result is what was written before it, be it nothing.
   * @kernel fs/netfs/write_issue.c: netfs_unbuffered_write; write_collect.c: netfs_retry_write_stream; direct_write.c
   */
  private writeOld(io: Operation): number {
    const { client, wsize } = this
    const { iter } = io
    let rest = iter.countBytes
    let written = 0
    let hasFailed = false
    while (rest > 0 && this.nextSubrequest(io)) {
      const part = rest < wsize ? rest : wsize
      iter.truncate(part)
      let done = client.transfer(io)
      for (let more = done; more > 0 && done < part; done += more) more = client.transfer(io)
      rest -= part
      iter.advance(part - done)
      iter.reexpand(rest)
      if (!hasFailed) written += done
      hasFailed = hasFailed || done < part
      if (client.fails) break
    }
    return written
  }

  /** The subrequest before has been collected. @kernel fs/netfs/objects.c: netfs_alloc_subrequest */
  private nextSubrequest(io: Operation): boolean {
    const { subrequest } = this.sizes
    this.client.settle(io)
    if (this.hasSubrequest) io.free(subrequest)
    // 6.12 has memory for the subrequests of writes in reserve: it waits, and has it.
    this.hasSubrequest = io.allocate(subrequest) || (this.isOld && io.allocate(subrequest))
    if (this.hasSubrequest) this.counts[NETFS_SUBREQUESTS]++
    return this.hasSubrequest
  }

  /** Nothing goes on: all of the request goes. */
  private end(io: Operation, isRead: boolean): void {
    this.letGo()
    if (isRead && this.hasSubrequest) this.counts[DIRTIED_PAGES] += this.bvecs.table.length
    if (this.hasSubrequest) io.free(this.sizes.subrequest)
    this.freeRequest(io, isRead, this.bvecBytes)
  }

  private letGo(): void {
    this.ledger.letGo(this.hold)
    this.hold = HOLD_NONE
  }
}
