import { ENOMEM, type Kernel, type Operation, PAGE_LIST_MAX, POINTER_BYTES, REASON_REQUEST_LOST } from '@pinscope/core'
import { PAGE_POINTERS } from '../cifs/counters.ts'
import type { Mount } from '../cifs/mount.ts'
import { Pieces } from '../payload/pieces.ts'
import { LOST_REQUESTS } from './counters.ts'
import { allocatesObject } from './objects.ts'
import { addListed, pagesOfNextCall } from './page-array.ts'
import type { Smb2Requests } from './smb2-requests.ts'

/**
 * Direct I/O: a request for each call of get_pages_alloc2, which is a segment of the iterator or a part of it, at most
 * wsize or rsize. The array that the call allocates has a reference on each of its pages, and goes with the request.
 *
 * Quirk `cifs-read-lost`: a read that cannot allocate its request drops neither references nor array.
 * @kernel fs/smb/client/file.c: cifs_write_from_iter, cifs_send_async_read, cifs_direct_writev, cifs_direct_readv (6.1)
 */
export class DirectIo {
  private readonly requests: Smb2Requests
  private readonly mount: Mount
  private readonly counts: Float64Array
  private readonly losesReads: boolean
  private readonly array = new Pieces()

  constructor(requests: Smb2Requests, mount: Mount, counts: Float64Array, { quirks }: Kernel) {
    this.requests = requests
    this.mount = mount
    this.counts = counts
    this.losesReads = quirks['cifs-read-lost']
  }

  /** Sends all of the iterator: the bytes of the requests up to the first that fails, or its -errno. */
  transfer(io: Operation, isRead: boolean): number {
    const bytesMax = isRead ? this.mount.rsize : this.mount.wsize
    // The context. @kernel fs/smb/client/misc.c: cifs_aio_ctx_alloc
    if (!allocatesObject(io)) return ENOMEM
    let done = 0
    while (io.iter.countBytes > 0) {
      const bytes = this.request(io, isRead, bytesMax)
      if (bytes <= 0) return done > 0 ? done : bytes
      done += bytes
    }
    return done
  }

  /** One request: its bytes; 0 where the iterator has no page; -errno with nothing of it left, but for the quirk. */
  private request(io: Operation, isRead: boolean, bytesMax: number): number {
    const { array, requests, counts } = this
    const pointers = pagesOfNextCall(io.iter, bytesMax)
    if (!io.allocate(POINTER_BYTES * pointers)) return ENOMEM
    const bytes = io.extract(PAGE_LIST_MAX, bytesMax)
    if (bytes <= 0) {
      io.free(POINTER_BYTES * pointers)
      return bytes
    }
    const { hold } = io
    array.clear()
    addListed(io, array)
    io.built(array.length, POINTER_BYTES)
    counts[PAGE_POINTERS] += array.length
    if (!allocatesObject(io)) return this.loseRequest(io, isRead, pointers)
    const error = requests.send(io, requests.table.take(pointers, bytes), array, isRead)
    if (error < 0) {
      io.ledger.letGo(hold)
      return error
    }
    io.keep(hold)
    requests.countInPlace(io, isRead, bytes)
    return bytes
  }

  private loseRequest(io: Operation, isRead: boolean, pointers: number): number {
    if (isRead && this.losesReads) {
      io.ledger.mark(io.hold, REASON_REQUEST_LOST)
      this.counts[LOST_REQUESTS]++
      if (io.observer !== null)
        io.observer.note('no cifs_readdata: the pages just got are never put, their array never freed')
    } else {
      io.ledger.letGo(io.hold)
      io.free(POINTER_BYTES * pointers)
    }
    return ENOMEM
  }
}
