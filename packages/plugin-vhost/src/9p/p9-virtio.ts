import {
  EFAULT,
  EINTR,
  ENOMEM,
  ERESTARTSYS,
  EXTRACT,
  type IovIter,
  ITER_BVEC,
  ITER_DEST,
  ITER_DISCARD,
  ITER_IOVEC,
  ITER_KVEC,
  isBorrowed,
  type Operation,
  PAGE_LIST_MAX,
  POINTER_BYTES,
  pagesSpanned,
  Scatterlists,
  tellScatterlist,
} from '@pinscope/core'
import {
  COPIED_REQUESTS,
  ERROR_REPLIES,
  ERROR_TEXT_BYTES,
  KILLED,
  POOL_PAGES_LOST,
  POOL_WAITS,
  PUT_IN_FLIGHT,
  RING_WAITS,
  SHORT_TAKES,
  ZC_REQUESTS,
} from './p9-counters.ts'
import {
  P9_NOTAG,
  P9_ZC_HDR_SZ,
  R_HEADER_BYTES,
  T_HEADER_BYTES,
  TINY_MESSAGE_BYTES,
  VIRTQUEUE_NUM,
} from './p9-sizes.ts'
import { packSgList, packSgListP } from './pack-sg-list.ts'
import { RequestTable } from './request-table.ts'
import { Virtqueue } from './virtqueue.ts'

/** What the transport is made of. */
export interface TransportSetup {
  readonly counts: Float64Array
  readonly poolPages: number
  readonly hasIndirect: boolean
  /** Bytes of an error answer; an RLERROR has 11. */
  readonly rerrorBytes: number
  readonly p9ReqBytes: number
  readonly putsInFlight: boolean
  readonly losesPoolPages: boolean
}

/**
 * The virtio transport of 9p: requests whose data is in the pages of the iterator, or copied through the message.
 *
 * Under the policy get-pages (every version) pages of all iterators are referenced, but for a KVEC's, which are only
 * listed and are not in the pool's count. Under the others it is the proposal of 2023: one path for all of them, pins for
 * user memory, nothing for the rest.
 *
 * @kernel net/9p/trans_virtio.c; net/9p/client.c: p9_tag_alloc. The same in 6.1, 6.12 and 7.3; 6.18 taken as these.
 */
export class P9Virtio {
  readonly requests = new RequestTable()
  /** Row of the last request that was sent. */
  row = 0
  /** Entries of all requests of the operation at work. */
  entries = 0
  private readonly setup: TransportSetup
  private readonly ring: Virtqueue
  private readonly lists = new Scatterlists()
  /** @kernel virtio_chan.sg */
  private readonly sgl = this.lists.take(VIRTQUEUE_NUM)
  /** Pages of all outstanding requests. @kernel vp_pinned */
  private pinned = 0
  private outstanding = 0

  constructor(setup: TransportSetup) {
    this.setup = setup
    this.ring = new Virtqueue(VIRTQUEUE_NUM, setup.hasIndirect)
    this.lists.initTable(this.sgl, VIRTQUEUE_NUM)
  }

  /**
   * Sends a request for up to `bytesMax` bytes of the iterator, zero-copy: the pages of one call are all it gets, and the
   * count in the message is rewritten when they hold less. Returns the bytes (0 at a hole of the page cache), or an errno
   * with nothing left. @kernel net/9p/trans_virtio.c: p9_virtio_zc_request
   */
  zcRequest(io: Operation, bytesMax: number): number {
    const row = this.prepare(io, P9_ZC_HDR_SZ, P9_ZC_HDR_SZ)
    if (row < 0) return row
    const bytes = this.getMappedPages(io, row, bytesMax)
    if (bytes < 0) {
      this.free(io, row)
      return bytes
    }
    const { counts } = this.setup
    counts[ZC_REQUESTS]++
    if (bytes !== bytesMax) counts[SHORT_TAKES]++
    this.send(io, row, this.pack(io, bytes))
    return bytes
  }

  /**
   * Sends a request of `bytes` bytes that are copied: a write's now, a read's when it is answered. 0, or an errno with
   * nothing left and the iterator where it was. @kernel net/9p/trans_virtio.c: p9_virtio_request
   */
  request(io: Operation, bytes: number): number {
    const isRead = io.iter.direction === ITER_DEST
    const tcBytes = isRead ? TINY_MESSAGE_BYTES : T_HEADER_BYTES + bytes
    const row = this.prepare(io, tcBytes, isRead ? R_HEADER_BYTES + bytes : TINY_MESSAGE_BYTES)
    if (row < 0) return row
    if (!isRead) {
      const copied = io.copy(bytes)
      if (copied !== bytes) {
        io.iter.revert(copied)
        this.free(io, row)
        return EFAULT
      }
    }
    this.setup.counts[COPIED_REQUESTS]++
    // The messages lie in one page each.
    this.send(io, row, 2)
    return 0
  }

  /** The device gave the request back; its pages have been let go. @kernel net/9p/trans_virtio.c: p9_virtio_zc_request: err_out */
  finish(io: Operation, row: number): void {
    const { requests } = this
    this.ring.detach(io, requests.slots[row], requests.indirectBytes[row])
    this.pinned -= requests.poolPages[row]
    if (requests.arrayBytes[row] > 0) io.free(requests.arrayBytes[row])
    this.free(io, row)
  }

