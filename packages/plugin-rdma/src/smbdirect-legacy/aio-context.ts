import {
  BIO_VEC_BYTES,
  ENOMEM,
  ITER_KVEC,
  type Kernel,
  type Operation,
  POINTER_BYTES,
  REASON_REQUEST_LOST,
} from '@pinscope/core'
import { BVECS, PAGE_POINTERS } from '../cifs/counters.ts'
import { LOST_BATCHES } from './counters.ts'

/** @kernel fs/smb/client/misc.c: CIFS_AIO_KMALLOC_LIMIT */
const KMALLOC_LIMIT = 1024 * 1024

const PAGES_MAX = 0x7fffffff

/**
 * What uncached I/O that is not direct has of the caller's memory: bvecs of all of it, a reference on each page, until the
 * last answer. A write takes them too, though it copies from the iterator itself and would need them only to send again. Of
 * a KVEC there are none.
 *
 * Quirk `cifs-aio-overrun`: pages for which there is no room left keep their references. The room is counted beforehand by
 * iov_iter_npages(), exactly, for every type that pages can be got of: no iterator of a trace has more.
 * @kernel fs/smb/client/misc.c: setup_aio_ctx_iter, cifs_aio_ctx_release (6.1)
 */
export class AioContext {
  /** bvecs that there is room for. */
  room = 0
  /** bvecs in use. @kernel npages */
  bvecs = 0
  private readonly counts: Float64Array
  private readonly losesBatch: boolean

  constructor(counts: Float64Array, { quirks }: Kernel) {
    this.counts = counts
    this.losesBatch = quirks['cifs-aio-overrun']
  }

  /** Lists all of the iterator, as far as pages can be had, and keeps the holds: its bytes, or -ENOMEM with nothing left. */
  setup(io: Operation): number {
    const { iter } = io
    const bytes = iter.countBytes
    this.bvecs = 0
    this.room = 0
    if (iter.type === ITER_KVEC) return bytes
    const pagesMax = iter.npages(PAGES_MAX)
    if (pagesMax === 0) return 0
    if (!allocates(io, BIO_VEC_BYTES * pagesMax)) return ENOMEM
    if (!allocates(io, POINTER_BYTES * pagesMax)) {
      io.free(BIO_VEC_BYTES * pagesMax)
      return ENOMEM
    }
    this.room = pagesMax
    while (iter.countBytes > 0 && this.bvecs < pagesMax) if (!this.batch(io)) break
    io.free(POINTER_BYTES * pagesMax)
    io.built(this.bvecs, BIO_VEC_BYTES)
    this.counts[BVECS] += this.bvecs
    return bytes - iter.countBytes
  }

  /** The last answer is there, or nothing was sent: the bvecs are freed. Who has kept the holds lets them go. @kernel cifs_aio_ctx_release */
  free(io: Operation, room: number): void {
    if (room > 0) io.free(BIO_VEC_BYTES * room)
  }

  /** One call of get_pages2; false when it was the last. */
  private batch(io: Operation): boolean {
    const { counts } = this
    if (io.extract(this.room, io.iter.countBytes) <= 0) return false
    const { hold } = io
    const { pages } = io.list
    io.built(pages, POINTER_BYTES)
    counts[PAGE_POINTERS] += pages
    if (!io.fits(this.bvecs + pages, this.room)) {
      if (this.losesBatch) {
        io.ledger.mark(hold, REASON_REQUEST_LOST)
        counts[LOST_BATCHES]++
      } else io.ledger.letGo(hold)
      return false
    }
    io.keep(hold)
    this.bvecs += pages
    return true
  }
}

/** kmalloc up to a size, and where that fails or is not tried, vmalloc. */
function allocates(io: Operation, bytes: number): boolean {
  return (bytes <= KMALLOC_LIMIT && io.allocate(bytes)) || io.allocate(bytes)
}
