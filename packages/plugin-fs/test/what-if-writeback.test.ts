import { HAZARD_RULES } from '@pinscope/core/audit'
import { auditText, replayRows, type TestRow, traceText } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { WRITEBACK_CONSUMERS } from '../src/what-if/definitions.ts'

// Writeback of pages that devices may store into (lifetime.md 5.3, 6, 7): what each answer costs, and what the hazard rules
// find with it.

const A = 0x7f0000000000
const P = 4096
const S = 1e9
const at = (page: number, pages = 1) => `0x${(A + page * P).toString(16)}+${pages * P}`

const map: TestRow = { event: 'map', mm: 1, segs: at(0, 8), backing: 'file', file: 'data', offset: 0 }
const filled: TestRow = { ts: 1, event: 'store', mm: 1, segs: at(0, 8) }
const pin = (ts: number, page: number, pages = 1): TestRow => ({
  ts,
  event: 'pin',
  id: 'mr',
  mm: 1,
  op: 'read',
  segs: at(page, pages),
})
const unpin = (ts: number, flags = 'dirty'): TestRow => ({ ts, event: 'unpin', id: 'mr', mm: 1, flags })
const writeback = (ts: number): TestRow => ({ ts, event: 'writeback', mm: 2, file: 'data', offset: 0, len: 8 * P })
const writebackEnd = (ts: number): TestRow => ({ ...writeback(ts), event: 'writeback_end' })
const read = (ts: number, end: number, page: number, pages = 1): TestRow => ({
  ts,
  end,
  mm: 1,
  op: 'read',
  segs: at(page, pages),
  file: 'input',
  offset: 0,
  flags: 'direct',
})
const dma = (ts: number, page: number, id = ''): TestRow => ({
  ts,
  event: 'dma',
  id,
  mm: 1,
  op: 'read',
  segs: at(page),
})

interface Options {
  readonly header?: readonly string[]
  readonly kernel?: '6.1' | '6.12' | 'mainline'
  readonly options?: Readonly<Record<string, number>>
}

function definitionOf(choice: string) {
  const definition = WRITEBACK_CONSUMERS.find(({ name }) => name === `writeback-${choice}`)
  if (definition === undefined) throw new Error(`there is no writeback-${choice}`)
  return definition
}

/** The counters of a replay, and the rules that an audit of the same rows finds broken. */
async function outcome(choice: string, rows: readonly TestRow[], { header = [], ...how }: Options = {}) {
  const definition = definitionOf(choice)
  const { report } = await replayRows(definition, rows, { kernel: '6.12', header, ...how })
  const text = traceText(rows, header)
  const audit = { kernel: '6.12', consumers: [definition], consumer: definition.name, ...how } as const
  const findings = await auditText(text, HAZARD_RULES, audit)
  expect([report.pins.open, report.refs.open, report.violationsTotal]).toEqual([0, 0, 0])
  return {
    counters: report.counters,
    rules: [...new Set(findings.map(({ rule }) => rule))].sort(),
    findings: findings.map(({ rule, row }) => [rule, row]),
  }
}

/** A page is registered, cleaned, stored into by the device, and let go of: scenario 1 of lifetime.md 19. */
const SCENARIO_1 = [map, filled, pin(2, 2), writeback(3), writebackEnd(4), dma(5, 2), unpin(6)]

