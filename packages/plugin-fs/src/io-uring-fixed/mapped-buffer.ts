import { PAGE_SIZE } from '@pinscope/core'
import type { MemlockShare } from './memlock.ts'
import type { UringTraits } from './uring-sizes.ts'

/** A buffer that is registered: bvecs over its pinned pages, all but the first and the last of one length. @kernel io_uring/rsrc.h: struct io_mapped_ubuf */
export interface MappedBuffer {
  /** First address and length, bytes. @kernel ubuf, len (6.1: ubuf_end) */
  readonly ubuf: number
  readonly lengthBytes: number
  /** log2 of the bytes of a bvec in the middle. @kernel folio_shift (6.1: PAGE_SHIFT) */
  readonly folioShift: number
  /** Row of the first page, offset in it (beyond a page, in a folio that begins before the buffer), length. @kernel bvec */
  readonly page: Int32Array
  readonly offsetBytes: Float64Array
  readonly bvecBytes: Float64Array
  readonly share: MemlockShare
  /** What was allocated for it: table and node. */
  readonly tableBytes: number
  readonly nodeBytes: number
}

/**
 * Bvecs over pages: a page each, or with `folioShift` above 12 a folio each. `firstIndex`: place of the buffer's first page
 * in its folio.
 */
export function fillBvecs(page: Int32Array, ubuf: number, lengthBytes: number, folioShift: number, firstIndex: number) {
  const offsetBytes = new Float64Array(page.length)
  const bvecBytes = new Float64Array(page.length)
  const size = 2 ** folioShift
  let offset = (ubuf % PAGE_SIZE) + firstIndex * PAGE_SIZE
  let left = lengthBytes
  for (let i = 0; i < page.length; i++) {
    offsetBytes[i] = offset
    bvecBytes[i] = Math.min(left, size - offset)
    left -= bvecBytes[i]
    offset = 0
  }
  return { offsetBytes, bvecBytes }
}

/** Where a request begins in a buffer's table, and how many of its bvecs its iterator has. One object, used again and again. */
export class TableSlice {
  /** First bvec, and the byte in it. @kernel iter->bvec, iov_offset */
  first = 0
  readonly skipBytes = new Float64Array(1)
  /** @kernel iter->nr_segs */
  segments = 0

  /**
   * The slice of `bytes` bytes at an address, `addresses[index]`, which lies in the buffer.
   * @kernel io_uring/rsrc.c: io_import_fixed. All bvecs but the ends are of one length, so that none is walked over.
   */
  cut(buffer: MappedBuffer, addresses: Float64Array, index: number, bytes: number, traits: UringTraits): void {
    const { folioShift, bvecBytes, offsetBytes, page } = buffer
    const size = 2 ** folioShift
    let offset = addresses[index] - buffer.ubuf
    this.first = 0
    if (offset >= bvecBytes[0]) {
      offset -= bvecBytes[0]
      this.first = 1 + Math.floor(offset / size)
      offset %= size
    }
    this.skipBytes[0] = offset
    const exact = Math.ceil((offset + bytes + offsetBytes[this.first]) / size)
    this.segments = traits.slicesExactly ? exact : page.length - this.first
  }
}

/** All of the range lies in the buffer. @kernel io_uring/rsrc.c: validate_fixed_range */
export function contains(buffer: MappedBuffer, addresses: Float64Array, index: number, bytes: number): boolean {
  const offset = addresses[index] - buffer.ubuf
  return offset >= 0 && offset + bytes <= buffer.lengthBytes
}