  /** The operation is over that the request was the last of: what its answer was, if it was no data. */
  answer(io: Operation, row: number): void {
    const { requests, setup } = this
    const { counts } = setup
    if (io.completion === ERESTARTSYS || io.completion === EINTR) {
      counts[KILLED]++
      if (setup.putsInFlight && !isBorrowed(requests.holdOf(row))) counts[PUT_IN_FLIGHT] += requests.pages[row]
      return
    }
    if (io.completion === 0) return
    counts[ERROR_REPLIES]++
    // Only an RERROR is longer than the header, and lands in the data pages of a read behind it.
    const bytes = Math.min(setup.rerrorBytes, P9_ZC_HDR_SZ) - R_HEADER_BYTES
    if (requests.isRead[row] === 1 && requests.pages[row] > 0) counts[ERROR_TEXT_BYTES] += bytes
  }

  /** A request with its two messages and a tag. Its row, or -ENOMEM. @kernel net/9p/client.c: p9_tag_alloc */
  private prepare(io: Operation, tcBytes: number, rcBytes: number): number {
    const { p9ReqBytes } = this.setup
    if (!io.allocate(p9ReqBytes)) return ENOMEM
    if (!io.allocate(tcBytes)) {
      io.free(p9ReqBytes)
      return ENOMEM
    }
    if (!io.allocate(rcBytes)) {
      io.free(tcBytes)
      io.free(p9ReqBytes)
      return ENOMEM
    }
    const { requests } = this
    const row = requests.take()
    requests.tcBytes[row] = tcBytes
    requests.rcBytes[row] = rcBytes
    requests.isRead[row] = io.iter.direction === ITER_DEST ? 1 : 0
    this.outstanding++
    if (io.fits(this.outstanding, P9_NOTAG)) return row
    this.free(io, row)
    return ENOMEM
  }

  /** @kernel net/9p/client.c: p9_req_put, p9_fcall_fini */
  private free(io: Operation, row: number): void {
    const { requests } = this
    io.free(requests.tcBytes[row])
    io.free(requests.rcBytes[row])
    io.free(this.setup.p9ReqBytes)
    this.outstanding--
    requests.give(row)
  }

  /** @kernel net/9p/trans_virtio.c: p9_get_mapped_pages */
  private getMappedPages(io: Operation, row: number, bytesMax: number): number {
    const { iter } = io
    const isBareKvec = iter.type === ITER_KVEC && io.policy.isLegacy
    if (!isBareKvec && !io.fits(this.pinned + 1, this.setup.poolPages)) this.setup.counts[POOL_WAITS]++
    if (iter.type === ITER_DISCARD) return EFAULT
    if (iter.type === ITER_IOVEC || iter.type === ITER_KVEC) iter.skipEmpty()
    const arrayBytes = pagesOfCall(iter, io.policy.isLegacy, bytesMax) * POINTER_BYTES
    if (!io.allocate(arrayBytes)) return ENOMEM
    const bytes = io.extract(PAGE_LIST_MAX, bytesMax, 0, isBareKvec ? EXTRACT : io.policy)
    if (bytes <= 0) {
      io.free(arrayBytes)
      return bytes
    }
    const { requests } = this
    requests.arrayBytes[row] = arrayBytes
    requests.hold[row] = io.hold
    requests.pages[row] = io.list.pages
    if (!isBareKvec) this.countPinned(io, row)
    return bytes
  }

  /** The proposal gives nothing back to the pool where there is nothing to unpin. */
  private countPinned(io: Operation, row: number): void {
    const { pages } = io.list
    this.pinned += pages
    if (this.setup.losesPoolPages && isBorrowed(io.hold)) this.setup.counts[POOL_PAGES_LOST] += pages
    else this.requests.poolPages[row] = pages
  }

  /** The table of a zero-copy request: header out, data out; header in, data in. Returns the entries. */
  private pack(io: Operation, bytes: number): number {
    const { lists, sgl } = this
    const isRead = io.iter.direction === ITER_DEST
    let entries = packSgList(lists, sgl, 0, 0, T_HEADER_BYTES)
    if (isRead) entries += packSgList(lists, sgl, entries, 0, R_HEADER_BYTES)
    if (bytes > 0) {
      packSgListP(lists, sgl, entries, io.list)
      tellScatterlist(io, lists, sgl + entries, io.list.length, isRead ? 'virtqueue in' : 'virtqueue out', bytes)
      entries += io.list.length
    }
    if (!isRead) entries += packSgList(lists, sgl, entries, 0, P9_ZC_HDR_SZ)
    return entries
  }

  private send(io: Operation, row: number, entries: number): void {
    const { requests, ring } = this
    requests.slots[row] = ring.add(io, entries)
    requests.indirectBytes[row] = ring.indirectBytes
    this.setup.counts[RING_WAITS] = ring.waits
    this.entries += entries
    this.row = row
  }
}

/**
 * Pages that the array for the next call is made for: those of the current segment, where there are segments.
 * @kernel lib/iov_iter.c: want_pages_array
 */
function pagesOfCall(iter: IovIter, isLegacy: boolean, bytesMax: number): number {
  const isJoined = !isLegacy && iter.type === ITER_BVEC && iter.kernel.joinsBvecs
  const segment = iter.currentLengthBytes()
  return pagesSpanned(iter.currentStartBytes(), isJoined || segment > bytesMax ? bytesMax : segment)
}
