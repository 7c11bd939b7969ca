/** Indices of a file whose entries are kept together. */
export const LEAF = 1024

/** Which leaves a file has in the page cache: numbers by region, which is an index / {@link LEAF}. @kernel lib/xarray.c: struct xa_node */
export class CacheLeaves {
  private readonly byRegion = new Map<number, number>()
  /** Regions in order, while nobody has added one behind a later one. */
  private regions: number[] = []
  private isSorted = true

  get(region: number): number | undefined {
    return this.byRegion.get(region)
  }

  /** The region has no leaf yet. */
  add(region: number, leaf: number): void {
    this.byRegion.set(region, leaf)
    if (this.regions.length > 0 && region < this.regions[this.regions.length - 1]) this.isSorted = false
    this.regions.push(region)
  }

  /** Leaves of the regions [from, end), in order; `end` may be infinite. */
  *in(from: number, end: number): Generator<number> {
    if (end - from <= this.regions.length) {
      for (let region = from; region < end; region++) {
        const leaf = this.byRegion.get(region)
        if (leaf !== undefined) yield leaf
      }
      return
    }
    const regions = this.sorted()
    const { length } = regions
    for (let at = 0; at < length && regions[at] < end; at++) {
      const leaf = this.byRegion.get(regions[at])
      if (regions[at] >= from && leaf !== undefined) yield leaf
    }
  }

  private sorted(): readonly number[] {
    // A new list: somebody may still go through the old one.
    if (!this.isSorted) this.regions = [...this.regions].sort((a, b) => a - b)
    this.isSorted = true
    return this.regions
  }
}