describe('scenario 1: a registered page is cleaned, and the device stores afterwards', () => {
  it('as it is: cleaned while pinned, and dirty without page_mkwrite', async () => {
    const { counters, findings } = await outcome('as-is', SCENARIO_1)
    expect(findings).toEqual([
      ['H-03', 4],
      ['H-05', 7],
    ])
    expect(counters).toMatchObject({ pagesWritten: 8, storesUnnoticed: 1, dirtiedUnasked: 1, lostUpdates: 0 })
  })

  it('as it is: the store is lost where whoever unpins does not say that it was one', async () => {
    const rows = [...SCENARIO_1.slice(0, -1), unpin(6, '')]
    const { counters, rules } = await outcome('as-is', rows)
    expect(rules).toContain('H-02')
    expect(counters.lostUpdates).toBe(1)
  })

  it('skip: the page is never written while it is pinned, and nothing is found', async () => {
    const { counters, rules } = await outcome('skip', SCENARIO_1)
    expect(rules).toEqual([])
    expect(counters).toMatchObject({ pagesWritten: 7, pagesSkipped: 1, pagesNeverWritten: 1, lostUpdates: 0 })
  })

  it('skip: a later writeback takes what it passed over', async () => {
    const { counters } = await outcome('skip', [...SCENARIO_1, writeback(7), writebackEnd(8)])
    // Seven the first time, and the one that was left dirty: folio_clear_dirty_for_io tells of the rest that they are clean.
    expect(counters).toMatchObject({ pagesWritten: 8, pagesSkipped: 1, pagesNeverWritten: 0 })
  })

  it('wait: the writeback begins when the pin is gone', async () => {
    const { counters, rules } = await outcome('wait', SCENARIO_1)
    expect(rules).toEqual([])
    expect(counters).toMatchObject({ pagesWritten: 8, waits: 1, waitNs: 3, waitsNeverOver: 0, lostUpdates: 0 })
  })

  it.each(['bounce-block', 'bounce-fs'])(
    '%s: a copy that nothing tears, of a page that is cleaned all the same',
    async (choice) => {
      const { counters, findings } = await outcome(choice, SCENARIO_1)
      expect(findings).toEqual([
        ['H-03', 4],
        ['H-05', 7],
      ])
      expect(counters).toMatchObject({ pagesWritten: 8, pagesBounced: 1, bytesBounced: 4096, tornBounces: 0 })
    },
  )

  it('bounce-fs: nothing is found where the page stays dirty', async () => {
    const { counters, rules } = await outcome('bounce-fs', SCENARIO_1, { options: { 'stays-dirty': 1 } })
    expect(rules).toEqual([])
    expect(counters).toMatchObject({ pagesBounced: 1, storesUnnoticed: 0, lostUpdates: 0 })
  })

  it('stable: the findings of as-is, since a device waits for nobody', async () => {
    const { counters, rules } = await outcome('stable', SCENARIO_1)
    expect(rules).toEqual(['H-03', 'H-05'])
    expect(counters.storeWaits).toBe(0)
  })
})

describe('a device stores while the page is written', () => {
  const rows = [map, filled, pin(2, 2), writeback(3), dma(4, 2), writebackEnd(5), unpin(6)]
  const inCopy = [map, filled, pin(2, 2), dma(3, 2, 'd'), writeback(4), { ts: 5, event: 'dma_end', id: 'd' }]
  const torn: TestRow[] = [...inCopy, writebackEnd(6), unpin(7)]

  it('as it is: what the disk reads is torn', async () => {
    const { counters, rules } = await outcome('as-is', rows)
    expect(rules).toContain('H-04')
    expect(counters.tornWritebacks).toBe(1)
  })

  it.each(['bounce-block', 'bounce-fs'])('%s: not so a copy made before', async (choice) => {
    const { counters, rules } = await outcome(choice, rows)
    expect(rules).not.toContain('H-04')
    expect(counters).toMatchObject({ tornWritebacks: 0, tornBounces: 0 })
  })

  it.each(['bounce-block', 'bounce-fs'])('%s: but a copy that is made meanwhile', async (choice) => {
    const { counters, rules } = await outcome(choice, torn)
    expect(rules).toContain('H-04')
    expect(counters.tornBounces).toBe(1)
  })

  it('stable, or with checksums: the checksum is of other bytes', async () => {
    const btrfs = { header: ['filesystem btrfs'] }
    expect((await outcome('as-is', rows)).rules).not.toContain('H-01')
    expect((await outcome('stable', rows)).rules).toContain('H-01')
    expect((await outcome('as-is', rows, btrfs)).rules).toContain('H-01')
    // The block layer copies what the file system has read before.
    expect((await outcome('bounce-block', rows, btrfs)).rules).toContain('H-01')
    expect((await outcome('bounce-fs', rows, btrfs)).rules).not.toContain('H-01')
    // A device that wants stable pages for its own checksums reads the copy.
    const device = { header: ['filesystem xfs', 'stable-writes yes'] }
    expect((await outcome('as-is', rows, device)).rules).toContain('H-01')
    expect((await outcome('bounce-block', rows, device)).rules).not.toContain('H-01')
  })
})

describe('stores of a CPU', () => {
  const rows: TestRow[] = [
    map,
    filled,
    writeback(10),
    { ts: 12, event: 'store', mm: 1, segs: at(7) },
    writebackEnd(30),
    { ts: 40, event: 'store', mm: 1, segs: at(7) },
  ]

  it('ask the file system once for each time that the page was cleaned', async () => {
    const { counters, rules } = await outcome('as-is', rows)
    expect(rules).toEqual([])
    expect(counters).toMatchObject({ mkwriteCalls: 1, storeWaits: 0, storeWaitNs: 0 })
  })

  it('wait for the end of the writeback where pages are stable', async () => {
    for (const { counters } of [
      await outcome('stable', rows),
      await outcome('as-is', rows, { header: ['stable-writes yes'] }),
    ]) {
      expect(counters).toMatchObject({ mkwriteCalls: 1, storeWaits: 1, storeWaitNs: 18 })
    }
  })
})

