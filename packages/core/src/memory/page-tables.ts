import { grown } from '../grown.ts'
import { firstOfFolio } from './page-store.ts'

/** Pages that one leaf maps: 2 MiB. @kernel PTRS_PER_PTE */
export const LEAF_PAGES = 512

const EMPTY = -1

/** Entry of a page that may be written in place. */
export function writableEntry(row: number): number {
  return row + 1
}

/** Entry of a page that a write must fault on. */
export function readOnlyEntry(row: number): number {
  return -row - 1
}

/** Page row of an entry that is not 0. */
export function rowOf(entry: number): number {
  return entry > 0 ? entry - 1 : -entry - 1
}

/**
 * Virtual page to page row, in leaves of 512 entries, found by (table id, page / 512). An entry is 0 where nothing was
 * faulted in, `row + 1` for a page present and writable, `-(row + 1)` for one that a write must fault on (the zero page,
 * a page of a private file mapping, one shared by fork).
 * @kernel page tables down to the PTE level; include/linux/pgtable.h
 */
export class PageTables {
  /** Every leaf's entries, leaf after leaf. Replaced when it grows: read it anew after {@link leafOf}. */
  entries = new Int32Array(LEAF_PAGES * 64)

  private leaves = 0
  /** By leaf: 1 where one huge entry maps all of it. @kernel pmd_trans_huge */
  private huge = new Uint8Array(64)
  /** By leaf: its region, and the next leaf of its table ({@link EMPTY} behind the last). */
  private region = new Float64Array(64)
  private next = new Int32Array(64)
  /** By table id: its first leaf. */
  private readonly first = new Map<number, number>()
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

  /** As {@link leafOf}, but makes none: -1 where there is no leaf. */
  findLeaf(mapping: number, region: number): number {
    const slot = this.slotOf(mapping, region)
    return this.keyMapping[slot] === EMPTY ? -1 : this.leafAt[slot]
  }

  /** Entry of a page; 0 where there is no leaf. */
  entryAt(mapping: number, page: number): number {
    const region = Math.floor(page / LEAF_PAGES)
    const leaf = this.findLeaf(mapping, region)
    return leaf < 0 ? 0 : this.entries[leaf + page - region * LEAF_PAGES]
  }

  /** Sets the entry of a page. */
  setEntry(mapping: number, page: number, entry: number): void {
    const region = Math.floor(page / LEAF_PAGES)
    const leaf = this.leafOf(mapping, region)
    this.entries[leaf + page - region * LEAF_PAGES] = entry
  }

  /** `order`, where no page of the folio that would lie there has an entry yet; else 0. */
  freeOrder(mapping: number, page: number, order: number): number {
    const count = 2 ** order
    const first = firstOfFolio(page, order)
    for (let i = 0; i < count; i++) if (this.entryAt(mapping, first + i) !== 0) return 0
    return order
  }

  /** Indices of the leaves of a table that have a page of [firstPage, endPage), by address. For rows that change mappings. */
  leavesIn(mapping: number, firstPage: number, endPage: number): number[] {
    const from = Math.floor(firstPage / LEAF_PAGES)
    const to = Math.ceil(endPage / LEAF_PAGES)
    const found: number[] = []
    if (to - from <= this.leaves) {
      for (let region = from; region < to; region++) {
        const leaf = this.findLeaf(mapping, region)
        if (leaf >= 0) found.push(leaf)
      }
      return found
    }
    for (let leaf = this.first.get(mapping) ?? EMPTY; leaf !== EMPTY; leaf = this.next[leaf]) {
      if (this.region[leaf] >= from && this.region[leaf] < to) found.push(leaf * LEAF_PAGES)
    }
    return found.sort((a, b) => this.firstPageOf(a) - this.firstPageOf(b))
  }

  /** Virtual page of the first entry of a leaf. */
  firstPageOf(leaf: number): number {
    return this.region[leaf / LEAF_PAGES] * LEAF_PAGES
  }

  /** One huge entry maps the leaf: all of its 512 entries follow from that one. */
  isHuge(leaf: number): boolean {
    return this.huge[leaf / LEAF_PAGES] === 1
  }

  setHuge(leaf: number, isHuge: boolean): void {
    this.huge[leaf / LEAF_PAGES] = isHuge ? 1 : 0
  }

  private addLeaf(slot: number, mapping: number, region: number): void {
    if (this.leaves === this.huge.length) this.growLeaves()
    const leaf = this.leaves++
    this.keyMapping[slot] = mapping
    this.keyRegion[slot] = region
    this.leafAt[slot] = leaf * LEAF_PAGES
    this.region[leaf] = region
    this.next[leaf] = this.first.get(mapping) ?? EMPTY
    this.first.set(mapping, leaf)
  }

  private growLeaves(): void {
    const capacity = this.huge.length * 2
    this.entries = grown(this.entries, capacity * LEAF_PAGES)
    this.huge = grown(this.huge, capacity)
    this.region = grown(this.region, capacity)
    this.next = grown(this.next, capacity)
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
