/** Pages that one leaf maps: 2 MiB. @kernel PTRS_PER_PTE */
export const LEAF_PAGES = 512

const EMPTY = -1

/**
 * Virtual page to page row, in leaves of 512 entries, found by (mapping id, page / 512). An entry is 0 where nothing
 * was faulted in, `row + 1` for a page present and writable, `-(row + 1)` for one that a write must fault on (the zero
 * page, a page of a private file mapping).
 * @kernel page tables down to the PTE level; include/linux/pgtable.h
 */
export class PageTables {
  /** Every leaf's entries, leaf after leaf. Replaced when it grows: read it anew after {@link leafOf}. */
  entries = new Int32Array(LEAF_PAGES * 64)

  private leaves = 0
  private keyMapping = new Int32Array(256).fill(EMPTY)
  private keyRegion = new Float64Array(256)
  private leafAt = new Int32Array(256)
  private lastMapping = EMPTY
  private lastRegion = 0
  private lastLeaf = 0

  /** Index in {@link entries} of the first entry of the leaf for `region` = page / 512 of a mapping. */
  leafOf(mapping: number, region: number): number {
    if (mapping === this.lastMapping && region === this.lastRegion) return this.lastLeaf
    let slot = this.slotOf(mapping, region)
    if (this.keyMapping[slot] === EMPTY) {
      if (this.leaves * 2 >= this.keyMapping.length) {
        this.growIndex()
        slot = this.slotOf(mapping, region)
      }
      this.addLeaf(slot, mapping, region)
    }
    this.lastMapping = mapping
    this.lastRegion = region
    this.lastLeaf = this.leafAt[slot]
    return this.lastLeaf
  }

  private addLeaf(slot: number, mapping: number, region: number): void {
    if ((this.leaves + 1) * LEAF_PAGES > this.entries.length) {
      const entries = new Int32Array(this.entries.length * 2)
      entries.set(this.entries)
      this.entries = entries
    }
    this.keyMapping[slot] = mapping
    this.keyRegion[slot] = region
    this.leafAt[slot] = this.leaves * LEAF_PAGES
    this.leaves++
  }

  private slotOf(mapping: number, region: number): number {
    const { keyMapping, keyRegion } = this
    const mask = keyMapping.length - 1
    // Regions exceed int32 (2^53 / 2 MiB); `| 0` keeps their low 32 bits, which is all that a hash needs.
    let slot = ((Math.imul(region | 0, 0x9e3779b1) + Math.imul(mapping, 0x85ebca6b)) >>> 8) & mask
    while (keyMapping[slot] !== EMPTY && (keyMapping[slot] !== mapping || keyRegion[slot] !== region)) {
      slot = (slot + 1) & mask
    }
    return slot
  }

  private growIndex(): void {
    const { keyMapping, keyRegion, leafAt } = this
    const capacity = keyMapping.length * 2
    this.keyMapping = new Int32Array(capacity).fill(EMPTY)
    this.keyRegion = new Float64Array(capacity)
    this.leafAt = new Int32Array(capacity)
    for (let i = 0; i < keyMapping.length; i++) {
      if (keyMapping[i] === EMPTY) continue
      const slot = this.slotOf(keyMapping[i], keyRegion[i])
      this.keyMapping[slot] = keyMapping[i]
      this.keyRegion[slot] = keyRegion[i]
      this.leafAt[slot] = leafAt[i]
    }
  }
}