describe('maybe_dma_pinned', () => {
  /** `count` references on page 4. */
  const references = (count: number): TestRow[] => [
    {
      ts: 2,
      event: 'get',
      id: 'refs',
      mm: 1,
      op: 'write',
      iter: 'iovec',
      segs: Array(count)
        .fill(`0x${(A + 4 * P).toString(16)}+1`)
        .join(';'),
    },
  ]
  const put: TestRow = { ts: 9, event: 'put', id: 'refs', mm: 1 }

  it('takes 1,024 references on a small folio for a pin, which is too careful and harmless', async () => {
    // The page has a few more: of the page cache, and of its mapping.
    for (const [count, looksPinned] of [
      [1000, 0],
      [1024, 1],
    ] as const) {
      const rows = [map, filled, ...references(count), writeback(3), writebackEnd(4), put]
      const { counters, rules } = await outcome('skip', rows)
      expect(rules).toEqual([])
      expect(counters).toMatchObject({
        pagesSkipped: looksPinned,
        pagesLooksPinned: looksPinned,
        pagesPinned: 0,
        pagesOverCautious: looksPinned,
      })
    }
  })

  it('takes a pin for reading for one for writing', async () => {
    const reading: TestRow = { ...pin(2, 2), op: 'write' }
    const { counters } = await outcome('skip', [map, filled, reading, writeback(3), writebackEnd(4), unpin(5, '')])
    expect(counters).toMatchObject({ pagesSkipped: 1, pagesPinned: 1, pagesOverCautious: 0 })
  })

  it('is exact for a large folio, and is about all of it', async () => {
    const large = { ...map, segs: `0x${(A).toString(16)}+${16 * P}`, flags: 'order=4' }
    const rows: TestRow[] = [
      large,
      { ...filled, segs: at(0, 16) },
      pin(2, 5),
      { ...writeback(3), len: 16 * P },
      unpin(5),
    ]
    const { counters } = await outcome('skip', rows)
    expect(counters).toMatchObject({ pagesSkipped: 16, pagesWritten: 0, pagesLooksPinned: 1, pagesPinned: 1 })
  })

  it('does not see direct I/O of 6.1, which takes references', async () => {
    const rows = [map, filled, read(2, 9, 0, 2), writeback(3), writebackEnd(4)]
    const old = await outcome('skip', rows, { kernel: '6.1' })
    expect(old.counters).toMatchObject({ pagesSkipped: 0, pagesWritten: 8 })
    expect(old.rules).toContain('H-03')
    const now = await outcome('skip', rows)
    expect(now.counters).toMatchObject({ pagesSkipped: 2, pagesWritten: 6 })
    expect(now.rules).toEqual([])
  })
})

describe('waiting', () => {
  it('ends with direct I/O, page by page', async () => {
    const rows = [map, filled, read(2, 9, 0), read(2, 30, 1), writeback(5), writebackEnd(6)]
    const { counters, rules } = await outcome('wait', rows)
    expect(rules).toEqual([])
    expect(counters).toMatchObject({ waits: 2, waitNs: 4 + 25, pagesWritten: 8, pagesNeverWritten: 0 })
  })

  it('has no end of its own: who does not unpin is waited for as long as the trace lasts', async () => {
    const rows = [
      map,
      filled,
      pin(2, 2, 3),
      writeback(S),
      writebackEnd(2 * S),
      { ts: 9 * S, event: 'store', mm: 1, segs: at(0) },
    ]
    const { report } = await replayRows(definitionOf('wait'), rows as TestRow[], { kernel: '6.12' })
    expect(report.counters).toMatchObject({ waits: 3, waitsNeverOver: 3, waitNs: 3 * 8 * S, pagesNeverWritten: 3 })
  })

  it('is over for a page that leaves its file', async () => {
    const rows: TestRow[] = [
      map,
      filled,
      pin(2, 2),
      writeback(3),
      { ts: 4, event: 'truncate', file: 'data', offset: 0, mm: 2 },
      unpin(5),
    ]
    const { counters } = await outcome('wait', rows)
    expect(counters).toMatchObject({ waits: 1, waitsNeverOver: 0, pagesWritten: 7, pagesNeverWritten: 0 })
  })
})
