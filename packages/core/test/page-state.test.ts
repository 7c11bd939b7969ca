import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PageList } from '../src/extract/page-list.ts'
import { RETAIN_PIN, RETAIN_REF } from '../src/extract/retention.ts'
import { isHold } from '../src/ledger/hold.ts'
import { Ledger } from '../src/ledger/ledger.ts'
import { FOLL_PIN, FOLL_WRITE } from '../src/memory/foll.ts'
import { MAPPING_UNTOUCHED } from '../src/memory/mapping.ts'
import { Memory } from '../src/memory/memory.ts'
import { PageColumn } from '../src/memory/page-column.ts'
import { PageCounts } from '../src/memory/page-counts.ts'
import { KIND_ANON, KIND_THP, PageStore, PMD_ORDER, ZERO_PAGE } from '../src/memory/page-store.ts'
import { LEAF_PAGES } from '../src/memory/page-tables.ts'

const FIRST = 2 ** 25 * LEAF_PAGES
const PAGE = 4096

/** Memory of one address space, pinned and let go run by run, as extraction does it. */
class State {
  readonly memory = new Memory()
  readonly ledger = new Ledger(this.memory.pages)
  private readonly list = new PageList()

  constructor() {
    this.memory.spaces.references = this.ledger.mappingReferences
  }

  /** Row of the first page, -1 where rows do not follow each other. */
  run(first: number, count: number, foll = 0): number {
    return this.memory.spaces.walkRun(0, Float64Array.of((FIRST + first) * PAGE), 0, 0, count, foll)
  }

  rows(first: number, count: number, foll = 0): number[] {
    const out = new Int32Array(count)
    const found = this.memory.spaces.walkPages(0, FIRST + first, count, foll, out)
    return [...out.subarray(0, found)]
  }

  pinAndUnpin(first: number, count: number): void {
    const run = this.run(first, count, FOLL_PIN | FOLL_WRITE)
    this.list.clear()
    this.list.describe(count, 0, count * PAGE)
    this.list.setRun(run, count)
    this.list.retention = RETAIN_PIN
    const hold = this.ledger.acquire(this.list)
    if (!isHold(hold)) throw new Error('a count overflowed')
    this.ledger.letGo(hold)
  }

  map(first: number, count: number, kind: number, order: number, flags = 0): void {
    this.memory.spaces.map(0, FIRST + first, FIRST + first + count, kind, order, flags)
  }

  get byteLength(): number {
    return this.memory.pages.byteLength + this.memory.spaces.byteLength
  }
}

describe('bytes of page state', () => {
  // The gate of the reference: 1.1 bytes a page.
  it.each([
    ['small pages', KIND_ANON, 0],
    ['huge folios', KIND_THP, PMD_ORDER],
  ])('64 GiB of %s, pinned and let go: at most 1.1 a page', (_, kind, order) => {
    const state = new State()
    const leaves = (64 * 2 ** 30) / (LEAF_PAGES * PAGE)
    state.map(0, leaves * LEAF_PAGES, kind, order)
    for (let leaf = 0; leaf < leaves; leaf++) state.pinAndUnpin(leaf * LEAF_PAGES, LEAF_PAGES)
    expect(state.memory.pages.used).toBe(1 + leaves * LEAF_PAGES)
    expect(state.byteLength / (leaves * LEAF_PAGES)).toBeLessThan(1.1)
  })

  it('one page of each 2 MiB takes no more than a quarter of what 512 entries would', () => {
    const state = new State()
    for (let leaf = 0; leaf < 4096; leaf++) state.pinAndUnpin(leaf * LEAF_PAGES + (leaf % LEAF_PAGES), 1)
    expect(state.byteLength / 4096).toBeLessThan((4 * LEAF_PAGES) / 4)
  })
})

