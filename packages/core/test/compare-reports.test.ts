import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { COMPARE_METRICS } from '../src/report/compare-metrics.ts'
import { type ComparedReport, compareReports, type PairedLanes, pairLanes } from '../src/report/compare-reports.ts'
import { comparisonSchema } from '../src/report/compare-schema.ts'
import type { LaneReport, Report } from '../src/report/report.ts'
import { laneSchema } from '../src/report/report-schema.ts'

/** A lane that did nothing, with some figures replaced. */
function lane(changes: Partial<LaneReport> = {}): LaneReport {
  return {
    policy: 'extract',
    kernel: 'mainline',
    consumer: 'smbdirect',
    operations: 1,
    errors: 0,
    bytes: 65_536,
    pins: { acquired: 0, released: 0, open: 0, longTerm: 0, peak: 0 },
    refs: { acquired: 0, released: 0, open: 0, longTerm: 0, peak: 0 },
    bare: { pages: 0 },
    refOps: 0,
    data: { zeroCopyBytes: 0, copiedBytes: 0 },
    avoided: { copyBytes: 0, entries: 0, allocations: 0 },
    entries: { built: 0, bytes: 0, perOperationMax: 0, limitHits: 0 },
    counters: {},
    leaksTotal: 0,
    leaks: [],
    violationsTotal: 0,
    violations: [],
    inFlight: 0,
    groundTruth: { rows: 0, matched: 0, mismatchedTotal: 0, mismatched: [], undeterminedTotal: 0, undetermined: [] },
    ...changes,
  }
}

function report(lanes: readonly LaneReport[], trace: Partial<Report['trace']> = {}, warnings: string[] = []): Report {
  return {
    schema: 'pinscope-report/1',
    trace: {
      files: ['traces/c1.csv'],
      format: 'pinscope',
      rows: 2,
      operations: 1,
      spanNs: 5000,
      layout: { level: 'L3', assumed: null },
      ...trace,
    },
    lanes: [...lanes],
    warnings,
  }
}

const of = (file: string | null, content: Report): ComparedReport => ({ file, report: content })

/** One base lane against others. */
function compared(base: LaneReport, others: readonly LaneReport[]) {
  const lanes: PairedLanes = { pairs: [{ base, with: others }], unpaired: { base: [], with: [] } }
  return compareReports(of(null, report([base])), of(null, report(others)), lanes).comparisons[0]
}

/** A path of a lane of the report, such as `entries.built`. */
function at(record: LaneReport, path: string): unknown {
  return path.split('.').reduce<unknown>((part, key) => (part as Record<string, unknown> | undefined)?.[key], record)
}

/**
 * The row C1 of the table of costs (consumers.md 13.3): 64 KiB of the page cache in 16 small pages, signed. The old chain
 * builds 16 page pointers of 8 bytes, 64 scatterlist entries of 32 and 128 ib_sge of 16, and allocates one array of
 * pointers; the direct path builds 113 ib_sge.
 */
const LEGACY = lane({
  policy: 'get-pages',
  kernel: '6.1',
  consumer: 'smbdirect-legacy',
  refs: { acquired: 16, released: 16, open: 0, longTerm: 0, peak: 16 },
  refOps: 32,
  data: { zeroCopyBytes: 65_536, copiedBytes: 0 },
  entries: { built: 208, bytes: 4224, perOperationMax: 208, limitHits: 0 },
  allocations: { made: 1, freed: 1, bytes: 128, openBytes: 0, peakBytes: 128 },
  dma: { maps: 128, mappedEntries: 128, unmappedEntries: 128, openEntries: 0, peakEntries: 128 },
  counters: { packets: 64, sges: 128, pagePointers: 16, creditStalls: 0 },
})
const DIRECT = lane({
  bare: { pages: 16 },
  data: { zeroCopyBytes: 65_536, copiedBytes: 0 },
  entries: { built: 113, bytes: 1808, perOperationMax: 113, limitHits: 0 },
  dma: { maps: 113, mappedEntries: 113, unmappedEntries: 113, openEntries: 0, peakEntries: 113 },
  counters: { packets: 49, sges: 113, creditStalls: 0, bvecs: 0 },
})

