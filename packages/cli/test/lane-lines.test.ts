import type { LaneReport } from '@pinscope/core'
import { describe, expect, it } from 'vitest'
import { LANE_COLUMN_GROUPS } from '../src/render/lane-columns.ts'
import { laneTables } from '../src/render/lane-table.ts'
import { PLAIN, type Terminal } from '../src/render/terminal.ts'
import { rounded, visibleLength } from '../src/render/text.ts'
import { madeLane } from './fixtures/made-report.ts'

const CONSUMERS = ['bio', 'af-alg-skcipher', 'af-alg-aead', 'netfs-crypt', 'skcipher-walk', 'vhost-scsi', '9p', 'tls']
const POLICIES = ['extract', 'get-pages']
const MANY = CONSUMERS.flatMap((consumer) => POLICIES.map((policy) => madeLane({ consumer, policy })))

const BIG = Number.MAX_SAFE_INTEGER

/** Everything that a lane can tell, as large as it can be, and all that can be wrong. */
const WORST: Partial<LaneReport> = {
  operations: BIG,
  errors: BIG,
  bytes: BIG,
  pins: { acquired: BIG, released: 0, open: BIG, longTerm: 1, peak: BIG },
  refs: { acquired: BIG, released: 0, open: 2, longTerm: 2, peak: BIG },
  bare: { pages: BIG },
  refOps: BIG,
  data: { zeroCopyBytes: BIG, copiedBytes: BIG },
  avoided: { copyBytes: BIG, entries: BIG, allocations: BIG },
  entries: { built: BIG, bytes: BIG, perOperationMax: BIG, limitHits: BIG },
  allocations: { made: BIG, freed: 0, bytes: BIG, openBytes: BIG, peakBytes: BIG },
  counters: { bios: BIG },
  leaksTotal: BIG,
  violationsTotal: BIG,
  inFlight: BIG,
  verified: { operations: BIG, bytes: BIG },
  groundTruth: {
    rows: BIG,
    matched: BIG,
    mismatchedTotal: BIG,
    mismatched: [],
    undeterminedTotal: BIG,
    undetermined: [],
  },
}
const WORST_LANES = MANY.map((lane) => ({ ...lane, ...WORST, policy: 'viro-2022' }))

function drawn(lanes: readonly LaneReport[], changes: Partial<Terminal> = {}): string {
  return laneTables({ ...PLAIN, ...changes }, lanes)
}

const widest = (text: string) => Math.max(...text.split('\n').map(visibleLength))

/** The cells of the line that stands so many lines below the heading. */
function cellsBelow(text: string, heading: string, below: number): string[] {
  const lines = text.split('\n')
  return lines[lines.indexOf(heading) + below].trim().split(/ +/)
}

