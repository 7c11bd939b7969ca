import { grown } from '../grown.ts'
import { clearBits, hasBit, hasBits, setBits } from './bit-runs.ts'
import { EMPTY, LeafIndex } from './leaf-index.ts'
import { BLOCK_PAGES, BLOCK_WORDS } from './page-blocks.ts'
import { firstOfFolio } from './page-store.ts'

export { EMPTY } from './leaf-index.ts'

/** Pages that one leaf maps: 2 MiB. @kernel PTRS_PER_PTE */
export const LEAF_PAGES = BLOCK_PAGES

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
 * Virtual page to page row, in leaves of 512 pages, found by (table id, page / 512).
 *
 * An entry is 0 where nothing was faulted in, `row + 1` for a page present and writable, `-(row + 1)` for one that a
 * write must fault on (the zero page, a page of a private file mapping, one shared by fork). Most leaves need none: a
 * *plain* leaf has the 512 rows that follow {@link firstRow}, each at its place, those present writable, and keeps one
 * bit a page. Whatever does not fit in that gives the leaf entries, for good.
 * @kernel page tables down to the PTE level; include/linux/pgtable.h
 */
export class PageTables {
  /** Entries of the leaves that have some. Replaced when it grows: read it anew after {@link entriesOf}. */
  entries = new Int32Array(0)
  /** By leaf: row of its first page while it is plain, else {@link EMPTY}. Replaced when it grows. */
  firstRow = new Int32Array(16)

  private readonly index = new LeafIndex()
  /** By leaf, a bit a page: present, while the leaf is plain. */
  private present = new Int32Array(16 * BLOCK_WORDS)
  /** By leaf: its first entry, {@link EMPTY} where it has none. */
  private firstEntry = new Int32Array(16)
  private entriesUsed = 0
  /** By leaf: 1 where one huge entry maps all of it. @kernel pmd_trans_huge */
  private huge = new Uint8Array(16)
  private lastTable = EMPTY
  private lastRegion = 0
  private lastLeaf = 0

  /** The leaf for `region` = page / 512 of a table; it is made where there is none, neither plain nor with entries. */
  leafOf(table: number, region: number): number {
    if (table === this.lastTable && region === this.lastRegion) return this.lastLeaf
    const found = this.index.find(table, region)
    this.lastTable = table
    this.lastRegion = region
    this.lastLeaf = found === EMPTY ? this.addLeaf(table, region) : found
    return this.lastLeaf
  }

  /** As {@link leafOf}, but makes none: {@link EMPTY} where there is no leaf. */
  findLeaf(table: number, region: number): number {
    return this.index.find(table, region)
  }

  /** Entry of a page; 0 where there is no leaf. */
  entryAt(table: number, page: number): number {
    const region = Math.floor(page / LEAF_PAGES)
    const leaf = this.findLeaf(table, region)
    return leaf === EMPTY ? 0 : this.entryIn(leaf, page - region * LEAF_PAGES)
  }

  /** Entry of the page at a place (0 … 511) of a leaf. */
  entryIn(leaf: number, place: number): number {
    const first = this.firstRow[leaf]
    if (first !== EMPTY) return hasBit(this.present, leaf * LEAF_PAGES + place) ? writableEntry(first + place) : 0
    return this.firstEntry[leaf] === EMPTY ? 0 : this.entries[this.firstEntry[leaf] + place]
  }

  /** Sets the entry of a page. */
  setEntry(table: number, page: number, entry: number): void {
    const region = Math.floor(page / LEAF_PAGES)
    const at = this.entriesOf(this.leafOf(table, region)) + page - region * LEAF_PAGES
    this.entries[at] = entry
  }

  /** Index in {@link entries} of the first entry of a leaf, which has entries from now on. */
  entriesOf(leaf: number): number {
    return this.firstEntry[leaf] === EMPTY ? this.giveEntries(leaf) : this.firstEntry[leaf]
  }

  /** Nothing is in the leaf, and nothing ever was. */
  isFresh(leaf: number): boolean {
    return this.firstRow[leaf] === EMPTY && this.firstEntry[leaf] === EMPTY
  }

  /** Makes a fresh leaf a plain one over the rows from `firstRow` on, with no page present. */
  makePlain(leaf: number, firstRow: number): void {
    this.firstRow[leaf] = firstRow
  }

