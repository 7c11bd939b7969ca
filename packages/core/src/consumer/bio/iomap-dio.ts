import { EFAULT } from '../../errno.ts'
import { ITER_DEST } from '../../iter/iter-type.ts'
import { FLAG_HOLE } from '../../iter/row-flags.ts'
import type { Operation } from '../operation.ts'
import { HOLE_BYTES } from './bio-counters.ts'
import type { BioFiller } from './bio-filler.ts'
import type { BounceWriter } from './bounce-writer.ts'
import { presentBytes } from './present-bytes.ts'

/** No bound on how much of the file one mapping covers. */
export const MAPPING_UNBOUNDED = 0

/**
 * Direct I/O extent by extent: a bio never reaches beyond an extent, and a page on both sides of a boundary is taken for
 * each of them. A hole, an unwritten extent too, is zeroed in place without a page taken. Where extents end the trace does
 * not tell: the option `extent-bytes` says.
 * @kernel fs/iomap/direct-io.c: __iomap_dio_rw, iomap_dio_bio_iter, iomap_dio_hole_iter
 */
export class IomapDio {
  /** What the last {@link run} transferred. @kernel iomap_dio.size */
  sizeBytes = 0
  /** It ended at a hole, which could not be zeroed. */
  endedInHole = false
  private readonly filler: BioFiller
  private readonly counts: Float64Array
  /** An extent ends at each multiple of it; 0: never. */
  private readonly extentBytes: number

  /** `extentBytes`: rounded to whole blocks of `blockBytes`. `counts`: slots of BIO_COUNTERS. */
  constructor(filler: BioFiller, counts: Float64Array, extentBytes: number, blockBytes: number) {
    this.filler = filler
    this.counts = counts
    this.extentBytes = extentBytes === 0 ? 0 : Math.max(extentBytes - (extentBytes % blockBytes), blockBytes)
  }

  /**
   * Transfers all that is left of the iterator, `doneBytes` bytes into the operation, or up to the first failure: 0 or an
   * errno. `mappedBytesMax`: most of the file that one mapping covers; `bounce`: writes go through it.
   */
  run(io: Operation, doneBytes: number, mappedBytesMax: number, bounce: BounceWriter | null): number {
    const { iter } = io
    const isHoled = (io.flags & FLAG_HOLE) !== 0 && iter.direction === ITER_DEST
    const total = doneBytes + iter.countBytes
    const holeFrom = isHoled ? Math.min(io.holeOffsetBytes, total) : total
    const holeEnd = isHoled && io.holeLengthBytes >= 0 ? Math.min(holeFrom + io.holeLengthBytes, total) : total
    this.sizeBytes = 0
    this.endedInHole = false
    while (iter.countBytes > 0) {
      const at = doneBytes + this.sizeBytes
      if (isHoled && at >= holeFrom && at < holeEnd) {
        if (!this.zero(io, holeEnd - at)) return EFAULT
        continue
      }
      const rest = at < holeFrom ? holeFrom - at : iter.countBytes
      const length = this.mappedBytes(io, at, rest, mappedBytesMax)
      const { filler } = this
      const result = bounce === null ? filler.extent(io, length) : bounce.extent(io, length)
      this.sizeBytes += bounce === null ? filler.submittedBytes : bounce.submittedBytes
      if (result < 0) return result
      if (result < length) return 0
    }
    return 0
  }

  /** All that is left of the iterator lies in one extent. */
  isOneExtent(io: Operation): boolean {
    return this.mappedBytes(io, 0, io.iter.countBytes, MAPPING_UNBOUNDED) === io.iter.countBytes
  }

  /** Of the `rest` bytes at byte `at` of the operation, those that one mapping covers. @kernel include/linux/iomap.h: iomap_length */
  private mappedBytes(io: Operation, at: number, rest: number, mappedBytesMax: number): number {
    const { extentBytes } = this
    let length = rest
    if (mappedBytesMax !== MAPPING_UNBOUNDED && length > mappedBytesMax) length = mappedBytesMax
    if (extentBytes === 0) return length
    const position = (io.offsetBytes < 0 ? 0 : io.offsetBytes) + at
    const left = extentBytes - (position % extentBytes)
    return left < length ? left : length
  }

  /** Zeroes `bytes` bytes; false where none can be reached. Only where faults are forbidden does it matter which are there. */
  private zero(io: Operation, bytes: number): boolean {
    const { iter } = io
    const zeroed = iter.nofault ? presentBytes(iter, io.memory, bytes) : bytes
    iter.advance(zeroed)
    this.sizeBytes += zeroed
    this.counts[HOLE_BYTES] += zeroed
    if (zeroed === 0) this.endedInHole = true
    return zeroed > 0
  }
}
