import type { IovIter } from './iov-iter.ts'
import { ITER_BVEC, ITER_IOVEC, ITER_KVEC, ITER_UBUF, ITER_XARRAY } from './iter-type.ts'

/** Byte of its iterator at which an extraction began; -1 where that is not told by its segment. */
export function positionOf(iter: IovIter, segment: number, iovOffsetBytes: number): number {
  switch (iter.type) {
    case ITER_UBUF:
    case ITER_XARRAY:
      return iovOffsetBytes
    case ITER_IOVEC:
    case ITER_BVEC:
    case ITER_KVEC: {
      let before = 0
      for (let s = iter.segmentFirst; s < segment; s++) before += iter.table.lengthBytes[s]
      return before + iovOffsetBytes
    }
    default:
      return -1
  }
}
