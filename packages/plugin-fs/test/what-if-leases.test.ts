import { HAZARD_RULES } from '@pinscope/core/audit'
import { auditText, replayRows, type TestRow, traceText } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { LEASE_CONSUMERS } from '../src/what-if/definitions.ts'

// Layout leases: __break_lease asks the holders and waits, time_out_leases takes away what is not given back in time.

const A = 0x7f0000000000
const P = 4096
const S = 1e9
const at = (page: number, pages = 1) => `0x${(A + page * P).toString(16)}+${pages * P}`

const map: TestRow = { event: 'map', mm: 1, segs: at(0, 8), backing: 'file', file: 'data', offset: 0 }
const filled: TestRow = { ts: 1, event: 'store', mm: 1, segs: at(0, 8) }
const lease: TestRow = { ts: 2, event: 'lease', mm: 1, file: 'data' }
const pin: TestRow = { ts: 3, event: 'pin', id: 'mr', mm: 1, op: 'read', segs: at(2, 2) }
const unpin: TestRow = { ts: 200 * S, event: 'unpin', id: 'mr', mm: 1, flags: 'dirty' }
const unlease: TestRow = { ts: 200 * S + 1, event: 'unlease', mm: 1, file: 'data' }
const reflink: TestRow = { ts: S, event: 'reflink', mm: 2, file: 'data', offset: 0, len: 8 * P }
const truncate: TestRow = { ts: S, event: 'truncate', mm: 2, file: 'data', offset: 0 }
const dma = (ts: number, page: number): TestRow => ({ ts, event: 'dma', mm: 1, op: 'read', segs: at(page) })

/** The counters of a replay, and what an audit of the same rows finds. */
async function outcome(holder: string, rows: readonly TestRow[], options: Readonly<Record<string, number>> = {}) {
  const definition = LEASE_CONSUMERS.find(({ name }) => name === `lease-${holder}`)
  if (definition === undefined) throw new Error(`there is no lease-${holder}`)
  const { report } = await replayRows(definition, rows, { kernel: '6.12', options })
  const how = { kernel: '6.12', consumers: [definition], consumer: definition.name, options } as const
  const findings = await auditText(traceText(rows), HAZARD_RULES, how)
  expect([report.pins.open, report.refs.open, report.violationsTotal]).toEqual([0, 0, 0])
  return { counters: report.counters, rules: [...new Set(findings.map(({ rule }) => rule))].sort() }
}

const ROWS = [map, filled, lease, pin, reflink, dma(30 * S, 2), dma(50 * S, 2), unpin, unlease]

