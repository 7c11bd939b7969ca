import { describe, expect, it } from 'vitest'
import { EFAULT } from '../src/errno.ts'
import { KERNEL_MM, USER_PAGES_END } from '../src/memory/address-spaces.ts'
import { FOLL_WRITE } from '../src/memory/foll.ts'
import {
  MAPPING_NO_ACCESS,
  MAPPING_NO_PAGES,
  MAPPING_PRIVATE,
  MAPPING_READ_ONLY,
  MAPPING_UNTOUCHED,
} from '../src/memory/mapping.ts'
import { PAGE_KINDS, ZERO_PAGE } from '../src/memory/page-store.ts'
import { LEAF_PAGES, PageTables } from '../src/memory/page-tables.ts'
import { World } from './support/world.ts'

/** Page numbers: ordinary, above 2^32 bytes, the last ones of a process; above 2^47 bytes, and the last ones below 2^53 bytes. */
const USER_PLACES = [0x200, 2 ** 21 + 5, USER_PAGES_END - 600]
const PLACES = [...USER_PLACES, 2 ** 36, 2 ** 41 - 0x400]

describe('page tables', () => {
  it('hold a leaf for each region of each mapping, however many there are', () => {
    const tables = new PageTables()
    const regions = PLACES.map((page) => Math.floor(page / LEAF_PAGES))
    const leaves = new Map<string, number>()
    for (let mapping = 0; mapping < 300; mapping++) {
      for (const region of regions) {
        const leaf = tables.leafOf(mapping, region)
        leaves.set(`${mapping} ${region}`, leaf)
        tables.setEntry(mapping, region * LEAF_PAGES + (mapping % LEAF_PAGES), mapping + 1)
      }
    }
    expect(new Set(leaves.values()).size).toBe(300 * PLACES.length)
    for (const [key, leaf] of leaves) {
      const [mapping, region] = key.split(' ').map(Number)
      expect(tables.leafOf(mapping!, region!)).toBe(leaf)
      expect(tables.entryIn(leaf, mapping! % LEAF_PAGES)).toBe(mapping! + 1)
      expect(tables.entryIn(leaf, (mapping! + 1) % LEAF_PAGES)).toBe(0)
    }
  })

  it('list the leaves of a range by address, few regions among many leaves or the other way round', () => {
    const tables = new PageTables()
    const regions = [900, 3, 7, 2 ** 31, 5]
    for (const region of regions) tables.leafOf(1, region)
    for (let region = 0; region < 100; region++) tables.leafOf(2, region)
    const found = (from: number, to: number) =>
      tables.leavesIn(1, from, to).map((leaf) => tables.firstPageOf(leaf) / LEAF_PAGES)
    expect(found(4 * LEAF_PAGES, 8 * LEAF_PAGES)).toEqual([5, 7])
    expect(found(4 * LEAF_PAGES + 1, 5 * LEAF_PAGES)).toEqual([])
    expect(found(5 * LEAF_PAGES - 1, 5 * LEAF_PAGES + 1)).toEqual([5])
    expect(found(0, 2 ** 41)).toEqual([3, 5, 7, 900, 2 ** 31])
    expect(tables.leavesIn(3, 0, 2 ** 41)).toEqual([])
    expect([tables.findLeaf(1, 4), tables.entryAt(1, 4 * LEAF_PAGES)]).toEqual([-1, 0])
  })

  it('tell regions apart that are equal in their low 32 bits', () => {
    const tables = new PageTables()
    expect(tables.leafOf(1, 7)).not.toBe(tables.leafOf(1, 7 + 2 ** 32))
  })
})

