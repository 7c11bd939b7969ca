import { describe, expect, it } from 'vitest'
import { ENOMEM } from '../src/errno.ts'
import { RETAIN_PIN, RETAIN_REF } from '../src/extract/retention.ts'
import type { Hold } from '../src/ledger/hold.ts'
import { ZERO_PAGE } from '../src/memory/page-store.ts'
import { World } from './support/world.ts'

// Reference and pin counts as live kernels showed them (6.18, page by page as a bio was queued): a small page pinned
// once 1025, four times 4097, eight times 8193; a huge page of which 4, 5 and 256 pages are pinned 5/4, 6/5, 257/256.

const P = 4096
const A = 0x200 * P

/** Extracts everything left and takes it. */
function take(world: World, policy: 'extract' | 'get-pages' = 'extract'): Hold[] {
  const holds: Hold[] = []
  while (world.extract(4096, policy).bytes > 0) holds.push(world.ledger.acquire(world.list) as Hold)
  return holds
}

describe('a small page', () => {
  it.each([
    [1, 1025],
    [4, 4097],
    [8, 8193],
  ])('%i pins of 512 bytes each: refcount %i', (pins, refcount) => {
    const world = new World()
    world.start(
      'iovec',
      Array.from({ length: pins }, (_, i) => [A + i * 512, 512]),
    )
    const holds = take(world)
    const [row] = world.rowsOf(0x200, 1)
    expect([world.refcount(row!), world.pincount(row!)]).toEqual([refcount, 0])
    for (const hold of holds) world.ledger.letGo(hold)
    expect(world.refcount(row!)).toBe(1)
  })

  it('a reference adds one', () => {
    const world = new World()
    world.start('ubuf', [[A, P]])
    const holds = take(world, 'get-pages')
    const [row] = world.rowsOf(0x200, 1)
    expect(world.refcount(row!)).toBe(2)
    for (const hold of holds) world.ledger.letGo(hold)
    expect(world.refcount(row!)).toBe(1)
  })

  it('takes 2^21 pins: the one that turns the count negative is allowed, the next is not', () => {
    const world = new World()
    world.map(0x200, 0x201)
    const [row] = world.rowsOf(0x200, 1)
    const { list, ledger, pages } = world
    list.page.fill(row!)
    list.length = 4096
    list.pages = 4096
    list.retention = RETAIN_PIN
    for (let i = 0; i < 511; i++) expect(ledger.acquire(list)).toBeGreaterThan(0)
    list.length = 4095
    list.pages = 4095
    expect(ledger.acquire(list)).toBeGreaterThan(0)
    expect(pages.refcountOf(row!)).toBe(1 + (2 ** 21 - 1) * 1024)
    list.length = 1
    list.pages = 1
    expect(ledger.acquire(list)).toBeGreaterThan(0)
    expect(pages.refcountOf(row!)).toBeLessThan(0)
    expect(ledger.acquire(list)).toBe(ENOMEM)
    list.retention = RETAIN_REF
    expect(ledger.acquire(list)).toBe(ENOMEM)
  })

  it('a list refused half way leaves nothing taken', () => {
    const world = new World()
    const rows = world.rowsOf(0x200, 3)
    world.pages.counts.add(rows[2]!, 0 - world.pages.refcountOf(rows[2]!))
    world.start('ubuf', [[A, 3 * P]])
    world.extract()
    expect(world.ledger.acquire(world.list)).toBe(ENOMEM)
    expect(rows.map((row) => world.refcount(row))).toEqual([1, 1, 0])
    expect(world.ledger.totals[0]).toBe(0)
  })
})

describe('a large folio: the counts of its head', () => {
  it.each([
    [4, '5/4'],
    [5, '6/5'],
    [256, '257/256'],
  ])('%i pages pinned: refcount/pincount %s', (pages, counts) => {
    const world = new World()
    world.map(0x200, 0x400, 9)
    world.start('ubuf', [[A + 3 * P, pages * P]])
    const holds = take(world)
    const rows = world.rowsOf(0x200, 512)
    expect(`${world.refcount(rows[7]!)}/${world.pincount(rows[7]!)}`).toBe(counts)
    expect(new Set(rows.map((row) => world.pages.headOf(row))).size).toBe(1)
    for (const hold of holds) world.ledger.letGo(hold)
    expect([world.refcount(rows[7]!), world.pincount(rows[7]!)]).toEqual([1, 0])
  })

  it('references move the refcount only', () => {
    const world = new World()
    world.map(0x200, 0x400, 9)
    world.start('ubuf', [[A, 4 * P]])
    take(world, 'get-pages')
    const [row] = world.rowsOf(0x200, 1)
    expect([world.refcount(row!), world.pincount(row!)]).toEqual([5, 0])
  })
})

describe('the zero page', () => {
  it('a pin moves nothing and is not counted', () => {
    const world = new World()
    world.untouched(0x200, 0x210)
    world.start('ubuf', [[A, 4 * P]], undefined, true)
    const [hold] = take(world)
    expect([...world.list.page.subarray(0, 4)]).toEqual([ZERO_PAGE, ZERO_PAGE, ZERO_PAGE, ZERO_PAGE])
    expect(world.pages.refcountOf(ZERO_PAGE)).toBe(1)
    expect([world.ledger.totals[0], world.ledger.pagesHeld(hold!)]).toEqual([0, 0])
    world.ledger.letGo(hold!)
    expect(world.pages.refcountOf(ZERO_PAGE)).toBe(1)
  })

  it('a reference counts as on any page', () => {
    const world = new World()
    world.untouched(0x200, 0x210)
    world.start('ubuf', [[A, 4 * P]], undefined, true)
    take(world, 'get-pages')
    expect(world.pages.refcountOf(ZERO_PAGE)).toBe(5)
    expect(world.ledger.totals[4]).toBe(4)
  })

  it('a destination gets pages of its own, which a later source finds', () => {
    const world = new World()
    world.untouched(0x200, 0x210)
    world.start('ubuf', [[A, 2 * P]], undefined, true)
    take(world)
    world.start('ubuf', [[A, 2 * P]])
    take(world)
    const rows = [...world.list.page.subarray(0, 2)]
    expect(rows.includes(ZERO_PAGE)).toBe(false)
    expect(world.rowsOf(0x200, 3)).toEqual([...rows, ZERO_PAGE])
  })
})
