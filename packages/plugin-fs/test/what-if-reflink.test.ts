import { HAZARD_RULES } from '@pinscope/core/audit'
import { auditText, replayRows, type TestRow, traceText } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { REFLINK_CONSUMERS } from '../src/what-if/definitions.ts'

// Reflink of a file with pinned pages: the five options of the mail (lifetime.md 12).

const A = 0x7f0000000000
const P = 4096
const at = (page: number, pages = 1) => `0x${(A + page * P).toString(16)}+${pages * P}`

const map: TestRow = { event: 'map', mm: 1, segs: at(0, 8), backing: 'file', file: 'data', offset: 0 }
const filled: TestRow = { ts: 1, event: 'store', mm: 1, segs: at(0, 8) }
const lease: TestRow = { ts: 2, event: 'lease', mm: 1, file: 'data' }
const unlease: TestRow = { ts: 91, event: 'unlease', mm: 1, file: 'data' }
const pin: TestRow = { ts: 3, event: 'pin', id: 'mr', mm: 1, op: 'read', segs: at(2, 2) }
const unpin: TestRow = { ts: 90, event: 'unpin', id: 'mr', mm: 1, flags: 'dirty' }
const read: TestRow = { ts: 4, end: 20, mm: 1, op: 'read', segs: at(0), file: 'input', offset: 0, flags: 'direct' }
const reflink: TestRow = { ts: 10, event: 'reflink', mm: 2, file: 'data', offset: 0, len: 8 * P }
const dma = (ts: number, page: number, id = ''): TestRow => ({
  ts,
  event: 'dma',
  id,
  mm: 1,
  op: 'read',
  segs: at(page),
})
const writeback: TestRow = { ts: 95, event: 'writeback', mm: 3, file: 'data', offset: 0, len: 8 * P }

/** The counters of a replay, and what an audit of the same rows finds. */
async function outcome(choice: string, rows: readonly TestRow[]) {
  const definition = REFLINK_CONSUMERS.find(({ name }) => name === `reflink-${choice}`)
  if (definition === undefined) throw new Error(`there is no reflink-${choice}`)
  const { report } = await replayRows(definition, rows, { kernel: '6.12' })
  const how = { kernel: '6.12', consumers: [definition], consumer: definition.name } as const
  const findings = await auditText(traceText(rows), HAZARD_RULES, how)
  expect([report.pins.open, report.refs.open, report.violationsTotal]).toEqual([0, 0, 0])
  return { counters: report.counters, findings: findings.map(({ rule, row, pages }) => [rule, row, pages]) }
}

/** Row 4 is the reflink, while pages 2 and 3 are registered; the device stores into page 2 afterwards. */
const REGISTERED: TestRow[] = [map, filled, pin, reflink, dma(30, 2), unpin, writeback]

