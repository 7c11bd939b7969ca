import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RETAIN_PIN, RETAIN_REF, type Retention } from '../src/extract/retention.ts'
import { FolioCounts } from '../src/ledger/folio-counts.ts'
import { type Hold, isHold } from '../src/ledger/hold.ts'
import { PINS_ACQUIRED, PINS_RELEASED, REFS_ACQUIRED, REFS_RELEASED } from '../src/ledger/totals.ts'
import { folioMaybeDmaPinned } from '../src/memory/maybe-dma-pinned.ts'
import { World } from './support/world.ts'

// lifetime.md 2.1 and 2.2, by plain objects and one page at a time. @kernel mm/gup.c: try_grab_folio, gup_put_folio

type FolioKind = 'small' | 'large' | 'zero'
type Kind = 'get' | 'pin'

/** What a pin adds to the refcount of a small folio. @kernel include/linux/mm.h: GUP_PIN_COUNTING_BIAS */
const BIAS = 1024
const RETENTION: Readonly<Record<Kind, Retention>> = { get: RETAIN_REF, pin: RETAIN_PIN }

/** A folio's counts, as the table has them: how they changed since it was allocated. */
interface SlowCounts {
  refcount: number
  pincount: number
  pinsAcquired: number
  pinsReleased: number
}

function slowTake(counts: SlowCounts, folio: FolioKind, kind: Kind): void {
  if (kind === 'get') counts.refcount += 1
  else if (folio !== 'zero') {
    counts.refcount += folio === 'small' ? BIAS : 1
    if (folio === 'large') counts.pincount += 1
    counts.pinsAcquired += 1
  }
}

function slowDrop(counts: SlowCounts, folio: FolioKind, kind: Kind): void {
  if (kind === 'get') counts.refcount -= 1
  else if (folio !== 'zero') {
    counts.refcount -= folio === 'small' ? BIAS : 1
    if (folio === 'large') counts.pincount -= 1
    counts.pinsReleased += 1
  }
}

/** The order of a folio of 16 pages: nothing here depends on how large a large one is. */
const LARGE_ORDER = 4
/** Where the memory of each kind is mapped: first page and how many pages may be taken at once. */
const PLACE: Readonly<Record<FolioKind, { readonly first: number; readonly pages: number }>> = {
  small: { first: 0, pages: 1 },
  large: { first: 16, pages: 16 },
  zero: { first: 64, pages: 1 },
}

/** Memory of three folios in a ledger, and the counts of one of them since it was made. */
class CountsWorld {
  readonly world = new World()
  private readonly before: { refcount: number; pincount: number }
  private readonly row: number

  constructor(folio: FolioKind) {
    this.world.map(0, 1)
    this.world.map(16, 32, LARGE_ORDER)
    this.world.untouched(64, 65)
    this.row = this.world.rowsOf(PLACE[folio].first, 1)[0]!
    this.before = { refcount: this.world.refcount(this.row), pincount: this.world.pincount(this.row) }
  }

  take(folio: FolioKind, kind: Kind, pages: number): Hold {
    const { world } = this
    world.start('ubuf', [[PLACE[folio].first * 4096, pages * 4096]], undefined, true)
    world.extract(pages, kind === 'pin' ? 'extract' : 'get-pages')
    const hold = world.ledger.acquire(world.list)
    if (!isHold(hold)) throw new Error(`nothing was taken: ${hold}`)
    return hold
  }

  counts(): SlowCounts {
    const { totals } = this.world.ledger
    return {
      refcount: this.world.refcount(this.row) - this.before.refcount,
      pincount: this.world.pincount(this.row) - this.before.pincount,
      pinsAcquired: totals[PINS_ACQUIRED],
      pinsReleased: totals[PINS_RELEASED],
    }
  }
}

const NOTHING: SlowCounts = { refcount: 0, pincount: 0, pinsAcquired: 0, pinsReleased: 0 }

