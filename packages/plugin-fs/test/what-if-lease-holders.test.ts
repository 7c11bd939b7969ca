import { describe, expect, it } from 'vitest'
import {
  B,
  dma,
  filled,
  lease,
  map,
  mapOf,
  outcome,
  pin,
  read,
  reflink,
  S,
  truncate,
  unlease,
  unpin,
} from './support/what-if-rows.ts'

// Who is asked to give a lease back, what that costs him, and when his time is over (fs/locks.c: __break_lease,
// time_out_leases; lifetime.md 12.2). Times in seconds: a prompt holder answers after 1 ms, a late one when the test says,
// and 45 s after it was asked back a lease is taken away.

const TEN_SECONDS = { options: { 'answer-ns': 10 * S } }
const at = (seconds: number) => seconds * S
const end = (rows: number) => [unpin(at(100 + rows)), unlease(at(200))]

describe('the time of a lease', () => {
  it("runs while its holder's own I/O is on its way", async () => {
    // Asked at 1 s; the read into page 0 is over at 100 s; taken away at 46 s.
    const rows = [map, filled, lease(2), read(at(1) - 1, at(100), 0), reflink(at(1)), unlease(at(200))]
    for (const holder of ['lease-prompt', 'lease-never']) {
      const { counters, findings } = await outcome(holder, rows)
      expect(counters).toMatchObject({ leasesTimedOut: 1, leasesAnswered: 0, waitNs: at(45), changedWhilePinned: 1 })
      expect(counters.storesTooLate).toBe(1)
      // The time is over in row 4, whose end comes next.
      expect(findings).toEqual([
        ['H-38', 4, 1],
        ['H-41', 4, 1],
      ])
    }
  })

  it('is not prolonged by I/O into other memory, which does not keep the holder from answering', async () => {
    const anonymous = mapOf('', 1, B)
    const io = read(at(1) - 1, at(100), 0, 1, B)
    const rows = [map, anonymous, filled, lease(2), io, pin(at(1) - 1, 2, 2), reflink(at(1)), ...end(0)]
    const { counters, findings } = await outcome('lease-prompt', rows)
    expect(findings).toEqual([])
    expect(counters).toMatchObject({ leasesAnswered: 1, leasesTimedOut: 0, waitNs: 1e6, pinsDropped: 2 })
  })

  it('is told by what came first, not by rows: the end of an operation belongs to the row that began it', async () => {
    // Rows 4 and 5 take pins on pages 0, 2 and 3; the lease ends before row 4 is over.
    const rows = [map, filled, lease(2), read(at(1) - 2, at(100), 0), pin(at(1) - 1, 2, 2), reflink(at(1)), ...end(50)]
    const { counters, findings } = await outcome('lease-never', rows)
    expect(counters).toMatchObject({ leasesTimedOut: 1, changedWhilePinned: 3 })
    expect(findings).toContainEqual(['H-41', 4, 3])
  })
})

describe('what a holder lets go of', () => {
  it('is what it has of that file', async () => {
    const rows = [
      map,
      mapOf('other', 1, B),
      filled,
      lease(3),
      lease(4, 1, 'other'),
      pin(5, 2, 2),
      { ...pin(6, 2, 2, { id: 'mo' }), segs: `0x${(B + 2 * 4096).toString(16)}+8192` },
      reflink(at(1)),
      { ...dma(at(2), 2), segs: `0x${(B + 2 * 4096).toString(16)}+4096` },
      unpin(at(100)),
      unpin(at(100) + 1, { id: 'mo' }),
      unlease(at(200)),
      unlease(at(200) + 1, 1, 'other'),
    ]
    for (const consumer of ['lease-prompt', 'reflink-lease']) {
      const { counters, findings } = await outcome(consumer, rows)
      expect(findings).toEqual([])
      expect(counters).toMatchObject({ leasesBroken: 1, pinsDropped: 2, storesHeldBack: 0 })
    }
  })

  it('is held back page by page', async () => {
    // Pages 2 and 3 are let go of: 1 and 4 to 6 are stored to.
    const stores = [dma(at(30), 1, 3), dma(at(31), 3, 4)]
    const { counters } = await outcome('lease-prompt', [
      map,
      filled,
      lease(2),
      pin(4, 2, 2),
      reflink(at(1)),
      ...stores,
      ...end(0),
    ])
    expect(counters).toMatchObject({ pinsDropped: 2, storesHeldBack: 2 + 1 })
  })
})