describe('a leaf whose pages follow each other', () => {
  it('gives a page its place, whichever was touched first', () => {
    const state = new State()
    const last = state.run(LEAF_PAGES - 1, 1)
    expect(state.run(0, 1)).toBe(last - LEAF_PAGES + 1)
    expect(state.memory.pages.used).toBe(1 + 2)
    expect([0, 1].map((page) => state.memory.spaces.pageAt(0, FIRST + page))).toEqual([last - LEAF_PAGES + 1, -1])
  })

  // What happens to some of its pages changes those alone; the others stay the pages that they were.
  const DISTURBED: readonly [string, (state: State, first: number, count: number) => void, boolean][] = [
    ['a mapping in its place', (state, first, count) => state.map(first, count, KIND_ANON, 0), false],
    ['unmapped', (state, first, count) => state.memory.spaces.unmap(0, FIRST + first, FIRST + first + count), false],
  ]
  it.each(DISTURBED)('%s: the others stay', (_, disturb) => {
    for (const [first, count] of [
      [0, 1],
      [0, 511],
      [1, 1],
      [31, 2],
      [32, 32],
      [100, 412],
      [511, 1],
      [510, 4],
    ] as const) {
      const state = new State()
      const before = state.rows(0, 2 * LEAF_PAGES)
      disturb(state, first, count)
      const after = before.map((_, page) => state.memory.spaces.pageAt(0, FIRST + page))
      expect(after).toEqual(before.map((row, page) => (page >= first && page < first + count ? -1 : row)))
      for (let page = 0; page < before.length; page++) {
        const isGone = page >= first && page < first + count
        expect(state.memory.pages.refcountOf(before[page]!)).toBe(isGone ? 0 : 1)
      }
    }
  })

  it.each([0, 1, 31, 32, 300, 511])('fork, and a store to page %i: the child gets a copy of that one', (place) => {
    const state = new State()
    const { spaces, pages } = state.memory
    const before = state.rows(0, LEAF_PAGES)
    spaces.fork(0, 1)
    expect(state.run(0, LEAF_PAGES, FOLL_WRITE)).toBe(-1)
    expect(pages.refcountOf(before[place]!)).toBe(2)
    const out = new Int32Array(1)
    spaces.walkPages(1, FIRST + place, 1, FOLL_WRITE, out)
    expect(before).not.toContain(out[0])
    expect(pages.isExclusive(out[0]!)).toBe(true)
    expect([pages.refcountOf(before[place]!), pages.isExclusive(before[place]!)]).toEqual([1, false])
    expect(state.rows(place, 1, FOLL_WRITE)).toEqual([before[place]])
    expect(pages.isExclusive(before[place]!)).toBe(true)
  })

  it.each([0, 1, 31, 32, 300, 511])(
    'untouched memory, page %i read first: the zero page, then one of its own',
    (place) => {
      const state = new State()
      state.map(0, LEAF_PAGES, KIND_ANON, 0, MAPPING_UNTOUCHED)
      expect(state.rows(place, 1)).toEqual([ZERO_PAGE])
      const rows = state.rows(0, LEAF_PAGES, FOLL_WRITE)
      expect(new Set(rows).size).toBe(LEAF_PAGES)
      expect(rows).not.toContain(ZERO_PAGE)
    },
  )

  it('untouched memory written first needs no zero page', () => {
    const state = new State()
    state.map(0, LEAF_PAGES, KIND_ANON, 0, MAPPING_UNTOUCHED)
    const first = state.run(0, 7, FOLL_WRITE)
    expect(first).toBeGreaterThan(ZERO_PAGE)
    expect(state.rows(0, 7)).toEqual([0, 1, 2, 3, 4, 5, 6].map((i) => first + i))
    // The next page was not written yet.
    expect(state.run(0, 8)).toBe(-1)
    expect(state.rows(7, 1)).toEqual([ZERO_PAGE])
  })

  it('a huge folio of which a part is unmapped keeps the rest', () => {
    const state = new State()
    state.map(0, LEAF_PAGES, KIND_THP, PMD_ORDER)
    const head = state.run(0, LEAF_PAGES, FOLL_WRITE)
    expect(state.memory.pages.refcountOf(head)).toBe(1)
    state.memory.spaces.unmap(0, FIRST, FIRST + 12)
    // One entry for each page from now on, and a reference with it. @kernel __split_huge_pmd_locked
    expect(state.memory.pages.refcountOf(head)).toBe(500)
    expect(state.run(12, 500, FOLL_WRITE)).toBe(head + 12)
  })
})