describe('acquire and release: lifetime.md 2.1', () => {
  // Folio, what is taken, pages; then what it adds to refcount and pincount, and to the statistics.
  it.each([
    ['small', 'get', 1, 1, 0, 0],
    ['small', 'pin', 1, 1024, 0, 1],
    ['large', 'get', 16, 16, 0, 0],
    ['large', 'pin', 1, 1, 1, 1],
    ['large', 'pin', 16, 16, 16, 16],
    ['zero', 'get', 1, 1, 0, 0],
    ['zero', 'pin', 1, 0, 0, 0],
  ] as const)('%s folio, %s of %i', (folio, kind, pages, refcount, pincount, pins) => {
    const at = new CountsWorld(folio)
    const hold = at.take(folio, kind, pages)
    expect(at.counts()).toEqual({ refcount, pincount, pinsAcquired: pins, pinsReleased: 0 })
    at.world.ledger.letGo(hold)
    expect(at.counts()).toEqual({ refcount: 0, pincount: 0, pinsAcquired: pins, pinsReleased: pins })
  })

  it('512 pins of a 2 MiB folio are 512, and 512 unpins are owed', () => {
    const world = new World()
    world.map(512, 1024, 9)
    world.start('ubuf', [[512 * 4096, 2 ** 21]], undefined, true)
    world.extract(512)
    const hold = world.ledger.acquire(world.list) as Hold
    const [row] = world.rowsOf(512, 1)
    expect([world.ledger.pagesHeld(hold), world.pincount(row!)]).toEqual([512, 512])
  })

  it('in any order, and any number of them at a time', () => {
    const step = fc.record({
      folio: fc.constantFrom<FolioKind>('small', 'large', 'zero'),
      kind: fc.constantFrom<Kind>('get', 'pin'),
      pages: fc.integer({ min: 1, max: 16 }),
      /** Which of what is held is let go before it, if any is. */
      drop: fc.nat({ max: 8 }),
    })
    const watched = fc.constantFrom<FolioKind>('small', 'large', 'zero')
    fc.assert(
      fc.property(watched, fc.array(step, { maxLength: 40 }), (mine, steps) => {
        const at = new CountsWorld(mine)
        const slow = { ...NOTHING }
        const held: { hold: Hold; folio: FolioKind; kind: Kind; pages: number }[] = []
        for (const { folio, kind, pages: wanted, drop } of steps) {
          const pages = Math.min(wanted, PLACE[folio].pages)
          const [gone] = drop < held.length ? held.splice(drop, 1) : []
          if (gone !== undefined) {
            at.world.ledger.letGo(gone.hold)
            slowly(slow, mine, gone, slowDrop)
          }
          held.push({ hold: at.take(folio, kind, pages), folio, kind, pages })
          slowly(slow, mine, { folio, kind, pages }, slowTake)
          expect(at.counts()).toEqual(slow)
        }
        const { totals } = at.world.ledger
        for (const { hold } of held) at.world.ledger.letGo(hold)
        expect(at.counts()).toMatchObject({ refcount: 0, pincount: 0 })
        expect([totals[PINS_ACQUIRED], totals[REFS_ACQUIRED]]).toEqual([totals[PINS_RELEASED], totals[REFS_RELEASED]])
      }),
      { numRuns: 200, seed: 21 },
    )
  })
})

/** Page by page: statistics of every folio, counts of the one that is watched. */
function slowly(
  slow: SlowCounts,
  mine: FolioKind,
  { folio, kind, pages }: { folio: FolioKind; kind: Kind; pages: number },
  move: (counts: SlowCounts, folio: FolioKind, kind: Kind) => void,
): void {
  const own = { ...NOTHING }
  for (let n = 0; n < pages; n++) move(own, folio, kind)
  slow.pinsAcquired += own.pinsAcquired
  slow.pinsReleased += own.pinsReleased
  if (folio !== mine) return
  slow.refcount += own.refcount
  slow.pincount += own.pincount
}

describe('maybe pinned: lifetime.md 1.4', () => {
  // Of a small folio 1,024 plain references look like a pin; a large one has a count of its own.
  it.each([
    ['small', 'get', 1022, false],
    ['small', 'get', 1023, true],
    ['small', 'pin', 1, true],
    ['large', 'get', 2000, false],
    ['large', 'pin', 1, true],
  ] as const)('%s folio after %s of %i', (folio, kind, count, expected) => {
    const at = new CountsWorld(folio)
    // Allocated with one reference: with 1,023 more it has 1,024.
    for (let n = 0; n < count; n++) at.take(folio, kind, 1)
    const [row] = at.world.rowsOf(PLACE[folio].first, 1)
    expect(folioMaybeDmaPinned(at.world.pages, row!)).toBe(expected)
  })
})

describe('a release of the wrong kind: lifetime.md 2.2', () => {
  // What the kernel's counts would be off by: taken as the first, dropped as the second, `times`.
  const EFFECTS = [
    ['small', 'pin', 'get', 1, 1023, 0],
    ['large', 'pin', 'get', 1, 0, 1],
    ['small', 'get', 'pin', 1, -1023, 0],
    ['large', 'get', 'pin', 1, 0, -1],
    ['small', 'pin', 'pin', 2, -1024, 0],
    ['large', 'pin', 'pin', 2, -1, -1],
    ['zero', 'pin', 'get', 1, -1, 0],
    ['zero', 'get', 'pin', 1, 1, 0],
  ] as const

  it.each(EFFECTS)('%s folio, %s dropped as %s x %i', (folio, taken, dropped, times, refcount, pincount) => {
    const at = new CountsWorld(folio)
    const { pages } = at.world
    const counts = new FolioCounts(pages)
    const [row] = folio === 'zero' ? [0] : at.world.rowsOf(PLACE[folio].first, 1)
    const before = [at.world.refcount(row!), at.world.pincount(row!)] as const
    counts.take(row!, 1, RETENTION[taken])
    for (let n = 0; n < times; n++) counts.drop(row!, 1, RETENTION[dropped])
    expect([at.world.refcount(row!) - before[0], at.world.pincount(row!) - before[1]]).toEqual([refcount, pincount])
  })

  it.each(EFFECTS)('the ledger tells it and moves nothing: %s, %s as %s x %i', (folio, taken, dropped, times) => {
    const at = new CountsWorld(folio)
    const { ledger } = at.world
    const hold = at.take(folio, taken, 1)
    const after = at.counts()
    for (let n = 0; n < times; n++) ledger.release(hold, RETENTION[dropped])
    const rules = ledger.violations.map(({ rule }) => rule)
    if (taken === dropped) expect([rules, at.counts().refcount]).toEqual([['double-release'], 0])
    else expect([rules, at.counts()]).toEqual([['wrong-kind-release'], after])
  })
})
