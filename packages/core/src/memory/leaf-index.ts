import { grown } from '../grown.ts'

/** No leaf, table or row. */
export const EMPTY = -1

/** The leaves of every page table, found by (table id, region): open addressing, at most half full. */
export class LeafIndex {
  /** Leaves there are. */
  length = 0
  /** By leaf: its table and region, and the next leaf of its table ({@link EMPTY} behind the last). */
  private table = new Int32Array(16)
  private region = new Float64Array(16)
  private next = new Int32Array(16)
  /** By table id: its last leaf. */
  private readonly last = new Map<number, number>()
  private slots = new Int32Array(32).fill(EMPTY)

  /** Leaf of a region, {@link EMPTY} where there is none. */
  find(table: number, region: number): number {
    return this.slots[this.slotOf(table, region)]
  }

  /** Adds the leaf of a region, which has none. */
  add(table: number, region: number): number {
    if (this.length === this.table.length) this.grow()
    const leaf = this.length++
    this.table[leaf] = table
    this.region[leaf] = region
    this.next[leaf] = this.last.get(table) ?? EMPTY
    this.last.set(table, leaf)
    this.slots[this.slotOf(table, region)] = leaf
    return leaf
  }

  tableOf(leaf: number): number {
    return this.table[leaf]
  }

  regionOf(leaf: number): number {
    return this.region[leaf]
  }

  /** Leaves of a table in the regions [from, to), by address. For rows that change mappings. */
  leavesIn(table: number, from: number, to: number): number[] {
    const found: number[] = []
    if (to - from <= this.length) {
      for (let region = from; region < to; region++) {
        const leaf = this.find(table, region)
        if (leaf !== EMPTY) found.push(leaf)
      }
      return found
    }
    for (let leaf = this.last.get(table) ?? EMPTY; leaf !== EMPTY; leaf = this.next[leaf]) {
      if (this.region[leaf] >= from && this.region[leaf] < to) found.push(leaf)
    }
    return found.sort((a, b) => this.region[a] - this.region[b])
  }

  /** Bytes of memory. */
  get byteLength(): number {
    return this.table.byteLength + this.region.byteLength + this.next.byteLength + this.slots.byteLength
  }

  private slotOf(table: number, region: number): number {
    const { slots } = this
    const mask = slots.length - 1
    // Regions exceed int32 (2^53 / 2 MiB); `| 0` keeps their low 32 bits, which is all that a hash needs.
    let slot = ((Math.imul(region | 0, 0x9e3779b1) + Math.imul(table, 0x85ebca6b)) >>> 8) & mask
    for (;;) {
      const leaf = slots[slot]
      if (leaf === EMPTY || (this.region[leaf] === region && this.table[leaf] === table)) return slot
      slot = (slot + 1) & mask
    }
  }

  private grow(): void {
    const capacity = this.table.length * 2
    this.table = grown(this.table, capacity)
    this.region = grown(this.region, capacity)
    this.next = grown(this.next, capacity)
    this.slots = new Int32Array(capacity * 2).fill(EMPTY)
    for (let leaf = 0; leaf < this.length; leaf++) {
      this.slots[this.slotOf(this.table[leaf], this.region[leaf])] = leaf
    }
  }
}