describe('two lanes', () => {
  const { base, with: others, metrics, counters, ownCounters } = compared(LEGACY, [DIRECT])
  const metric = (name: string) => metrics.find((one) => one.name === name)

  it('names them', () => {
    expect(base).toEqual({ consumer: 'smbdirect-legacy', policy: 'get-pages', kernel: '6.1' })
    expect(others).toEqual([{ consumer: 'smbdirect', policy: 'extract', kernel: 'mainline' }])
  })

  it.each([
    // 208 - 113 = 95 of 208; 4224 - 1808 = 2416 of 4224 = 151 of 264.
    ['entries.built', 'entries', 'less', 208, 113, -95, -95 / 208],
    ['entries.bytes', 'bytes', 'less', 4224, 1808, -2416, -151 / 264],
    ['dma.maps', 'calls', 'less', 128, 113, -15, -0.1171875],
    ['refs.acquired', 'pages', 'neither', 16, 0, -16, -1],
    // What a lane leaves out of its report it has made none of.
    ['allocations.made', 'allocations', 'less', 1, 0, -1, -1],
    ['allocations.bytes', 'bytes', 'less', 128, 0, -128, -1],
    ['data.zeroCopyBytes', 'bytes', 'more', 65_536, 65_536, 0, 0],
    // Of nothing, nothing can be said: not of what is there now, and not of nothing.
    ['bare.pages', 'pages', 'neither', 0, 16, 16, null],
    ['data.copiedBytes', 'bytes', 'less', 0, 0, 0, null],
  ] as const)('%s', (name, unit, better, from, value, difference, relative) => {
    expect(metric(name)).toEqual({ name, unit, better, base: from, with: [{ value, difference, relative }] })
  })

  it('compares the counters that both have, and tells the others apart', () => {
    expect(counters).toEqual([
      { name: 'packets', base: 64, with: [{ value: 49, difference: -15, relative: -0.234375 }] },
      { name: 'sges', base: 128, with: [{ value: 113, difference: -15, relative: -0.1171875 }] },
      { name: 'creditStalls', base: 0, with: [{ value: 0, difference: 0, relative: null }] },
    ])
    expect(ownCounters).toEqual({ base: { pagePointers: 16 }, with: [{ bvecs: 0 }] })
  })
})

describe('several lanes', () => {
  it('each has its own column', () => {
    const half = lane({ refOps: 5, counters: { a: 1, c: 3 } })
    const { metrics, counters, ownCounters } = compared(lane({ refOps: 10, counters: { a: 4, b: 2, d: 7 } }), [
      half,
      lane({ refOps: 25, counters: { b: 3, c: 1 } }),
    ])
    expect(metrics.find(({ name }) => name === 'refOps')?.with).toEqual([
      { value: 5, difference: -5, relative: -0.5 },
      { value: 25, difference: 15, relative: 1.5 },
    ])
    expect(counters).toEqual([
      { name: 'a', base: 4, with: [{ value: 1, difference: -3, relative: -0.75 }, null] },
      { name: 'b', base: 2, with: [null, { value: 3, difference: 1, relative: 0.5 }] },
    ])
    // Two lanes beside the base share c, but there is nothing to measure it by.
    expect(ownCounters).toEqual({ base: { d: 7 }, with: [{ c: 3 }, { c: 1 }] })
  })

  it('quirks and faults are part of what a lane is', () => {
    const faults = { fault: 'alloc', at: 3, injected: 1 } as const
    const { base, with: others } = compared(lane({ quirks: ['-iov-len-ubuf'] }), [lane({ faults })])
    expect(base.quirks).toEqual(['-iov-len-ubuf'])
    expect(others[0].faults).toEqual(faults)
    expect(others[0]).not.toHaveProperty('quirks')
  })
})