describe('several holders', () => {
  const two = { mm: 2, id: 'm2' }

  it('are asked once each, and each answers in its own time', async () => {
    // Task 1 reflinks at 1 s: 2 is asked, and answers at 11 s. Task 3 at 6 s: 1 is asked, and answers at 16 s.
    const rows = [
      map,
      mapOf('data', 2, B),
      filled,
      lease(2),
      lease(3, 2),
      pin(4, 2, 2),
      pin(5, 5, 1, two),
      reflink(at(1), 1),
      reflink(at(6), 3),
      unpin(at(100)),
      unpin(at(100), two),
      unlease(at(200)),
      unlease(at(200), 2),
    ]
    const { counters, findings } = await outcome('lease-late', rows, TEN_SECONDS)
    expect(counters).toMatchObject({ leasesBroken: 2, leasesAnswered: 2, leasesTimedOut: 0, changes: 2 })
    expect(counters).toMatchObject({ waitNs: at(10) + at(10), pinsDropped: 2 + 1 })
    // Task 1 shares its own pinned pages, under a lease that is still its own.
    expect(findings.map(([rule]) => rule)).toEqual(['H-38'])
  })

  it('get none while one is asked back: generic_add_lease returns -EAGAIN', async () => {
    const rows = [map, filled, lease(2), pin(3, 2, 2), reflink(at(1)), lease(at(2), 4), ...end(0), unlease(at(201), 4)]
    const late = await outcome('lease-late', rows, TEN_SECONDS)
    expect(late.counters).toMatchObject({ leasesBroken: 1, leasesAnswered: 1, leasesRefused: 1, waitNs: at(10) })
    expect(late.findings).toEqual([])
    // A prompt one has answered before, and the new lease is in the way of nothing.
    const prompt = await outcome('lease-prompt', rows)
    expect(prompt.counters).toMatchObject({ leasesBroken: 1, leasesAnswered: 1, leasesRefused: 0 })
  })

  it('a task that changes its own file breaks the leases of others, not its own', async () => {
    const rows = [map, filled, lease(2), lease(3, 2), pin(4, 2, 2), reflink(at(1), 1), ...end(0)]
    for (const consumer of ['lease-prompt', 'lease-never', 'reflink-ignore']) {
      const { counters, findings } = await outcome(consumer, rows)
      expect(counters.leasesBroken).toBe(1)
      expect(findings.map(([rule]) => rule)).not.toContain('H-41')
    }
  })
})

describe('a lease that its holder gives back by itself', () => {
  it('is an answer, and he owes no other: what he pins later stays', async () => {
    const rows = [
      map,
      filled,
      lease(2),
      pin(3, 2, 2),
      reflink(at(1)),
      unpin(at(10)),
      unlease(at(20)),
      lease(at(29)),
      pin(at(30), 6, 1, { id: 'new' }),
      dma(at(70), 6),
      unpin(at(100), { id: 'new' }),
      unlease(at(101)),
    ]
    // He would have answered at 61 s.
    const { counters, findings } = await outcome('lease-late', rows)
    expect(findings).toEqual([])
    expect(counters).toMatchObject({ leasesBroken: 1, leasesAnswered: 1, leasesTimedOut: 0, waitNs: at(19) })
    expect(counters).toMatchObject({ pinsDropped: 0, pinsDroppedLate: 0, storesHeldBack: 0 })
  })

  it('with the pins still there leaves them to whoever changes the file', async () => {
    const asked = [map, filled, lease(2), pin(3, 2, 2), reflink(at(1)), unlease(at(20)), dma(at(30), 2), unpin(at(200))]
    const { counters, findings } = await outcome('lease-late', asked)
    expect(counters).toMatchObject({ leasesAnswered: 1, changes: 1, changedWhilePinned: 2, storesTooLate: 1 })
    expect(counters).toMatchObject({ pinsDropped: 0, pinsDroppedLate: 0 })
    expect(findings).toEqual([
      ['H-38', 6, 2],
      ['H-41', 6, 2],
    ])
  })

  it('leaves them to a change that has nobody to ask, too', async () => {
    const rows = [map, filled, lease(2), pin(4, 2, 2), unlease(5), reflink(at(1)), dma(at(30), 2), unpin(at(100))]
    const { counters, findings } = await outcome('lease-prompt', rows)
    expect(counters).toMatchObject({ changes: 1, waits: 0, leasesBroken: 0, changedWhilePinned: 2, storesTooLate: 1 })
    expect(findings).toEqual([
      ['H-38', 6, 2],
      ['H-41', 6, 2],
    ])
  })
})

it('a late answer drops the pins of the lease that was taken away, and no others', async () => {
  // Taken away at 46 s, answered at 61 s; page 6 is pinned at 50 s.
  const rows = [
    map,
    filled,
    lease(2),
    pin(3, 2, 2),
    truncate(at(1)),
    pin(at(50), 6, 1, { id: 'new' }),
    unpin(at(100)),
    unpin(at(100), { id: 'new' }),
  ]
  const { counters } = await outcome('lease-late', rows)
  expect(counters).toMatchObject({ leasesTimedOut: 1, pinsDropped: 2, pinsDroppedLate: 2 })
})

it('a change finds the pages that were faulted in while it waited', async () => {
  // Page 5 is first touched, and pinned, at 3 s; the lease is taken away at 46 s.
  const rows = [map, lease(2), pin(3, 2), reflink(at(1), 3), pin(at(3), 5, 1, { id: 'own' }), ...end(0)]
  const { counters } = await outcome('lease-late', [...rows, unpin(at(201), { id: 'own', mm: 1 })], {
    options: { 'answer-ns': 50 * S },
  })
  expect(counters).toMatchObject({ leasesTimedOut: 1, changedWhilePinned: 2 })
})
