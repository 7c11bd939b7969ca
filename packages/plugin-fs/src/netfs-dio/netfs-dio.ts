import {
  BIO_VEC_BYTES,
  type Consumer,
  type ConsumerEnvironment,
  countersOf,
  EINVAL,
  ENOMEM,
  GUARD_COUNT,
  GUARD_LOCK,
  GUARD_NONE,
  ITER_DEST,
  ITER_FOLIOQ,
  isUserBacked,
  type NetfsSizes,
  netfsSizes,
  type Operation,
  type OperationShape,
  pagesSpanned,
  type SegmentTable,
  UserBvecs,
} from '@pinscope/core'
import {
  ASYNC_REQUESTS,
  BVECS,
  DIRTIED_PAGES,
  DIRTIED_UNREAD,
  NETFS_DIO_COUNTERS,
  REFUSED,
  REQUESTS,
  SHALLOW_COPIES,
  SHORT_EXTRACTIONS,
} from './counters.ts'
import { DirectRead } from './direct-read.ts'
import { DirectWrite } from './direct-write.ts'
import { RequestTable } from './request-table.ts'
import { RollingBuffer } from './rolling-buffer.ts'
import { serverOf } from './server.ts'
import { ShallowCopy } from './shallow-copy.ts'
import { SubrequestCuts } from './subrequest-cuts.ts'

/**
 * Direct I/O of the netfs library (afs, cifs, 9p), whatever the transport below does.
 *
 * An asynchronous request goes on when its caller has returned with -EIOCBQUEUED, and the caller's iterator is gone by then.
 * So user memory is made into an array of bvecs first, a pinned page each, and the request works on an iterator over them;
 * a synchronous one does the same. An iterator over kernel memory is copied as it is: its segments and pages are the
 * caller's, who keeps them until the request is over.
 *
 * When it is over, a read marks the page of every bvec dirty, be the read short or failed, and whatever the file system has
 * put there. Then all are unpinned, with what a request that failed had as well. Of kernel memory nothing is dirtied.
 *
 * With the option page-cache, folio queues are not direct I/O but the page cache's own: see {@link RollingBuffer}.
 *
 * 6.1 has no direct I/O in netfs: afs refuses the open with -EINVAL, 9p, cifs and ceph have their own, with references
 * (`9p`, `smbdirect-legacy`, `ceph` show it). A lane under 6.1 refuses every operation with -EINVAL.
 *
 * @kernel fs/netfs/direct_read.c: netfs_unbuffered_read_iter_locked; direct_write.c: netfs_unbuffered_write_iter_locked;
 *   iterator.c: netfs_extract_user_iter; objects.c: netfs_free_request; read_collect.c: netfs_rreq_assess_dio; 6.1:
 *   fs/open.c: do_dentry_open (FMODE_CAN_ODIRECT). 6.18: taken as 7.3.
 */
export class NetfsDio implements Consumer {
  /** Holds because a request has its bvecs, one a page, and subrequests to itself; only a limit of segments looks where they begin. */
  readonly operationShape: OperationShape
  private readonly counts = new Float64Array(NETFS_DIO_COUNTERS.length)
  private readonly requests = new RequestTable()
  private readonly isMissing: boolean
  private readonly sizes: NetfsSizes
  private readonly bvecs: UserBvecs
  private readonly shallow = new ShallowCopy()
  private readonly rolling: RollingBuffer
  /** Folio queues are the page cache's own I/O. */
  private readonly isCacheIo: boolean
  private readonly cuts: SubrequestCuts
  private readonly reads: DirectRead
  private readonly writes: DirectWrite

  constructor({ kernel, ledger, memory, options, traits }: ConsumerEnvironment) {
    const { counts, requests } = this
    this.isMissing = kernel === '6.1'
    this.operationShape = { positionAlignmentBytes: 1, addressAlignmentBytes: options['max-segs'] === 0 ? 1 : 0 }
    this.sizes = netfsSizes(kernel)
    this.bvecs = new UserBvecs(ledger)
    this.rolling = new RollingBuffer(counts, requests, this.sizes.folioQueue)
    this.isCacheIo = options['page-cache'] !== 0
    const server = serverOf(options)
    this.cuts = new SubrequestCuts({ memory, counts, server, requests, subrequestBytes: this.sizes.subrequest })
    this.reads = new DirectRead(this.cuts, kernel, traits.quirks)
    this.writes = new DirectWrite(this.cuts, kernel)
  }

  submit(io: Operation): number {
    const { iter } = io
    if (iter.countBytes === 0) return 0
    if (this.isMissing) {
      this.counts[REFUSED]++
      return EINVAL
    }
    const isRead = iter.direction === ITER_DEST
    const isUser = isUserBacked(iter.type)
    const isCache = this.isCacheIo && iter.type === ITER_FOLIOQ
    if (!this.start(io, isRead, isCache && !isRead)) return ENOMEM
    const asked = iter.countBytes
    const pages = isUser ? this.extract(io) : isCache ? this.loadFolios(io) : this.copyShallow(io)
    if (pages < 0) return pages
    if (iter.countBytes < asked) this.counts[SHORT_EXTRACTIONS]++
    const shallow = isUser ? null : this.shallow
    const bytes = isRead ? this.reads.transfer(io, shallow, isCache) : this.writes.transfer(io, shallow, isCache)
    this.requests.unreadBvecs[io.scratch] = isUser && isRead ? this.unread(bytes) : 0
    if (bytes <= 0) return bytes
    io.reachedInPlace(bytes)
    this.tellAvoided(io, pages, isUser)
    return bytes
  }

