import { grown } from '@pinscope/core'

/** How an image lies in objects. @kernel include/linux/ceph/ceph_fs.h: struct ceph_file_layout */
export interface Layout {
  readonly objectBytes: number
  readonly stripeUnit: number
  readonly stripeCount: number
}

/**
 * Maps a range of an image to extents of objects. What follows in the same object lengthens the extent there; so an
 * extent may be of several parts of the range, a stripe unit each.
 * @kernel net/ceph/striper.c: ceph_file_to_extents, ceph_calc_file_object_mapping; drivers/block/rbd.c: struct rbd_obj_request
 */
export class ObjectExtents {
  /** Number of the object; where in it the extent begins, and its length. */
  objectNumber = new Float64Array(64)
  offsetBytes = new Float64Array(64)
  lengthBytes = new Int32Array(64)
  /** Pieces of data that it is of, and the first of them once they are in order. */
  pieces = new Int32Array(64)
  firstPiece = new Int32Array(64)
  /** Its row among the requests in flight. */
  row = new Int32Array(64)
  length = 0
  /** Of the last {@link map}: the extent, and the bytes up to the end of the stripe unit. */
  extent = 0
  partBytes = 0
  private readonly layout: Layout
  /** Object, and offset in it, of the part at work. */
  private readonly wanted = new Float64Array(2)

  constructor(layout: Layout) {
    this.layout = layout
  }

  clear(): void {
    this.length = 0
  }

  /** The next part of the range: `bytes` bytes at most, from `position[0]` on, which moves on. Leaves {@link extent} and {@link partBytes}; `isKnown`: the extents are there already. */
  map(position: Float64Array, bytes: number, isKnown: boolean): void {
    const { objectBytes, stripeUnit, stripeCount } = this.layout
    const unit = Math.floor(position[0] / stripeUnit)
    const inUnit = position[0] - unit * stripeUnit
    const stripe = Math.floor(unit / stripeCount)
    const unitsInObject = objectBytes / stripeUnit
    const set = Math.floor(stripe / unitsInObject)
    this.wanted[0] = set * stripeCount + (unit % stripeCount)
    this.wanted[1] = (stripe % unitsInObject) * stripeUnit + inUnit
    const part = Math.min(bytes, stripeUnit - inUnit)
    this.partBytes = part
    this.extent = isKnown ? this.containing() : this.lengthen(part)
    position[0] += part
  }

  /** @kernel net/ceph/striper.c: lookup_last */
  private lengthen(bytes: number): number {
    const objectNumber = this.wanted[0]
    const offset = this.wanted[1]
    for (let i = this.length - 1; i >= 0; i--) {
      if (this.objectNumber[i] !== objectNumber) continue
      if (this.offsetBytes[i] + this.lengthBytes[i] !== offset) break
      this.lengthBytes[i] += bytes
      return i
    }
    if (this.length === this.pieces.length) this.grow()
    const at = this.length++
    this.objectNumber[at] = objectNumber
    this.offsetBytes[at] = offset
    this.lengthBytes[at] = bytes
    this.pieces[at] = 0
    return at
  }

  /** @kernel net/ceph/striper.c: lookup_containing */
  private containing(): number {
    const objectNumber = this.wanted[0]
    const offset = this.wanted[1]
    let at = 0
    while (
      this.objectNumber[at] !== objectNumber ||
      offset < this.offsetBytes[at] ||
      offset >= this.offsetBytes[at] + this.lengthBytes[at]
    )
      at++
    return at
  }

  private grow(): void {
    const capacity = 2 * this.length
    this.objectNumber = grown(this.objectNumber, capacity)
    this.offsetBytes = grown(this.offsetBytes, capacity)
    this.lengthBytes = grown(this.lengthBytes, capacity)
    this.pieces = grown(this.pieces, capacity)
    this.firstPiece = grown(this.firstPiece, capacity)
    this.row = grown(this.row, capacity)
  }
}