describe('the list of figures', () => {
  it('has each once, and takes it from where its name says', () => {
    const names = COMPARE_METRICS.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    const full = lane({
      allocations: { made: 0, freed: 0, bytes: 0, openBytes: 0, peakBytes: 0 },
      dma: { maps: 0, mappedEntries: 0, unmappedEntries: 0, openEntries: 0, peakEntries: 0 },
    })
    for (const [index, { name, value }] of COMPARE_METRICS.entries()) {
      const path = name.split('.')
      const key = path.pop() as string
      const part = (path.length === 0 ? full : at(full, path.join('.'))) as Record<string, number>
      expect(typeof part[key], name).toBe('number')
      part[key] = 1000 + index
      expect(value(full), name).toBe(1000 + index)
    }
    expect(laneSchema.safeParse(full).success).toBe(true)
  })

  it('counts what a lane leaves out as 0', () => {
    for (const { name, value } of COMPARE_METRICS) expect(value(lane()), name).toBe(at(lane(), name) ?? 0)
  })

  it('has every figure that the issue asks for', () => {
    const asked = ['entries.built', 'entries.bytes', 'allocations.made', 'dma.maps', 'pins.acquired', 'refs.acquired']
    const more = [
      'refOps',
      'data.copiedBytes',
      'data.zeroCopyBytes',
      'pins.peak',
      'leaksTotal',
      'violationsTotal',
      'errors',
    ]
    expect(COMPARE_METRICS.map(({ name }) => name)).toEqual(expect.arrayContaining([...asked, ...more]))
  })
})

describe('pairing', () => {
  const bio = (changes: Partial<LaneReport> = {}) => lane({ consumer: 'bio', ...changes })

  it('by consumer, policy and kernel, in the order of the base; what is left is told', () => {
    const base = [bio(), bio({ policy: 'folio' }), lane(), bio({ policy: 'get-pages' })]
    const other = [bio({ policy: 'get-pages' }), lane(), bio()]
    expect(pairLanes(base, other)).toEqual({
      pairs: [
        { base: base[0], with: [other[2]] },
        { base: base[2], with: [other[1]] },
        { base: base[3], with: [other[0]] },
      ],
      unpaired: { base: [base[1]], with: [] },
    })
  })

  it('by quirks and faults first, then without: a quirk switched is what one compares', () => {
    const plain = bio()
    const switched = bio({ quirks: ['-a'] })
    const failing = bio({ faults: { fault: 'page', at: 1, injected: 1 } })
    const both = pairLanes([switched, plain], [plain, switched])
    expect(both.pairs).toEqual([
      { base: switched, with: [switched] },
      { base: plain, with: [plain] },
    ])
    expect(pairLanes([plain], [switched]).pairs).toEqual([{ base: plain, with: [switched] }])
    expect(pairLanes([plain, switched], [failing, plain]).pairs).toEqual([
      { base: plain, with: [plain] },
      { base: switched, with: [failing] },
    ])
  })

  it('a consumer with one lane in each, whatever its kernel and policy', () => {
    const base = [bio({ kernel: '6.1', policy: 'get-pages' }), lane({ kernel: '6.1' })]
    const other = [lane(), bio()]
    expect(pairLanes(base, other).pairs).toEqual([
      { base: base[0], with: [other[1]] },
      { base: base[1], with: [other[0]] },
    ])
  })

  it('not where a consumer has several: which would be a guess', () => {
    const base = [bio({ policy: 'get-pages' }), bio()]
    const other = [bio(), bio({ policy: 'folio' })]
    expect(pairLanes(base, other)).toEqual({
      pairs: [{ base: base[1], with: [other[0]] }],
      unpaired: { base: [base[0]], with: [other[1]] },
    })
  })

  it('the only lane of each, whatever it is', () => {
    expect(pairLanes([LEGACY], [DIRECT]).pairs).toEqual([{ base: LEGACY, with: [DIRECT] }])
    expect(pairLanes([LEGACY], [DIRECT, bio()]).pairs).toEqual([])
    expect(pairLanes([], [DIRECT])).toEqual({ pairs: [], unpaired: { base: [], with: [DIRECT] } })
  })
})