describe('many lanes', () => {
  it('get one table: a head, each consumer named once, its policies a line each below the name', () => {
    const text = drawn(MANY)
    expect(text.match(/^consumer /gm)).toHaveLength(1)
    expect(text.match(/^ {2}policy /gm)).toHaveLength(1)
    for (const consumer of CONSUMERS) {
      expect(text.match(new RegExp(`^${consumer}$`, 'gm'))).toHaveLength(1)
      expect(cellsBelow(text, consumer, 1)[0]).toBe('extract')
      expect(cellsBelow(text, consumer, 2)[0]).toBe('get-pages')
    }
    expect(text).toMatch(/^[\x20-\x7e\n]+$/)
  })

  it('tell what is held, copied and built', () => {
    const changes: Partial<LaneReport> = {
      consumer: 'tls',
      policy: 'get-pages',
      operations: 3107,
      errors: 64,
      pins: { acquired: 0, released: 0, open: 0, longTerm: 0, peak: 0 },
      refs: { acquired: 14_662, released: 14_662, open: 0, longTerm: 0, peak: 17 },
      bare: { pages: 256 },
      data: { zeroCopyBytes: 46_123_456, copiedBytes: 99_999 },
      entries: { built: 17_000, bytes: 272_000, perOperationMax: 5, limitHits: 33 },
      allocations: { made: 932, freed: 932, bytes: 100_000, openBytes: 0, peakBytes: 4096 },
    }
    const text = drawn([
      ...MANY.slice(0, -2),
      madeLane({ ...changes, policy: 'extract', allocations: undefined }),
      madeLane(changes),
    ])
    expect(text).toMatch(/\n {2}policy +all errno +pin +ref +bare +0-copy +copied +list +alloc +limit/)
    const figures = ['3107', '64', '0', '14662', '256', '46.1M', '99999', '17000']
    expect(cellsBelow(text, 'tls', 2).slice(0, 11)).toEqual(['get-pages', ...figures, '932', '33'])
    expect(cellsBelow(text, 'tls', 1).slice(0, 11)).toEqual(['extract', ...figures, '-', '33'])
  })

  it.each([60, 80, 100, 120, 160])('fit %i columns, whatever they hold', (columns) => {
    for (const lanes of [MANY, WORST_LANES]) expect(widest(drawn(lanes, { columns }))).toBeLessThanOrEqual(columns)
  })

  it.each([60, 80, 120])('at %i columns, leave nothing out without a word', (columns) => {
    for (const lanes of [MANY, WORST_LANES]) {
      const text = drawn(lanes, { columns }).replace(/\s+/g, ' ')
      for (const { title, note, name, rank, value } of LANE_COLUMN_GROUPS.flatMap((group) => group.columns)) {
        const isShown = text.includes(`${title}: ${note}`)
        const isNamed = new RegExp(`(for|lane):[^.]* ?${name}[,.]`).test(text)
        const isNothing = lanes.every((lane) => (value(lane) ?? 0) === 0)
        const isUntold = lanes.every((lane) => value(lane) === null)
        expect([name, isShown || isNamed || isUntold || (isNothing && rank >= 16)]).toEqual([name, true])
      }
    }
  })

  it('show all that is wrong at 80 columns, before anything else', () => {
    const [head, titles] = drawn(WORST_LANES).split('\n')
    expect(head).toMatch(/ left over -+ +kernel$/)
    expect(titles).toMatch(/ leak bytes +viol +diff$/)
  })

  it('show leaks and violations that are 0 where there is room, else say so first', () => {
    expect(drawn(MANY).split('\n')[1]).toMatch(/ leak viol$/)
    const full = MANY.map((lane) => ({ ...lane, ...WORST, leaksTotal: 0, violationsTotal: 0 }))
    const text = drawn(full)
    expect(text.split('\n')[1]).not.toMatch(/ (leak|viol)/)
    expect(text.replace(/\s+/g, ' ')).toContain(' 0 in every lane: leaks, violations. operations ')
  })

  it('show more in a wider terminal', () => {
    const titles = (columns: number) => drawn(WORST_LANES, { columns }).split('\n')[1].trim().split(/ +/)
    const [narrow, wide] = [titles(80), titles(160)]
    expect(wide.length).toBeGreaterThan(narrow.length)
    for (const title of narrow) expect(wide).toContain(title)
  })

  it('of several kernels are kept apart', () => {
    const text = drawn(['6.1', '6.12'].flatMap((kernel) => MANY.map((lane) => ({ ...lane, kernel }))))
    expect(text.match(/^tls, kernel 6\.1$/gm)).toHaveLength(1)
    expect(text.match(/^tls, kernel 6\.12$/gm)).toHaveLength(1)
  })

  it('leave out what consumers count themselves, and say how to see it', () => {
    const text = drawn(MANY.map((lane) => ({ ...lane, counters: { commands: 7 } })))
    expect(text).not.toContain('commands')
    expect(text).toContain('What a consumer counts itself, and its figures in full: -c NAME.')
  })

  it('with colour, say the same', () => {
    const escapes = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g')
    const coloured = drawn(WORST_LANES, { color: true })
    expect(coloured).toMatch(escapes)
    expect(coloured.replace(escapes, '')).toBe(drawn(WORST_LANES))
  })
})

describe('few lanes', () => {
  const isBeside = (lanes: readonly LaneReport[], columns = 80) => /^policy /m.test(drawn(lanes, { columns }))

  it('stand beside each other: up to four always, more where one block holds them', () => {
    expect(isBeside(MANY.slice(0, 4))).toBe(true)
    expect(isBeside(WORST_LANES.slice(0, 4))).toBe(true)
    expect(isBeside(MANY.slice(0, 5))).toBe(false)
    expect(isBeside(MANY.slice(0, 5), 120)).toBe(true)
  })

  it('tell what was allocated, and what was never freed', () => {
    const allocations = { made: 12, freed: 11, bytes: 50_000, openBytes: 4096, peakBytes: 8192 }
    const text = drawn([madeLane({ allocations }), madeLane({ policy: 'get-pages' })])
    expect(text).toMatch(
      /\nallocated by the consumer\n {2}allocations +12 +-\n {2}bytes +50,000 +-\n {2}peak bytes +8,192 +-\n {2}allocations never freed +1 +-\n {2}bytes never freed +4,096 +-\n/,
    )
    expect(drawn([madeLane()])).not.toContain('allocated by the consumer')
  })

  it('name the kernel where there are several', () => {
    expect(drawn([madeLane(), madeLane({ kernel: '6.1' })])).toMatch(/\nconsumer +bio +bio\nkernel +6\.18 +6\.1\n/)
    expect(drawn([madeLane(), madeLane({ policy: 'folio' })])).not.toMatch(/^kernel/m)
  })
})

describe('rounded', () => {
  it.each([
    [0, '0'],
    [99_999, '99999'],
    [100_000, '100k'],
    [999_499, '999k'],
    [999_500, '1.00M'],
    [46_123_456, '46.1M'],
    [543_006_208, '543M'],
    [1e9, '1.00G'],
    [999_950_000_000, '1.00T'],
    [BIG, '9.01P'],
  ])('%i: %s', (value, text) => expect(rounded(value)).toBe(text))
})
