import { describe, expect, it } from 'vitest'
import {
  dma,
  filled,
  lease,
  map,
  outcome,
  pin,
  read,
  reflink,
  S,
  unlease,
  unpin,
  writeback,
  writebackEnd,
} from './support/what-if-rows.ts'

// Option 5 of lifetime.md 12: the holder of a lease drops its pins, and takes lease and pins again when the reflink is done.

const at = (seconds: number) => seconds * S
const end = [unpin(at(100)), unlease(at(101))]
/** A read into page 0, which is waited for: over at 10 s. */
const io = read(at(1) - 1, at(10), 0)

describe('the holder of a lease', () => {
  it('takes one lease again, however many pins it has, and each pin once', async () => {
    // Pages 2, 3 and 5 are dropped for each of two reflinks.
    const rows = [map, filled, lease(2), pin(3, 2, 2), pin(4, 5, 1, { id: 'mr2' }), reflink(at(1)), reflink(at(2))]
    const { counters, findings } = await outcome('reflink-lease', [...rows, unpin(at(99), { id: 'mr2' }), ...end])
    expect(findings).toEqual([])
    // Eight pages are dirty at first; the three that are pinned again for the second reflink.
    expect(counters).toMatchObject({ leasesBroken: 2, pinsDropped: 6, mkwriteCalls: 6, pagesFlushed: 8 + 3 })
  })

  it('takes no pin again that it has unpinned meanwhile, and no lease that it has given back', async () => {
    const rows = [map, filled, lease(2), pin(3, 2, 2), io, reflink(at(1)), unpin(at(5)), unlease(at(6))]
    const { counters, findings } = await outcome('reflink-lease', [...rows, reflink(at(20))])
    expect(findings).toEqual([])
    expect(counters).toMatchObject({ reflinks: 2, leasesBroken: 1, pinsDropped: 2, mkwriteCalls: 0, waitNs: at(9) })
  })

  it('is asked anew by the next reflink that has waited: it looks at leases again under the locks', async () => {
    const rows = [map, filled, lease(2), pin(3, 2, 2), io, reflink(at(1), 2), reflink(at(2), 3), dma(at(20), 2)]
    const { counters, findings } = await outcome('reflink-lease', [...rows, ...end])
    expect(findings).toEqual([])
    expect(counters).toMatchObject({ reflinks: 2, leasesBroken: 2, pinsDropped: 4, waitNs: at(9) + at(8) })
    expect(counters).toMatchObject({ sharedWhilePinned: 0, storesIntoShared: 0 })
  })
})

describe('reflink-wait has both inodes locked while it waits (H-33)', () => {
  const rows = (ts: number) => [map, filled, pin(3, 2, 2), reflink(10), unpin(ts)]

  it('which nobody minds for a second', async () => {
    expect((await outcome('reflink-wait', rows(at(1) + 10))).findings).toEqual([])
  })

  it('is told in the row of the reflink when it took longer', async () => {
    const { counters, findings } = await outcome('reflink-wait', rows(at(1) + 11))
    expect(counters.waitNs).toBe(at(1) + 1)
    expect(findings).toEqual([['H-33', 4, 0]])
  })

  it('and when the trace ends before the wait does', async () => {
    const { counters, findings } = await outcome('reflink-wait', rows(0).slice(0, -1), { pinsLeft: 2 })
    expect(counters.waitsNeverOver).toBe(1)
    // The registration is never let go of.
    expect(findings).toEqual([
      ['H-10', 3, 2],
      ['H-33', 4, 0],
    ])
  })

  it('reflink-lease waits before it locks', async () => {
    const { counters, findings } = await outcome('reflink-lease', rows(at(9)))
    expect(counters).toMatchObject({ waits: 1, waitNs: at(9) - 10 })
    expect(findings).toEqual([])
  })
})

it('a page that is pinned while a reflink waits is waited for, too', async () => {
  // Page 7 is there since its pin only.
  const part = { ...filled, segs: `0x7f0000000000+${7 * 4096}` }
  const other = pin(20, 7, 1, { id: 'new' })
  const rows = [
    map,
    part,
    pin(3, 2),
    reflink(10),
    other,
    unpin(30),
    unpin(90, { id: 'new' }),
    writeback(95),
    writebackEnd(96),
  ]
  const { counters } = await outcome('reflink-wait', rows)
  expect(counters).toMatchObject({ waits: 1, waitNs: 80, sharedWhilePinned: 0 })
})
