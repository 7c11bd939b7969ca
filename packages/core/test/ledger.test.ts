import { describe, expect, it } from 'vitest'
import { RETAIN_PIN, RETAIN_REF } from '../src/extract/retention.ts'
import { InvariantError } from '../src/invariant.ts'
import {
  generationOf,
  HOLD_NONE,
  type Hold,
  isPinned,
  isReferenced,
  type Pinned,
  type Referenced,
  slotOf,
} from '../src/ledger/hold.ts'
import { World } from './support/world.ts'

const P = 4096

/** A world in which eight small pages, then a folio of eight, are faulted in: their rows follow each other. */
function pinned(pages: number, first = 0): { world: World; hold: Hold; rows: number[] } {
  const world = new World()
  world.map(0, 8)
  world.map(8, 16, 3)
  const rows = world.rowsOf(first, pages)
  return { world, hold: pin(world, first, pages), rows }
}

function pin(world: World, first: number, pages: number, policy: 'extract' | 'get-pages' = 'extract'): Hold {
  world.start('ubuf', [[first * P, pages * P]])
  world.extract(4096, policy)
  return world.ledger.acquire(world.list) as Hold
}

/** How often each page is pinned. */
function pins(world: World, rows: readonly number[]): number[] {
  return rows.map((row) => (world.pages.orderOf(row) === 0 ? (world.refcount(row) - 1) / 1024 : world.pincount(row)))
}

describe('split', () => {
  it.each([1, 2, 3, 4, 5, 6, 7])('%i of eight pages, through the one run that they are', (count) => {
    const { world, hold, rows } = pinned(8)
    const tail = world.ledger.split(hold, count)
    expect([world.ledger.pagesHeld(hold), world.ledger.pagesHeld(tail)]).toEqual([8 - count, count])
    world.ledger.letGo(tail)
    expect(pins(world, rows)).toEqual(rows.map((_, i) => (i < 8 - count ? 1 : 0)))
    world.ledger.letGo(hold)
    expect(pins(world, rows)).toEqual(rows.map(() => 0))
  })

  it('all of it leaves an empty hold, which can be let go', () => {
    const { world, hold } = pinned(4)
    const tail = world.ledger.split(hold, 4)
    expect([world.ledger.entriesHeld(hold), world.ledger.isOpen(hold)]).toEqual([0, true])
    world.ledger.letGo(hold)
    world.ledger.letGo(tail)
    expect(world.ledger.totals[2]).toBe(0)
  })

  it('between two runs, and inside the second', () => {
    const { world } = pinned(1)
    const hold = world.ledger.join(pin(world, 4, 3), pin(world, 1, 3))
    const inside = world.ledger.split(hold, 2)
    const between = world.ledger.split(hold, 1)
    expect([hold, between, inside].map((one) => world.ledger.pagesHeld(one))).toEqual([3, 1, 2])
    world.ledger.letGo(between)
    expect(pins(world, world.rowsOf(1, 6))).toEqual([0, 1, 1, 1, 1, 1])
    world.ledger.letGo(inside)
    world.ledger.letGo(hold)
    expect(pins(world, world.rowsOf(1, 6))).toEqual([0, 0, 0, 0, 0, 0])
  })

  it('of a run that goes over from small pages into a large folio', () => {
    const { world, hold } = pinned(6, 5)
    const tail = world.ledger.split(hold, 2)
    const [folio] = world.rowsOf(8, 1)
    expect(world.pincount(folio!)).toBe(3)
    world.ledger.letGo(tail)
    expect(world.pincount(folio!)).toBe(1)
    world.ledger.letGo(hold)
    expect(world.pincount(folio!)).toBe(0)
  })

  it('more than there is, or nothing, is our own bug', () => {
    const { world, hold } = pinned(4)
    expect(() => world.ledger.split(hold, 5)).toThrow(InvariantError)
    expect(() => world.ledger.split(hold, 0)).toThrow(InvariantError)
  })
})

describe('join', () => {
  it('appends, and the second hold is gone', () => {
    const { world, hold } = pinned(2)
    const other = pin(world, 5, 2)
    expect(world.ledger.join(hold, other)).toBe(hold)
    expect([world.ledger.pagesHeld(hold), world.ledger.isOpen(other)]).toEqual([4, false])
    world.ledger.letGo(hold)
    expect(world.ledger.totals[2]).toBe(0)
  })

  it('with nothing is the other', () => {
    const { world, hold } = pinned(2)
    expect(world.ledger.join(HOLD_NONE, hold)).toBe(hold)
    expect(world.ledger.join(hold, HOLD_NONE)).toBe(hold)
  })

  it('of a pin with a reference is our own bug: kinds never mix', () => {
    const { world, hold } = pinned(2)
    expect(() => world.ledger.join(hold, pin(world, 5, 1, 'get-pages'))).toThrow(InvariantError)
    expect(() => world.ledger.join(hold, hold)).toThrow(InvariantError)
  })
})