describe('a reflink under a lease', () => {
  it('waits for a prompt holder, who stops his device', async () => {
    const { counters, rules } = await outcome('prompt', ROWS)
    expect(rules).toEqual([])
    expect(counters).toMatchObject({ changes: 1, leasesBroken: 1, leasesAnswered: 1, waitNs: 1e6, pinsDropped: 2 })
    expect(counters).toMatchObject({ changedWhilePinned: 0, storesHeldBack: 2, storesTooLate: 0 })
  })

  it('waits for a late one, as long as his time lasts', async () => {
    const { counters, rules } = await outcome('late', ROWS, { 'answer-ns': 45 * S })
    expect(rules).toEqual([])
    expect(counters).toMatchObject({ leasesAnswered: 1, leasesTimedOut: 0, waitNs: 45 * S, pinsDroppedLate: 0 })
    // The store at 30 s is the holder's right; that at 50 s is held back.
    expect(counters).toMatchObject({ storesHeldBack: 1, storesTooLate: 0 })
  })

  it('is done under his pins when his time is over: 45 s', async () => {
    const { counters, rules } = await outcome('late', ROWS)
    expect(rules).toEqual(['H-38', 'H-41'])
    expect(counters).toMatchObject({ leasesAnswered: 0, leasesTimedOut: 1, waitNs: 45 * S, changedWhilePinned: 2 })
    expect(counters).toMatchObject({ pinsDropped: 2, pinsDroppedLate: 2, storesTooLate: 1 })
  })

  it('is done under the pins of one who never answers', async () => {
    const { counters, rules } = await outcome('never', ROWS)
    expect(rules).toEqual(['H-38', 'H-41'])
    expect(counters).toMatchObject({ leasesTimedOut: 1, waitNs: 45 * S, pinsDropped: 0, storesTooLate: 1 })
  })

  it('takes the time-out that is set', async () => {
    const { counters } = await outcome('never', ROWS, { 'break-timeout-ns': 10 * S })
    expect(counters).toMatchObject({ leasesTimedOut: 1, waitNs: 10 * S })
  })

  it('waits without one until the holder gives the lease back by himself, if he does', async () => {
    const { counters, rules } = await outcome('never', ROWS, { 'break-timeout-ns': 0 })
    expect(rules).toEqual([])
    expect(counters).toMatchObject({ changes: 1, leasesTimedOut: 0, waitNs: 199 * S + 1, waitsNeverOver: 0 })
    const forEver = await outcome('never', ROWS.slice(0, -1), { 'break-timeout-ns': 0 })
    expect(forEver.counters).toMatchObject({ changes: 0, waits: 1, waitsNeverOver: 1, waitNs: 199 * S })
  })

  it('waits for direct I/O of a holder who has answered', async () => {
    const io: TestRow = { ts: 4, end: 3 * S, mm: 1, op: 'read', segs: at(5), file: 'input', offset: 0, flags: 'direct' }
    const { counters, rules } = await outcome('prompt', [map, filled, lease, io, reflink, unlease])
    expect(rules).toEqual([])
    expect(counters).toMatchObject({ leasesAnswered: 1, waitNs: 2 * S, changedWhilePinned: 0 })
  })
})

describe('a truncate under a lease', () => {
  it('comes after the pins of a prompt holder', async () => {
    const { counters, rules } = await outcome('prompt', [map, filled, lease, pin, truncate, unpin, unlease])
    expect(rules).toEqual([])
    expect(counters).toMatchObject({ changes: 1, pinsDropped: 2 })
  })

  it('takes the pages away from under one who never answers', async () => {
    const { counters, rules } = await outcome('never', [
      map,
      filled,
      lease,
      pin,
      truncate,
      dma(90 * S, 2),
      unpin,
      unlease,
    ])
    expect(rules).toContain('H-41')
    expect(counters).toMatchObject({ leasesTimedOut: 1, changedWhilePinned: 2, storesTooLate: 1 })
  })
})

it('has nobody to ask where nobody else has a lease', async () => {
  for (const rows of [
    [map, filled, reflink],
    [map, filled, { ...lease, mm: 2 }, reflink],
    [map, filled, { ...lease, file: 'other' }, reflink],
  ]) {
    const { counters, rules } = await outcome('never', rows)
    expect(rules).toEqual([])
    expect(counters).toMatchObject({ leasesBroken: 0, waits: 0 })
  }
})

it('asks a holder once: a second change waits for the same answer', async () => {
  const second = { ...truncate, ts: 2 * S, offset: 4 * P }
  const { counters, rules } = await outcome(
    'late',
    [map, filled, lease, pin, reflink, second, dma(20 * S, 7), unpin, unlease],
    {
      'answer-ns': 10 * S,
    },
  )
  expect(rules).toEqual([])
  expect(counters).toMatchObject({ leasesBroken: 1, leasesAnswered: 1, changes: 2, waits: 2, waitNs: 19 * S })
})

it('asks every holder', async () => {
  const other = { ...lease, mm: 3 }
  const { counters } = await outcome('prompt', [map, filled, lease, other, pin, reflink, unpin, unlease])
  expect(counters).toMatchObject({ leasesBroken: 2, leasesAnswered: 2, changes: 1 })
})
