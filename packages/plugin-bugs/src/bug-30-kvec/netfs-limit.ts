import {
  type Consumer,
  EIO,
  ITER_BVEC,
  ITER_FOLIOQ,
  ITER_KVEC,
  ITER_SOURCE,
  ITER_XARRAY,
  limitIter,
  type Operation,
} from '@pinscope/core'

/** What one subrequest to a 9p server takes, with the largest msize. @kernel net/9p/client.c: msize */
const SUBREQUEST_BYTES_MAX = 512 * 1024
const SEGMENTS_MAX = 0x7fffffff
const TYPES_BEFORE = (1 << ITER_BVEC) | (1 << ITER_XARRAY) | (1 << ITER_FOLIOQ)

/**
 * A write through netfs is cut into subrequests: each is as much as fits. Of a KVEC (what a core dump to 9p writes) that
 * could not be told: a BUG. @kernel fs/netfs/iterator.c: netfs_limit_iter; fs/netfs/write_issue.c: netfs_advance_write
 */
export class NetfsLimit implements Consumer {
  private readonly types: number

  constructor(isFixed: boolean) {
    this.types = isFixed ? TYPES_BEFORE | (1 << ITER_KVEC) : TYPES_BEFORE
  }

  submit(io: Operation): number {
    const { audit, iter } = io
    const bytes = io.lengthBytes
    const isSource = iter.direction === ITER_SOURCE
    const iterator = audit?.iterators.init(isSource, false, iter.mm, bytes, bytes, iter.type) ?? 0
    while (iter.countBytes > 0) {
      audit?.iterators.use(iterator, this.types)
      // The kernel stops here: BUG().
      if (((this.types >> iter.type) & 1) === 0) return EIO
      const part = limitIter(iter, io.memory, 0, SUBREQUEST_BYTES_MAX, SEGMENTS_MAX)
      if (part === 0) return EIO
      iter.advance(part)
      audit?.iterators.advance(iterator, part)
      audit?.iterators.consume(iterator, part)
    }
    audit?.iterators.return(iterator, bytes)
    return bytes
  }

  abort(): void {}

  complete(): void {}

  counters(): Readonly<Record<string, number>> {
    return {}
  }
}