describe('releaseFirst', () => {
  it('takes one page off the front of a run, to the last one', () => {
    const { world, hold, rows } = pinned(3)
    world.ledger.releaseFirst(hold)
    expect(pins(world, rows)).toEqual([0, 1, 1])
    world.ledger.releaseFirst(hold)
    world.ledger.releaseFirst(hold)
    expect([world.ledger.entriesHeld(hold), world.ledger.isOpen(hold)]).toEqual([0, true])
    expect(() => world.ledger.releaseFirst(hold)).toThrow(InvariantError)
    world.ledger.letGo(hold)
    expect([...world.ledger.totals.subarray(0, 3)]).toEqual([3, 3, 0])
  })
})

describe('holds that are gone are recognised', () => {
  it('released twice: a violation, and no count moves', () => {
    const { world, hold, rows } = pinned(3)
    world.ledger.unpin(hold as Pinned)
    world.ledger.unpin(hold as Pinned)
    expect(world.ledger.violations).toMatchObject([{ rule: 'double-release', pages: 3 }])
    expect(pins(world, rows)).toEqual([0, 0, 0])
  })

  it('after the row of the table is used again, the old hold does not reach the new one', () => {
    const { world, hold, rows } = pinned(3)
    world.ledger.letGo(hold)
    const next = pin(world, 0, 3)
    expect([slotOf(next), generationOf(next)]).toEqual([slotOf(hold), generationOf(hold) + 1])
    expect([world.ledger.isOpen(hold), world.ledger.isOpen(next)]).toEqual([false, true])
    world.ledger.letGo(hold)
    expect(world.ledger.violations).toMatchObject([{ rule: 'double-release', takenRow: 0, pages: 0 }])
    expect(pins(world, rows)).toEqual([1, 1, 1])
  })

  it('as put_page() of a pin or unpin of a reference: a violation, and the hold stays', () => {
    const { world, hold } = pinned(2)
    const reference = pin(world, 4, 1, 'get-pages')
    expect([isPinned(hold), isReferenced(reference)]).toEqual([true, true])
    world.ledger.release(hold, RETAIN_REF)
    world.ledger.release(reference, RETAIN_PIN)
    expect(world.ledger.violations).toMatchObject([
      { rule: 'wrong-kind-release', held: RETAIN_PIN, releasedAs: RETAIN_REF, pages: 2 },
      { rule: 'wrong-kind-release', held: RETAIN_REF, releasedAs: RETAIN_PIN, pages: 1 },
    ])
    world.ledger.unpin(hold as Pinned)
    world.ledger.put(reference as Referenced)
    expect([world.ledger.totals[2], world.ledger.totals[6]]).toEqual([0, 0])
  })

  it('nothing taken is nothing to release', () => {
    const { world } = pinned(1)
    world.ledger.release(HOLD_NONE, RETAIN_PIN)
    world.ledger.releaseFirst(HOLD_NONE)
    expect([world.ledger.violationCount, world.ledger.isOpen(HOLD_NONE)]).toEqual([0, false])
  })
})

describe('sums', () => {
  it('count pages, and the most that were held at one time', () => {
    const { world, hold } = pinned(4)
    const second = pin(world, 2, 4)
    world.ledger.letGo(hold)
    pin(world, 0, 1)
    world.ledger.letGo(second)
    // acquired, released, open, peak
    expect([...world.ledger.totals.subarray(0, 4)]).toEqual([9, 8, 1, 8])
  })

  it('grow with thousands of holds and runs', () => {
    const world = new World()
    world.map(0, 8192)
    const holds = Array.from({ length: 3000 }, (_, i) => {
      world.start('iovec', [
        [2 * i * P, P],
        [(2 * i + 1) * P, P],
      ])
      world.extract()
      const first = world.ledger.acquire(world.list) as Hold
      world.extract()
      return world.ledger.join(world.ledger.acquire(world.list) as Hold, first)
    })
    expect(world.ledger.totals[2]).toBe(6000)
    for (const hold of holds.reverse()) world.ledger.letGo(hold)
    expect(world.ledger.totals[2]).toBe(0)
    expect(pins(world, world.rowsOf(0, 6000)).every((count) => count === 0)).toBe(true)
  })
})
