import { grown } from '../grown.ts'
import { invariant } from '../invariant.ts'

/** Most segments that one batch may hold; a row with more than `UIO_MAXIOV` is refused while reading. */
export const SEGMENTS_PER_BATCH_MAX = 1 << 22

/** `offsetBytes` of a segment of a mixed iterator that is a kernel address. @kernel none: there is no such iterator */
export const KVEC_OFFSET = -1

/**
 * The segments of all operations of a batch, as columns. A row of the batch names its range by first index and count.
 *
 * - ubuf, iovec, kvec: `addressBytes` is the virtual address, `offsetBytes` is 0.
 * - bvec: `addressBytes` is the page frame number, `offsetBytes` is bv_offset (may exceed a page).
 * - folioq, xarray: `addressBytes` is the file position, `offsetBytes` is the file's name id.
 * - mixed: each as a bvec, or as a kvec with {@link KVEC_OFFSET} for `offsetBytes`.
 *
 * @kernel include/uapi/linux/uio.h: struct iovec; include/linux/bvec.h: struct bio_vec
 */
export class SegmentTable {
  addressBytes = new Float64Array(8192)
  offsetBytes = new Float64Array(8192)
  lengthBytes = new Float64Array(8192)
  length = 0

  /** Appends one segment. The columns double when full, up to {@link SEGMENTS_PER_BATCH_MAX}. */
  push(addressBytes: number, offsetBytes: number, lengthBytes: number): void {
    if (this.length === this.addressBytes.length) this.grow()
    const at = this.length++
    this.addressBytes[at] = addressBytes
    this.offsetBytes[at] = offsetBytes
    this.lengthBytes[at] = lengthBytes
  }

  /**
   * {@link push} of the address, offset and length in the first three elements of a column: for the scanner, since V8
   * allocates for an address as an argument wherever it does not inline the call.
   */
  pushParts(parts: Float64Array): void {
    if (this.length === this.addressBytes.length) this.grow()
    const at = this.length++
    this.addressBytes[at] = parts[0]
    this.offsetBytes[at] = parts[1]
    this.lengthBytes[at] = parts[2]
  }

  /** Appends segment `at` of another table. */
  pushCopy(from: SegmentTable, at: number): void {
    if (this.length === this.addressBytes.length) this.grow()
    const to = this.length++
    this.addressBytes[to] = from.addressBytes[at]
    this.offsetBytes[to] = from.offsetBytes[at]
    this.lengthBytes[to] = from.lengthBytes[at]
  }

  /** Takes every segment out; the columns stay as long as they are. */
  clear(): void {
    this.length = 0
  }

  private grow(): void {
    const capacity = this.addressBytes.length * 2
    invariant(capacity <= SEGMENTS_PER_BATCH_MAX, 'a batch holds more segments than SEGMENTS_PER_BATCH_MAX')
    this.addressBytes = grown(this.addressBytes, capacity)
    this.offsetBytes = grown(this.offsetBytes, capacity)
    this.lengthBytes = grown(this.lengthBytes, capacity)
  }
}