  /** Every page of a part of a plain leaf is present. */
  arePresent(leaf: number, place: number, count: number): boolean {
    return hasBits(this.present, leaf * LEAF_PAGES + place, count)
  }

  /** Makes the pages of a part of a plain leaf present; returns how many were not. */
  setPresent(leaf: number, place: number, count: number): number {
    return setBits(this.present, leaf * LEAF_PAGES + place, count)
  }

  /** Takes the pages of a part of a leaf out. */
  clear(leaf: number, place: number, count: number): void {
    const first = this.firstEntry[leaf]
    if (first !== EMPTY) this.entries.fill(0, first + place, first + place + count)
    else clearBits(this.present, leaf * LEAF_PAGES + place, count)
  }

  /** `order`, where no page of the folio that would lie there has an entry yet; else 0. */
  freeOrder(table: number, page: number, order: number): number {
    const count = 2 ** order
    const first = firstOfFolio(page, order)
    for (let i = 0; i < count; i++) if (this.entryAt(table, first + i) !== 0) return 0
    return order
  }

  /** The leaves of a table that have a page of [firstPage, endPage), by address. For rows that change mappings. */
  leavesIn(table: number, firstPage: number, endPage: number): number[] {
    return this.index.leavesIn(table, Math.floor(firstPage / LEAF_PAGES), Math.ceil(endPage / LEAF_PAGES))
  }

  /**
   * Tells where a page row is mapped: table and virtual page, until `tell` says that it has enough. Looks through all
   * leaves: for what is told to people.
   */
  eachPlaceOf(row: number, tell: (table: number, page: number) => boolean): void {
    for (let leaf = 0; leaf < this.index.length; leaf++) {
      const place = row - this.firstRow[leaf]
      if (this.firstRow[leaf] === EMPTY || place < 0 || place >= LEAF_PAGES || this.entryIn(leaf, place) === 0) continue
      if (tell(this.index.tableOf(leaf), this.firstPageOf(leaf) + place)) return
    }
    for (const entry of [writableEntry(row), readOnlyEntry(row)]) {
      for (let at = this.entries.indexOf(entry); at >= 0; at = this.entries.indexOf(entry, at + 1)) {
        const place = at % LEAF_PAGES
        const leaf = this.firstEntry.indexOf(at - place)
        if (tell(this.index.tableOf(leaf), this.firstPageOf(leaf) + place)) return
      }
    }
  }

  /** Virtual page of the first page of a leaf. */
  firstPageOf(leaf: number): number {
    return this.index.regionOf(leaf) * LEAF_PAGES
  }

  /** One huge entry maps the leaf: all of its 512 entries follow from that one. */
  isHuge(leaf: number): boolean {
    return this.huge[leaf] === 1
  }

  setHuge(leaf: number, isHuge: boolean): void {
    this.huge[leaf] = isHuge ? 1 : 0
  }

  /** Bytes of memory. */
  get byteLength(): number {
    const { entries, firstRow, index, present, firstEntry, huge } = this
    return [entries, firstRow, index, present, firstEntry, huge].reduce((sum, column) => sum + column.byteLength, 0)
  }

  private addLeaf(table: number, region: number): number {
    const leaf = this.index.add(table, region)
    if (leaf === this.huge.length) {
      const capacity = leaf * 2
      this.firstRow = grown(this.firstRow, capacity)
      this.present = grown(this.present, capacity * BLOCK_WORDS)
      this.firstEntry = grown(this.firstEntry, capacity)
      this.huge = grown(this.huge, capacity)
    }
    this.firstRow[leaf] = EMPTY
    this.firstEntry[leaf] = EMPTY
    return leaf
  }

  private giveEntries(leaf: number): number {
    const first = this.entriesUsed
    this.entriesUsed += LEAF_PAGES
    if (this.entriesUsed > this.entries.length) {
      this.entries = grown(this.entries, Math.max(this.entries.length, 8 * LEAF_PAGES) * 2)
    }
    for (let i = 0; i < LEAF_PAGES; i++) this.entries[first + i] = this.entryIn(leaf, i)
    this.firstEntry[leaf] = first
    this.firstRow[leaf] = EMPTY
    return first
  }
}