  /** It failed: what it has is given back as if it had gone well. */
  abort(io: Operation): void {
    this.finish(io, true)
  }

  /** The last subrequest is answered. */
  complete(io: Operation): void {
    this.finish(io, io.completion < 0)
  }

  counters(): Readonly<Record<string, number>> {
    return countersOf(NETFS_DIO_COUNTERS, this.counts)
  }

  /**
   * Allocates the request, and for a write the first segment of its rolling buffer. Writeback must not fail, and waits.
   * @kernel netfs_alloc_request, netfs_create_write_req
   */
  private start(io: Operation, isRead: boolean, isWriteback: boolean): boolean {
    const { counts, sizes } = this
    if (!io.allocate(sizes.request) && (!isWriteback || !io.allocate(sizes.request))) return false
    io.scratch = this.requests.take(isRead)
    if (!isRead && !this.rolling.extend(io, !isWriteback)) return false
    counts[REQUESTS]++
    if (io.hasEnd) counts[ASYNC_REQUESTS]++
    return true
  }

  /** User memory becomes bvecs: pages, or an errno. */
  private extract(io: Operation): number {
    const { bvecs, counts, requests } = this
    const error = bvecs.extract(io)
    if (error < 0) return error
    io.keep(bvecs.hold)
    io.built(bvecs.table.length, BIO_VEC_BYTES)
    requests.bvecs[io.scratch] = bvecs.table.length
    requests.arrayBytes[io.scratch] = bvecs.arrayBytes
    counts[BVECS] += bvecs.table.length
    if (io.observer !== null) tellBvecs(io, bvecs.table)
    return borrowAll(io, bvecs.table)
  }

  private copyShallow(io: Operation): number {
    this.counts[SHALLOW_COPIES]++
    this.shallow.list(io, GUARD_NONE)
    return this.shallow.pages
  }

  /** The page cache's folios, locked or under writeback: pages, or an errno. */
  private loadFolios(io: Operation): number {
    if (!this.rolling.load(io)) return ENOMEM
    this.shallow.list(io, GUARD_LOCK)
    return this.shallow.pages
  }

  /** Bvecs that the first `bytes` bytes do not reach. */
  private unread(bytes: number): number {
    const { length, lengthBytes } = this.bvecs.table
    let at = 0
    for (let left = bytes; left > 0 && at < length; at++) left -= lengthBytes[at]
    return length - at
  }

  /** The chain of 6.1 lists every page in an array for each subrequest; the bvecs are one array for all. */
  private tellAvoided(io: Operation, pages: number, isUser: boolean): void {
    const { rsize, wsize } = this.cuts.setup.server
    const arrays = Math.ceil(io.iter.countBytes / (io.iter.direction === ITER_DEST ? rsize : wsize)) || 1
    io.avoided(pages, isUser ? arrays - 1 : arrays)
  }

  /** @kernel fs/netfs/objects.c: netfs_free_request; before it, of a read, read_collect.c: netfs_rreq_assess_dio */
  private finish(io: Operation, isFailed: boolean): void {
    const request = io.scratch
    if (request === 0) return
    const { counts, requests, sizes } = this
    if (requests.isRead[request] === 1) {
      counts[DIRTIED_PAGES] += requests.bvecs[request]
      counts[DIRTIED_UNREAD] += isFailed ? requests.bvecs[request] : requests.unreadBvecs[request]
    }
    this.rolling.clear(io, request)
    this.cuts.free(io, request)
    io.letGoOfKept()
    if (requests.arrayBytes[request] > 0) io.free(requests.arrayBytes[request])
    io.free(sizes.request)
    requests.give(request)
    io.scratch = 0
  }
}

/** The bvecs name these bytes until the request is over. Returns their pages. */
function borrowAll(io: Operation, { addressBytes, length, lengthBytes, offsetBytes }: SegmentTable): number {
  let pages = 0
  for (let at = 0; at < length; at++) {
    const offset = offsetBytes[at] | 0
    const bytes = lengthBytes[at] | 0
    io.borrow(addressBytes[at] | 0, offset, bytes, GUARD_COUNT)
    pages += pagesSpanned(offset, bytes)
  }
  return pages
}

function tellBvecs(io: Operation, { addressBytes, length, lengthBytes, offsetBytes }: SegmentTable): void {
  const bytes = lengthBytes.subarray(0, length).reduce((sum, one) => sum + one, 0)
  const column = (values: Float64Array): Int32Array => Int32Array.from(values.subarray(0, length))
  const page = column(addressBytes)
  io.observer?.listBuilt('bvec', bytes, length, page, column(offsetBytes), column(lengthBytes), '')
}
