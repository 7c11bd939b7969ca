import {
  EAGAIN,
  EFAULT,
  EINVAL,
  type ExtractionPolicy,
  grown,
  ITER_BVEC,
  ITER_DISCARD,
  ITER_KVEC,
  type Operation,
  PAGE_LIST_MAX,
  RETAIN_NONE,
} from '@pinscope/core'
import { type Mount, offloads } from '../cifs/mount.ts'
import { Pieces } from '../payload/pieces.ts'
import { addListed, joins } from './page-array.ts'
import type { Smb2Requests } from './smb2-requests.ts'

/** The transport is given pages and takes nothing on them. */
const LISTED: ExtractionPolicy = {
  name: 'get-pages',
  summary: 'pages that somebody else holds',
  source: 'fs/smb/client/cifsglob.h: struct smb_rqst (rq_pages)',
  perFolio: false,
  isLegacy: true,
  retention: (type) => (type === ITER_DISCARD ? EFAULT : RETAIN_NONE),
}

/**
 * The transport by itself: a KVEC row is the kvecs of a request, a BVEC row its pages. Other iterators cannot be expressed:
 * -EINVAL. What is received is copied into the first kvec or the first bvec, and the iterator is taken as full then.
 * @kernel fs/smb/client/smbdirect.c: smbd_send, smbd_recv, smbd_register_mr (6.1)
 */
export class BareIo {
  private readonly requests: Smb2Requests
  private readonly mount: Mount
  private readonly array = new Pieces()
  private kvecs = new Int32Array(64)

  constructor(requests: Smb2Requests, mount: Mount) {
    this.requests = requests
    this.mount = mount
  }

  /** Bytes sent, registered or received, or -errno. */
  transfer(io: Operation, isRead: boolean): number {
    const { type, countBytes } = io.iter
    if (type !== ITER_KVEC && type !== ITER_BVEC) return EINVAL
    if (type === ITER_BVEC && offloads(this.mount, countBytes)) return this.register(io)
    if (isRead) return this.receive(io)
    return type === ITER_KVEC ? this.sendKvecs(io) : this.sendPages(io)
  }

  /** The next pages that one array can have: bytes, or -errno. */
  private list(io: Operation): number {
    const { array } = this
    array.clear()
    while (io.iter.countBytes > 0 && joins(io.iter, array)) {
      const bytes = io.extract(PAGE_LIST_MAX, io.iter.countBytes, 0, LISTED)
      if (bytes <= 0) return array.length > 0 ? array.bytes : bytes
      addListed(io, array)
    }
    return array.bytes
  }

  private sendPages(io: Operation): number {
    const { array, requests } = this
    let done = 0
    while (io.iter.countBytes > 0) {
      const bytes = this.list(io)
      const error = bytes > 0 ? requests.sendPages(io, array) : bytes
      if (error < 0 || bytes === 0) return done > 0 ? done : error
      io.reachedInPlace(bytes)
      done += bytes
    }
    return done
  }

  private sendKvecs(io: Operation): number {
    let count = 0
    let done = 0
    while (io.iter.countBytes > 0) {
      const bytes = io.extract(PAGE_LIST_MAX, io.iter.countBytes, 0, LISTED)
      if (bytes <= 0) break
      if (count === this.kvecs.length) this.kvecs = grown(this.kvecs, 2 * count)
      this.kvecs[count++] = bytes
      done += bytes
    }
    if (done === 0) return EFAULT
    const error = this.requests.sendKvecs(io, this.kvecs, count, done)
    if (error < 0) return error
    io.reachedInPlace(done)
    return done
  }

  /** One registration, of as many pages as one array can have. */
  private register(io: Operation): number {
    const { array, requests } = this
    const bytes = this.list(io)
    if (bytes <= 0) return bytes
    const { table } = requests
    const row = table.take(0, bytes)
    if (!requests.register(io, row, array)) {
      table.release(io, row)
      return EAGAIN
    }
    table.append(io, row)
    io.reachedInPlace(bytes)
    return bytes
  }

  private receive(io: Operation): number {
    const { iter } = io
    return io.copy(iter.currentLengthBytes())
  }
}