describe('warnings', () => {
  const PAIR: PairedLanes = { pairs: [{ base: LEGACY, with: [DIRECT] }], unpaired: { base: [], with: [] } }
  const warningsOf = (a: Partial<Report['trace']>, b: Partial<Report['trace']>, lanes = PAIR) =>
    compareReports(of('a.json', report([LEGACY], a)), of('b.json', report([DIRECT], b)), lanes).warnings

  it('of the same trace: none, whatever folder it was in, and by whatever way it came', () => {
    expect(warningsOf({}, {})).toEqual([])
    expect(warningsOf({ files: ['../traces/c1.csv'] }, { files: ['c1.csv'] })).toEqual([])
    expect(warningsOf({ files: ['-'] }, {})).toEqual([])
    expect(warningsOf({ files: ['a', 'b'] }, { files: ['x/b', 'x/a'] })).toEqual([])
  })

  it('of other I/O', () => {
    expect(warningsOf({}, { operations: 3, rows: 4 })).toEqual([
      'the reports are not of the same I/O: 2 and 4 rows, 1 and 3 operations',
    ])
    expect(warningsOf({}, { spanNs: 1 })).toEqual(['the reports are not of the same I/O: 5000 and 1 ns'])
    expect(warningsOf({}, { files: ['c2.csv'] })).toEqual([
      'the reports are of different traces: traces/c1.csv and c2.csv',
    ])
  })

  it('of lanes that replayed other rows', () => {
    const pairs = [{ base: LEGACY, with: [DIRECT, lane({ operations: 7 })] }]
    expect(warningsOf({}, {}, { ...PAIR, pairs })).toEqual([
      'the lanes did not replay the same operations: smbdirect-legacy 1, smbdirect 1, smbdirect 7',
    ])
  })

  it('of a lane against itself, in one report only', () => {
    const pairs = [{ base: DIRECT, with: [DIRECT] }]
    const own = of('a.json', report([DIRECT]))
    expect(compareReports(own, own, { ...PAIR, pairs }).warnings).toEqual([
      'smbdirect under extract on mainline is compared with itself',
    ])
    expect(compareReports(own, of('b.json', report([DIRECT])), { ...PAIR, pairs }).warnings).toEqual([])
  })

  it('what both replays warned of is told once', () => {
    const [a, b] = [report([LEGACY], {}, ['x', 'y']), report([DIRECT], {}, ['y', 'z'])]
    expect(compareReports(of(null, a), of(null, b), PAIR).warnings).toEqual(['x', 'y', 'z'])
  })
})

describe('pinscope-compare/1', () => {
  const whole = compareReports(of('a.json', report([LEGACY, lane()])), of('b.json', report([DIRECT])), {
    pairs: [{ base: LEGACY, with: [DIRECT, lane({ quirks: ['x'] })] }],
    unpaired: { base: [lane()], with: [] },
  })

  it('the shipped JSON Schema is the one of compare-schema.ts (npm test -- -u writes it anew)', async () => {
    const schema = {
      $id: 'pinscope-compare-1.schema.json',
      title: 'pinscope-compare/1',
      ...z.toJSONSchema(comparisonSchema),
    }
    const file = '../schema/pinscope-compare-1.schema.json'
    await expect(`${JSON.stringify(schema, null, 2)}\n`).toMatchFileSnapshot(file)
    const validate = new Ajv2020({ allErrors: true }).compile(schema)
    expect(validate(whole), JSON.stringify(validate.errors)).toBe(true)
  })

  it('is accepted, and refused with a key too many', () => {
    expect(comparisonSchema.parse(whole)).toEqual(whole)
    expect(whole.unpaired.base).toEqual([{ consumer: 'smbdirect', policy: 'extract', kernel: 'mainline' }])
    expect(comparisonSchema.safeParse({ ...whole, more: 1 }).success).toBe(false)
    const [first] = whole.comparisons
    expect(comparisonSchema.safeParse({ ...whole, comparisons: [{ ...first, more: 1 }] }).success).toBe(false)
    expect(comparisonSchema.safeParse({ ...whole, schema: 'pinscope-compare/2' }).success).toBe(false)
  })
})