describe('address spaces', () => {
  it.each(PLACES)('page %i: each virtual page is one page, and the same again', (page) => {
    const world = new World()
    const mm = page < USER_PAGES_END ? 0 : KERNEL_MM
    const rows = world.rowsOf(page, 600, mm)
    expect(new Set(rows).size).toBe(600)
    expect(world.rowsOf(page, 600, mm)).toEqual(rows)
    expect(world.rowsOf(page + 599, 1, mm)).toEqual(rows.slice(599))
    if (mm === 0) expect(world.rowsOf(page, 1, 7)).not.toEqual(rows.slice(0, 1))
  })

  it.each(PLACES)('page %i: the address arithmetic is exact', (page) => {
    const world = new World()
    const isUser = page < USER_PAGES_END
    world.start(isUser ? 'ubuf' : 'kvec', [[page * 4096 + 0xff8, 16]])
    const rows = world.rowsOf(page, 2, isUser ? 0 : KERNEL_MM)
    expect(world.extract()).toMatchObject({ pages: 2, offset: 0xff8, lengths: [8, 8], rows })
  })

  it('a mapping over another one splits it; what is left of that keeps its pages', () => {
    const world = new World()
    world.map(100, 200)
    const before = world.rowsOf(100, 100)
    world.map(120, 140)
    const after = world.rowsOf(100, 100)
    expect(after.map((row, i) => row === before[i])).toEqual(before.map((_, i) => i < 20 || i >= 40))
    expect(world.spaces.find(0, 119)).toMatchObject({ firstPage: 100, endPage: 120 })
    expect(world.spaces.find(0, 120)).toMatchObject({ firstPage: 120, endPage: 140 })
    expect(world.spaces.find(0, 140)).toMatchObject({ firstPage: 140, endPage: 200 })
  })

  it('one page left over on either side is left', () => {
    const world = new World()
    world.map(100, 110)
    const before = world.rowsOf(100, 10)
    world.map(101, 109)
    const after = world.rowsOf(100, 10)
    expect([after[0], after[9]]).toEqual([before[0], before[9]])
    expect(after.slice(1, 9).some((row) => before.includes(row))).toBe(false)
  })

  it('a mapping over several replaces them; one over its like is another', () => {
    const world = new World()
    for (const first of [100, 110, 120]) world.map(first, first + 10)
    const before = world.rowsOf(100, 30)
    world.map(105, 125)
    const after = world.rowsOf(100, 30)
    expect(after.filter((row, i) => row === before[i])).toHaveLength(10)
    world.map(105, 125)
    expect(world.rowsOf(105, 20).some((row) => after.includes(row))).toBe(false)
  })

  it('an unmapped page faults, the ones before it are had', () => {
    const world = new World()
    world.map(100, 110)
    world.spaces.unmap(0, 104, 106)
    const out = new Int32Array(16)
    expect(world.spaces.walkPages(0, 100, 10, 0, out)).toBe(4)
    expect(world.spaces.walkPages(0, 104, 6, 0, out)).toBe(EFAULT)
    expect(world.spaces.walkPages(0, 106, 4, 0, out)).toBe(4)
    expect(world.spaces.walkPages(0, 104, 0, 0, out)).toBe(0)
  })

  it.each([
    ['PROT_NONE', MAPPING_NO_ACCESS, EFAULT, EFAULT],
    ['VM_IO or VM_PFNMAP', MAPPING_NO_PAGES, EFAULT, EFAULT],
    ['PROT_READ', MAPPING_READ_ONLY, 1, EFAULT],
    ['ordinary', 0, 1, 1],
  ])('%s: read and write', (_, flags, read, write) => {
    const world = new World()
    world.map(100, 110, 0, flags)
    const out = new Int32Array(1)
    expect(world.spaces.walkPages(0, 100, 1, 0, out)).toBe(read)
    expect(world.spaces.walkPages(0, 100, 1, FOLL_WRITE, out)).toBe(write)
  })

  it('a folio lies at a multiple of its size, wholly inside its mapping', () => {
    const world = new World()
    world.map(102, 118, 2)
    const rows = world.rowsOf(102, 16)
    expect(rows.map((row) => world.pages.orderOf(row))).toEqual([0, 0, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 0, 0])
    expect(new Set(rows.map((row) => world.pages.headOf(row))).size).toBe(2 + 3 + 2)
  })

  it('a private file mapping: a write gets a copy, a read the page itself', () => {
    const world = new World()
    world.spaces.map(0, 100, 108, PAGE_KINDS.indexOf('file'), 2, MAPPING_PRIVATE)
    const shared = world.rowsOf(100, 4)
    const out = new Int32Array(1)
    world.spaces.walkPages(0, 101, 1, FOLL_WRITE, out)
    expect(shared).not.toContain(out[0])
    expect(world.pages.kindOf(out[0]!)).toBe(PAGE_KINDS.indexOf('anon'))
    expect(world.rowsOf(100, 4)).toEqual([shared[0], out[0], shared[2], shared[3]])
  })

  it('untouched memory: reads find the zero page until something is written', () => {
    const world = new World()
    world.map(100, 108, 0, MAPPING_UNTOUCHED)
    expect(world.rowsOf(100, 2)).toEqual([ZERO_PAGE, ZERO_PAGE])
    const out = new Int32Array(1)
    world.spaces.walkPages(0, 100, 1, FOLL_WRITE, out)
    expect(world.rowsOf(100, 2)).toEqual([out[0], ZERO_PAGE])
  })
})

describe('pages by frame number', () => {
  it('are found again among thousands, each one a small folio of its own', () => {
    const { pages } = new World()
    const frames = Array.from({ length: 5000 }, (_, i) => (i * 7919) % 0x7fffffff)
    const rows = frames.map((frame) => pages.pageOfFrame(frame))
    expect(new Set(rows).size).toBe(5000)
    expect(frames.map((frame) => pages.pageOfFrame(frame))).toEqual(rows)
    expect(rows.every((row, i) => pages.frameOf(row) === frames[i] && pages.headOf(row) === row)).toBe(true)
    expect(pages.pageOfFrame(0x7fffffff)).not.toBe(pages.pageOfFrame(0))
  })

  it('two folios are never adjacent by chance: a frame is left out between them', () => {
    const { pages } = new World()
    const first = pages.allocateFolio(2, 0)
    const second = pages.allocateFolio(0, 0)
    expect(pages.frameOf(second) - pages.frameOf(first + 3)).toBeGreaterThan(1)
  })
})
