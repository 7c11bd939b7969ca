/**
 * Numbers moved elsewhere in granules, so that what lies within one, and across the border of two neighbours, stays as it
 * is: a granule beside one that was moved goes beside it.
 */
export class Granules {
  private readonly size: number
  private readonly spacing: number
  private readonly count: number
  private readonly moved = new Map<number, number>()
  private readonly taken = new Set<number>()
  private next: number

  /** `count` granules of `size`; those that have no neighbour yet are put `spacing` apart. */
  constructor(size: number, count: number, spacing: number) {
    this.size = size
    this.count = count
    this.spacing = spacing
    this.next = spacing
  }

  /** Where the number is now; -1 when there is no room left. */
  of(value: number): number {
    const granule = Math.floor(value / this.size)
    const to = this.moved.get(granule) ?? this.move(granule)
    return to < 0 ? -1 : to * this.size + (value % this.size)
  }

  /** Where a range of that many numbers begins now; -1 when there is no room for it as a whole. */
  ofRange(value: number, length: number): number {
    const start = this.of(value)
    if (length <= 1 || start < 0) return start
    // Every granule between, so that the neighbours follow one another.
    for (let at = value - (value % this.size) + this.size; at < value + length; at += this.size) {
      if (this.of(at) - start !== at - value) return -1
    }
    return start
  }

  private move(granule: number): number {
    const below = this.moved.get(granule - 1)
    const above = this.moved.get(granule + 1)
    const beside = below !== undefined ? below + 1 : above !== undefined ? above - 1 : -1
    const isFree = beside > 0 && beside < this.count && !this.taken.has(beside)
    const to = isFree ? beside : this.fresh()
    if (to < 0) return -1
    this.moved.set(granule, to)
    this.taken.add(to)
    return to
  }

  private fresh(): number {
    while (this.next < this.count && this.taken.has(this.next)) this.next += this.spacing
    if (this.next >= this.count) return -1
    const fresh = this.next
    this.next += this.spacing
    return fresh
  }
}