describe('a registered page', () => {
  it('1. fail: refuses', async () => {
    const { counters, findings } = await outcome('fail', REGISTERED)
    expect(findings).toEqual([])
    expect(counters).toMatchObject({ reflinks: 0, refused: 1, pagesShared: 0, pagesPinned: 2, sharedOverwritten: 0 })
  })

  it('2. wait: for as long as it is registered', async () => {
    const { counters, findings } = await outcome('wait', REGISTERED)
    expect(findings).toEqual([])
    expect(counters).toMatchObject({ reflinks: 1, waits: 1, waitNs: 80, pagesShared: 8, sharedWhilePinned: 0 })
  })

  it('3. ignore: the device stores into shared blocks, and writeback changes the other file', async () => {
    const { counters, findings } = await outcome('ignore', REGISTERED)
    expect(findings).toEqual([
      ['H-03', 4, 2],
      ['H-38', 4, 2],
      ['H-05', 6, 2],
      // The flusher writes both over the shared blocks: sharedOverwritten.
      ['H-38', 7, 2],
    ])
    expect(counters).toMatchObject({ pagesFlushed: 8, pagesShared: 8, sharedWhilePinned: 2, storesIntoShared: 1 })
    // Both registered pages are made dirty by whoever lets go, whichever the device stored into.
    expect(counters.sharedOverwritten).toBe(2)
  })

  it('4. copy: the other file gets blocks of its own, and pinned pages are not cleaned', async () => {
    const { counters, findings } = await outcome('copy', REGISTERED)
    expect(findings).toEqual([])
    expect(counters).toMatchObject({
      pagesFlushed: 6,
      pagesShared: 6,
      blocksCopied: 2,
      bytesCopied: 8192,
      tornCopies: 0,
    })
    expect(counters.sharedOverwritten).toBe(0)
  })

  it('4. copy: which a store under way tears', async () => {
    const rows = [map, filled, pin, dma(5, 3, 'd'), reflink, { ts: 12, event: 'dma_end', id: 'd' }, unpin]
    const { counters, findings } = await outcome('copy', rows as TestRow[])
    expect(findings).toEqual([['H-04', 5, 1]])
    expect(counters.tornCopies).toBe(1)
  })

  it('5. lease: let go of, shared, and registered again with page_mkwrite', async () => {
    const { counters, findings } = await outcome('lease', [
      map,
      filled,
      lease,
      ...REGISTERED.slice(2, -1),
      unlease,
      writeback,
    ])
    expect(findings).toEqual([])
    expect(counters).toMatchObject({
      leasesBroken: 1,
      pinsDropped: 2,
      waits: 0,
      waitNs: 0,
      pagesShared: 8,
      sharedWhilePinned: 0,
      mkwriteCalls: 2,
      storesIntoShared: 0,
      sharedOverwritten: 0,
    })
  })

  it('5. lease: without one it is waited for', async () => {
    const { counters, findings } = await outcome('lease', REGISTERED)
    expect(findings).toEqual([])
    expect(counters).toMatchObject({ leasesBroken: 0, pinsDropped: 0, waits: 1, waitNs: 80 })
  })
})

describe('direct I/O on its way', () => {
  const rows: TestRow[] = [map, filled, read, reflink, writeback]

  it('is waited for by `wait` and by `lease`', async () => {
    for (const choice of ['wait', 'lease']) {
      const { counters, findings } = await outcome(choice, rows)
      expect(findings).toEqual([])
      expect(counters).toMatchObject({ reflinks: 1, waits: 1, waitNs: 10, pagesShared: 8 })
    }
  })

  it('is seen by nobody today, since it is not the I/O of that inode', async () => {
    const { counters, findings } = await outcome('ignore', rows)
    expect(findings).toEqual([
      ['H-05', 3, 1],
      ['H-03', 4, 1],
      ['H-38', 4, 1],
    ])
    expect(counters).toMatchObject({ sharedWhilePinned: 1, storesIntoShared: 1, sharedOverwritten: 1 })
  })

  it('holds back the device of a lease holder who has let go, until he has pinned again', async () => {
    const held = [map, filled, lease, pin, read, reflink, dma(15, 2), dma(30, 2), unpin, unlease]
    const { counters, findings } = await outcome('lease', held)
    expect(findings).toEqual([])
    expect(counters).toMatchObject({ pinsDropped: 2, storesHeldBack: 1, waitNs: 10, storesIntoShared: 0 })
  })
})

it('is not kept from anything by pins elsewhere in the file', async () => {
  const part = { ...reflink, offset: 4 * P, len: 4 * P }
  for (const choice of ['fail', 'wait', 'ignore', 'copy', 'lease']) {
    const { counters, findings } = await outcome(choice, [map, filled, pin, part, unpin])
    expect(findings).toEqual([])
    expect(counters).toMatchObject({ reflinks: 1, refused: 0, waits: 0, blocksCopied: 0, pagesShared: 4 })
  }
})

it('takes a stop of its own for a page that 1,024 references make look pinned', async () => {
  const references: TestRow = {
    ts: 5,
    event: 'get',
    id: 'refs',
    mm: 1,
    op: 'write',
    iter: 'iovec',
    segs: Array(1024)
      .fill(`0x${(A + 5 * P).toString(16)}+1`)
      .join(';'),
  }
  const rows = [map, filled, references, reflink, { ts: 40, event: 'put', id: 'refs', mm: 1 }] as TestRow[]
  expect((await outcome('fail', rows)).counters).toMatchObject({ refused: 1, pagesPinned: 0, pagesOverCautious: 1 })
  expect((await outcome('copy', rows)).counters).toMatchObject({
    blocksCopied: 1,
    pagesShared: 7,
    pagesOverCautious: 1,
  })
  expect((await outcome('wait', rows)).counters).toMatchObject({ waits: 1, waitNs: 30, pagesOverCautious: 1 })
})