describe('counts', () => {
  it('are those of plain numbers, whenever they are looked at, and take nothing once all is let go', () => {
    const pages = new PageStore()
    const rows = 3 * LEAF_PAGES
    const first = pages.setLeafAside(KIND_ANON)
    pages.setLeafAside(KIND_ANON)
    pages.setLeafAside(KIND_ANON)
    const run = fc.record({
      from: fc.integer({ min: 0, max: rows - 1 }),
      count: fc.integer({ min: 1, max: 700 }),
      unit: fc.constantFrom(1, 1024),
      looksAt: fc.option(fc.integer({ min: 0, max: rows - 1 }), { nil: undefined }),
      drops: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(run, { maxLength: 40 }), (steps) => {
        const counts = new PageCounts()
        counts.makeRoom(pages.length / LEAF_PAGES)
        const plain = new Int32Array(rows).fill(1)
        const held: { from: number; count: number; unit: number }[] = []
        const add = (from: number, count: number, by: number) => {
          for (let row = from; row < from + count; row++) plain[row]! += by
        }
        const drop = ({ from, count, unit }: { from: number; count: number; unit: number }) => {
          counts.drop(first + from, count, unit)
          add(from, count, -unit)
        }
        for (const { from, count, unit, looksAt, drops } of steps) {
          const taken = Math.min(count, rows - from)
          expect(counts.take(first + from, taken, unit)).toBe(taken)
          add(from, taken, unit)
          held.push({ from, count: taken, unit })
          if (looksAt !== undefined) expect(counts.refcount(first + looksAt)).toBe(plain[looksAt])
          if (drops) drop(held.splice(from % held.length, 1)[0]!)
        }
        for (let row = 0; row < rows; row++) expect(counts.refcount(first + row)).toBe(plain[row])
        for (const hold of held) drop(hold)
        for (let block = 0; block < 3; block++) expect(counts.isAtRest(first + block * LEAF_PAGES)).toBe(true)
      }),
      { seed: 9, numRuns: 150 },
    )
  })

  // try_grab_folio: WARN_ON_ONCE(folio_ref_count(folio) <= 0), -ENOMEM.
  it('overflow at the pin that would make 2^31, and take no more', () => {
    const pages = new PageStore()
    const row = pages.allocateFolio(0, KIND_ANON)
    for (let pin = 0; pin < 2 ** 21; pin++) pages.counts.take(row, 1, 1024)
    expect(pages.refcountOf(row)).toBe(1 - 2 ** 31)
    expect(pages.counts.take(row, 1, 1024)).toBe(0)
    for (let pin = 0; pin < 2 ** 21; pin++) pages.counts.drop(row, 1, 1024)
    expect(pages.refcountOf(row)).toBe(1)
  })

  it('of a reference that nobody took back stay beside those of holds', () => {
    const pages = new PageStore()
    const row = pages.allocateFolio(0, KIND_ANON)
    pages.counts.take(row, 1, 1)
    pages.counts.add(row, 5)
    pages.counts.drop(row, 1, 1)
    expect(pages.refcountOf(row)).toBe(6)
    expect(pages.counts.isAtRest(row)).toBe(false)
  })
})

describe('rows', () => {
  it('of a folio begin at a multiple of its size, and no two folios are adjacent', () => {
    const pages = new PageStore()
    const heads = [0, 2, 0, 9, 10, 2, 3, 9].map((order) => pages.allocateFolio(order, KIND_ANON))
    for (const head of heads) {
      const count = 2 ** pages.orderOf(head)
      expect(head % count).toBe(0)
      for (let page = head; page < head + count; page++) {
        expect([pages.headOf(page), pages.frameOf(page)]).toEqual([head, pages.frameOf(head) + page - head])
      }
    }
    const ends = heads.map((head) => pages.frameOf(head) + 2 ** pages.orderOf(head))
    for (const head of heads) expect(ends).not.toContain(pages.frameOf(head))
  })

  it('a column takes memory only where something was set', () => {
    const column = new PageColumn()
    column.set(2 ** 29 + 7, -3)
    expect([column.get(2 ** 29 + 7), column.get(2 ** 29 + 6), column.get(5), column.get(2 ** 30)]).toEqual([
      -3, 0, 0, 0,
    ])
    expect(column.hasBlock(5)).toBe(false)
  })
})

it('a reference is no pin', () => {
  const pages = new PageStore()
  const ledger = new Ledger(pages)
  const list = new PageList()
  const first = pages.setLeafAside(KIND_ANON)
  list.describe(4, 0, 4 * PAGE)
  list.setRun(first, 4)
  list.retention = RETAIN_REF
  const hold = ledger.acquire(list)
  expect([...list.page.subarray(0, 4)]).toEqual([first, first + 1, first + 2, first + 3])
  expect([0, 3, 4].map((at) => pages.refcountOf(first + at))).toEqual([2, 2, 1])
  if (isHold(hold)) ledger.letGo(hold)
  expect(ledger.mappingReferences.areAll()).toBe(true)
})
