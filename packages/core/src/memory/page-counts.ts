import { grown } from '../grown.ts'
import { BLOCK_MASK, BLOCK_PAGES, BLOCK_SHIFT } from './page-blocks.ts'

/** The cells of a block are differences: the count of a page is the sum of them up to its own. A run moves two of them. */
const DIFFERENCES = 0
/** A cell is the count of its page: somebody looks at counts. */
const COUNTED = 1
/** As COUNTED, and it stays: counts moved that no hold takes back. */
const KEPT = 2

/** What holds add to a block, up to which none of its counts can overflow, whatever page it is on. */
const HELD_MAX = 1 << 30

/**
 * `_refcount` and `_pincount` of folios, for blocks of page rows in which some count is not that of a folio at rest (one
 * reference, no pin). What a hold takes it gives back, so a block has cells only while some hold has pages of it; they
 * are zeroes again then, and go to the next block.
 *
 * A cell is the refcount less one, of a head page. The pincount of a large folio is in the cell of its first tail page,
 * as the kernel has it in that page's struct.
 * @kernel include/linux/mm_types.h: struct folio (_refcount, _pincount)
 */
export class PageCounts {
  /** By block: its first cell, 0 for none; the sum of all that holds added to its counts; form of its cells. */
  private start = new Int32Array(16)
  private held = new Int32Array(16)
  private form = new Uint8Array(16)
  private cells = new Int32Array(4 * BLOCK_PAGES)
  private used = BLOCK_PAGES
  /** Cells of blocks that are at rest again: a stack. */
  private free = new Int32Array(16)
  private freeCount = 0
  /** Form of the cells that the next block gets. */
  private nextForm = DIFFERENCES

  /** Makes room for `blocks` blocks. */
  makeRoom(blocks: number): void {
    if (blocks <= this.start.length) return
    const capacity = Math.max(blocks, this.start.length * 2)
    this.start = grown(this.start, capacity)
    this.held = grown(this.held, capacity)
    this.form = grown(this.form, capacity)
  }

  /** `_refcount` of a head page. */
  refcount(head: number): number {
    return (this.countAt(head) + 1) | 0
  }

  /** `_pincount` of a large folio. */
  pincount(head: number): number {
    return this.countAt(head + 1)
  }

  /** Every folio of the block of a row has one reference and no pin; false where nobody knows without looking. */
  isAtRest(row: number): boolean {
    return this.start[row >>> BLOCK_SHIFT] === 0
  }

  /** Moves the refcount of a head page, for good. */
  add(head: number, by: number): void {
    const block = head >>> BLOCK_SHIFT
    this.keep(block)
    this.cells[this.start[block] + (head & BLOCK_MASK)] += by
  }

  /** Adds `unit` to the refcount of small pages of following rows, until one has a count that is not positive; returns how many. */
  take(row: number, count: number, unit: number): number {
    const end = row + count
    let at = row
    while (at < end) {
      const block = at >>> BLOCK_SHIFT
      const pages = pagesIn(at, end)
      const form = this.move(block, pages * unit)
      const taken = form === KEPT ? this.addWhilePositive(at, pages, unit) : pages
      if (form === DIFFERENCES) this.addDifferences(at, pages, unit)
      else if (form === COUNTED) this.addEach(at, pages, unit)
      at += taken
      if (taken < pages) break
    }
    return at - row
  }

  /** Takes back what {@link take} added. */
  drop(row: number, count: number, unit: number): void {
    const end = row + count
    for (let at = row; at < end; ) {
      const block = at >>> BLOCK_SHIFT
      const pages = pagesIn(at, end)
      if (this.move(block, -pages * unit) === DIFFERENCES) this.addDifferences(at, pages, -unit)
      else this.addEach(at, pages, -unit)
      this.rest(block)
      at += pages
    }
  }

  /** Adds to both counts of a large folio. */
  takeFolio(head: number, references: number, pins: number): void {
    const block = head >>> BLOCK_SHIFT
    if (this.move(block, references + pins) === DIFFERENCES) this.sum(block, COUNTED)
    const cell = this.start[block] + (head & BLOCK_MASK)
    this.cells[cell] += references
    this.cells[cell + 1] += pins
  }

  /** Takes back what {@link takeFolio} added, or a part of it. */
  dropFolio(head: number, references: number, pins: number): void {
    this.takeFolio(head, -references, -pins)
    this.rest(head >>> BLOCK_SHIFT)
  }

  /** Bytes of memory. */
  get byteLength(): number {
    const { start, held, form, cells, free } = this
    return start.byteLength + held.byteLength + form.byteLength + cells.byteLength + free.byteLength
  }

  private countAt(row: number): number {
    const block = row >>> BLOCK_SHIFT
    const start = this.start[block]
    if (start === 0) return 0
    if (this.form[block] === DIFFERENCES) {
      // Who looks once looks often: from now on counts are kept as they are read.
      this.nextForm = COUNTED
      this.sum(block, COUNTED)
    }
    return this.cells[start + (row & BLOCK_MASK)]
  }

  /** Holds add `by` to the counts of a block: returns the form of its cells. */
  private move(block: number, by: number): number {
    if (this.start[block] === 0) this.giveCells(block)
    if (this.form[block] !== KEPT) {
      this.held[block] += by
      if (this.held[block] > HELD_MAX) this.keep(block)
    }
    return this.form[block]
  }

  /** Where holds took back all that they added, the block is at rest. */
  private rest(block: number): void {
    if (this.form[block] === KEPT || this.held[block] !== 0) return
    if (this.freeCount === this.free.length) this.free = grown(this.free, 2 * this.freeCount)
    this.free[this.freeCount++] = this.start[block]
    this.start[block] = 0
  }

  private giveCells(block: number): void {
    this.form[block] = this.nextForm
    if (this.freeCount > 0) {
      this.start[block] = this.free[--this.freeCount]
      return
    }
    if (this.used === this.cells.length) this.cells = grown(this.cells, 2 * this.used)
    this.start[block] = this.used
    this.used += BLOCK_PAGES
  }

  private keep(block: number): void {
    if (this.start[block] === 0) this.giveCells(block)
    if (this.form[block] === DIFFERENCES) this.sum(block, KEPT)
    this.form[block] = KEPT
  }

  private sum(block: number, form: number): void {
    const { cells } = this
    const start = this.start[block]
    for (let at = start + 1; at < start + BLOCK_PAGES; at++) cells[at] += cells[at - 1]
    this.form[block] = form
  }

  private addDifferences(row: number, pages: number, unit: number): void {
    const { cells } = this
    const start = this.start[row >>> BLOCK_SHIFT]
    const from = row & BLOCK_MASK
    const end = from + pages
    cells[start + from] += unit
    if (end < BLOCK_PAGES) cells[start + end] -= unit
  }

  private addEach(row: number, pages: number, unit: number): void {
    const { cells } = this
    const first = this.start[row >>> BLOCK_SHIFT] + (row & BLOCK_MASK)
    for (let at = first; at < first + pages; at++) cells[at] += unit
  }

  private addWhilePositive(row: number, pages: number, unit: number): number {
    const { cells } = this
    const first = this.start[row >>> BLOCK_SHIFT] + (row & BLOCK_MASK)
    let at = first
    while (at < first + pages && ((cells[at] + 1) | 0) > 0) cells[at++] += unit
    return at - first
  }
}

/** Rows from `row` on that lie in one block, up to `end`. */
function pagesIn(row: number, end: number): number {
  const rest = BLOCK_PAGES - (row & BLOCK_MASK)
  return end - row < rest ? end - row : rest
}
