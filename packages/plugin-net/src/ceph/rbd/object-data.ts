import type { PagePieces } from '../page-pieces.ts'
import type { ObjectExtents } from './striper.ts'

/**
 * The data of a request in the order of its objects: the pieces of each extent follow each other. A piece that a stripe
 * unit ends in becomes two.
 *
 * It is done in two passes, as the kernel does it where each object has an array of its own: pieces are counted, then
 * copied. Where an object is one part of the request, the kernel only remembers where that begins.
 *
 * @kernel drivers/block/rbd.c: rbd_img_fill_request, count_bio_bvecs, copy_bio_bvecs, set_bio_pos
 */
export class ObjectData {
  private readonly source: PagePieces
  private readonly extents: ObjectExtents
  private readonly target: PagePieces
  private readonly position = new Float64Array(1)
  /** Where in the source the next part begins. */
  private at = 0
  private skip = 0

  constructor(source: PagePieces, extents: ObjectExtents, target: PagePieces) {
    this.source = source
    this.extents = extents
    this.target = target
  }

  /** Before the first request of an operation. */
  begin(): void {
    this.at = 0
    this.skip = 0
  }

  /** Maps the next `bytes` bytes, which are at `start[0]` of the image. */
  map(start: Float64Array, bytes: number): void {
    const { extents, target, at, skip } = this
    extents.clear()
    this.position[0] = start[0]
    for (let left = bytes; left > 0; left -= extents.partBytes) {
      extents.map(this.position, left, false)
      extents.pieces[extents.extent] += this.walk(extents.partBytes, -1)
    }
    let pieces = 0
    for (let i = 0; i < extents.length; i++) {
      extents.firstPiece[i] = pieces
      pieces += extents.pieces[i]
      extents.pieces[i] = 0
    }
    target.resize(pieces, bytes)
    this.at = at
    this.skip = skip
    this.position[0] = start[0]
    for (let left = bytes; left > 0; left -= extents.partBytes) {
      extents.map(this.position, left, true)
      const { extent } = extents
      extents.pieces[extent] += this.walk(extents.partBytes, extents.firstPiece[extent] + extents.pieces[extent])
    }
  }

  /** Steps over `bytes` bytes; where `to` is not negative they are copied there. Returns the pieces. */
  private walk(bytes: number, to: number): number {
    const { page, offsetBytes, lengthBytes } = this.source
    let count = 0
    for (let left = bytes; left > 0; ) {
      const part = Math.min(left, lengthBytes[this.at] - this.skip)
      if (to >= 0) this.target.set(to + count, page[this.at], offsetBytes[this.at] + this.skip, part)
      count++
      left -= part
      this.skip += part
      if (this.skip === lengthBytes[this.at]) {
        this.at++
        this.skip = 0
      }
    }
    return count
  }
}
