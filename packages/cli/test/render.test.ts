import type { LaneReport } from '@pinscope/core'
import { describe, expect, it } from 'vitest'
import { explanationText } from '../src/render/explanation.ts'
import { segmentBar } from '../src/render/page-bar.ts'
import { reportText } from '../src/render/report.ts'
import { PLAIN, terminalOf } from '../src/render/terminal.ts'
import { duration, grouped, visibleLength, wrapped } from '../src/render/text.ts'
import { judge } from '../src/services/gate.ts'
import { MADE_EXPLANATION } from './fixtures/made-explanation.ts'
import { madeLane, madeLeaks, madeReport } from './fixtures/made-report.ts'

const POLICIES = ['get-pages', 'viro-2022', 'extract', 'folio']

function text(lanes: Parameters<typeof madeReport>[0], changes: Parameters<typeof madeReport>[1] = {}): string {
  const report = madeReport(lanes, changes)
  return reportText(PLAIN, report, judge(report, ['leak', 'violation']))
}

function widest(drawn: string): number {
  return Math.max(...drawn.split('\n').map(visibleLength))
}

describe('the table of lanes', () => {
  it('puts lanes that do not fit into tables one below the other', () => {
    const drawn = text(POLICIES.map((policy) => madeLane({ policy, bytes: 123_456_789_012_345 })))
    expect(drawn.match(/^policy /gm)).toHaveLength(2)
    expect(widest(drawn)).toBeLessThanOrEqual(80)
  })

  it('shows the largest counts that a report can hold', () => {
    const drawn = text([madeLane({ bytes: Number.MAX_SAFE_INTEGER })])
    expect(drawn).toContain('9,007,199,254,740,991')
  })

  it('leaves out what is 0 everywhere, but says that nothing leaked', () => {
    const drawn = text([madeLane()])
    expect(drawn).not.toContain('references (pages')
    expect(drawn).not.toContain('against the kernel')
    expect(drawn).toMatch(/ {2}leaks +0\n {2}violations +0\n/)
    expect(drawn).toMatch(/ {2}open at the end +0\n/)
  })

  it('shows a dash where a lane was not compared with the kernel', () => {
    const truth = { ...madeLane().groundTruth, rows: 10, matched: 10 }
    const drawn = text([madeLane({ groundTruth: truth }), madeLane({ policy: 'folio' })])
    expect(drawn).toMatch(/matched +10 +-\n/)
  })

  it('gives each consumer its own counters', () => {
    const drawn = text([
      madeLane({ counters: { bios: 3, misaligned: 0 } }),
      madeLane({ consumer: 'vhost-scsi', counters: { commands: 4 } }),
    ])
    expect(drawn).toMatch(/counted by bio +extract\n-+\nbios +3\n\n/)
    expect(drawn).toMatch(/counted by vhost-scsi +extract\n-+\ncommands +4\n/)
    expect(drawn).not.toContain('misaligned')
  })

  it('says what was compared, 0 included, and a dash where a lane compared nothing', () => {
    const verified = { operations: 12, bytes: 0 }
    const drawn = text([madeLane({ verified }), madeLane({ policy: 'folio' })])
    expect(drawn).toMatch(/\ndata compared \(--verify-data\)\n {2}operations +12 +-\n {2}bytes +0 +-\n/)
  })

  it('names the kernel with the quirks switched against it', () => {
    const lanes = [madeLane(), madeLane({ quirks: ['folioq-eager-roll', '-xarray-copy-hole'] })]
    expect(text(lanes).replace(/\s+/g, ' ')).toContain(
      'kernel 6.18, 6.18 (quirks: folioq-eager-roll, -xarray-copy-hole); layout',
    )
  })

  it('tells which step was made to fail, and how many lanes came to it', () => {
    const faults = (injected: number) => ({ fault: 'alloc' as const, at: 1500, injected })
    const said = (lanes: readonly LaneReport[]) => text(lanes).replace(/\s+/g, ' ')
    expect(said([madeLane({ faults: faults(2) }), madeLane({ policy: 'folio', faults: faults(0) })])).toContain(
      'kernel 6.18; alloc step 1,500 made to fail: in 1 of 2 lanes; layout',
    )
    expect(said([madeLane({ faults: faults(0) })])).toContain('made to fail: no lane has so many;')
  })

  it('is not clean with memory that nobody freed', () => {
    const allocations = { made: 3, freed: 1, bytes: 9000, openBytes: 8000, peakBytes: 9000 }
    const clean = { ...allocations, freed: 3, openBytes: 0 }
    expect(text([madeLane({ allocations })])).toMatch(/\npassed; 8,000 bytes allocated and never freed\n$/)
    expect(text([madeLane({ allocations: clean })])).toMatch(/\nclean: nothing leaked, no violation\n$/)
  })

  it('says so when there is no lane', () => {
    expect(text([])).toContain('no lane: the trace has no operation')
  })
})

describe('buffers that mix kernel memory and pages', () => {
  const mixed = {
    operations: 2,
    refused: 2,
    parts: 6,
    extraCalls: 4,
    kernelBytes: 406,
    pageBytes: 18_000,
    kmaps: 6,
  }

  it('are told once for all lanes, with who refused them and what splitting costs', () => {
    const taking = madeLane({ consumer: 'sunrpc-mixed', mixed: { ...mixed, refused: 0 } })
    const drawn = text([madeLane({ mixed }), madeLane({ consumer: 'ceph', mixed }), taking])
    expect(drawn).toContain(`
2 operations on buffers that mix kernel memory and pages
  refused with -EINVAL by bio, ceph: no kernel has such an iterator
  406 bytes in kernel memory, 18,000 in pages
  split into 6 iterators of one kind each: 4 calls more
  as one KVEC iterator each: 6 pages to be mapped (kmap)
`)
    expect(widest(drawn)).toBeLessThanOrEqual(80)
  })

  it('take no room where there are none', () => {
    expect(text([madeLane()])).not.toContain('mix kernel memory')
  })
})

describe('findings', () => {
  it('lists ten, then how many more, and what the JSON has of them', () => {
    const drawn = text([madeLane({ leaks: madeLeaks(12), leaksTotal: 12 })])
    expect(drawn.match(/^ {2}traces\/made\.csv:\d+: row/gm)).toHaveLength(10)
    expect(drawn).toContain('\n  and 2 more; --json has all\n')
    expect(text([madeLane({ leaks: madeLeaks(12), leaksTotal: 1200 })])).toContain(
      'and 1,190 more; --json has 12 of the 1,200\n',
    )
  })

  it('tells once what several policies share', () => {
    const drawn = text(POLICIES.map((policy) => madeLane({ policy, leaks: madeLeaks(1), leaksTotal: 1 })))
    expect(drawn).toContain('\n4 leaks in 4 lanes\n')
    expect(drawn).toContain('row 7, bio under get-pages, viro-2022, extract,')
    expect(drawn.match(/^ {2}traces\/made\.csv:9:/gm)).toHaveLength(1)
  })

  it('a rule of iterators or of data has no release to tell of', () => {
    const place = { file: 'a.csv', line: 5, row: 3, takenRow: 0, retention: 'none' as const, consumer: 'bio' }
    const none = { ...place, releasedAs: 'none' as const, pages: 0 }
    const violations: LaneReport['violations'] = [
      { ...none, rule: 'revert-past-start', detail: 'reverted past its start' },
      { ...place, rule: 'unknown-release', releasedAs: 'pin', pages: 1, detail: 'not pinned' },
    ]
    const drawn = text([madeLane({ violations, violationsTotal: 2 })])
    expect(drawn).toContain('row 3, bio under extract: revert-past-start: reverted past its start\n')
    expect(drawn.replace(/\s+/g, ' ')).toContain(
      'unknown-release: unpin_user_page() of 1 page that no row took: not pinned',
    )
  })

  it('a row that differs in both counters is one finding', () => {
    const place = { file: 'a.csv', line: 5, row: 3 }
    const mismatched = [{ ...place, expected: 59, got: 58, expectedReleased: 59, gotReleased: 58 }]
    const groundTruth = { ...madeLane().groundTruth, rows: 1, mismatchedTotal: 1, mismatched }
    const drawn = text([madeLane({ groundTruth })])
    expect(drawn).toContain('1 row on which the model and the kernel differ\n')
    expect(drawn).not.toContain('more; --json')
    expect(drawn).toMatch(/clean: nothing leaked, no violation; not gated: 1 mismatch\n$/)
  })
})

describe('an explanation', () => {
  it('is drawn in 80 columns of ASCII, shortened in the middle', () => {
    const drawn = explanationText(PLAIN, MADE_EXPLANATION)
    expect(widest(drawn)).toBeLessThanOrEqual(80)
    expect(drawn).toMatch(/^[\x20-\x7e\n]+$/)
    expect(drawn).toContain('    |.+######|##+.....|\n')
    expect(drawn).toContain('   ... 242 more pages\n')
    expect(drawn).toContain('... 246 more ...')
    expect(drawn).toContain('balance: 253 pins taken, 253 released\n')
  })

  it('uses box characters where the terminal has them', () => {
    const drawn = explanationText({ ...PLAIN, unicode: true }, MADE_EXPLANATION)
    expect(drawn).toContain('│·▒██████│██▒·····│')
    expect(widest(drawn)).toBeLessThanOrEqual(80)
  })

  it('shortens a long run of steps', () => {
    const [step] = MADE_EXPLANATION.steps
    const drawn = explanationText(PLAIN, { ...MADE_EXPLANATION, steps: Array.from({ length: 500 }, () => step) })
    expect(drawn).toContain('   ... 495 more extractions of 2,280,960 bytes\n')
    expect(drawn).toContain('\n500. extract from segment 0')
  })
})

describe('pieces', () => {
  it('segmentBar', () => {
    expect(segmentBar(PLAIN, 0, 4096)).toBe('|########|')
    expect(segmentBar(PLAIN, 4095, 2)).toBe('|.......+|+.......|')
    expect(segmentBar(PLAIN, 512, 512)).toBe('|.#......|')
  })

  it('grouped and duration', () => {
    expect([0, 999, 1000, 1_234_567].map(grouped)).toEqual(['0', '999', '1,000', '1,234,567'])
    expect([0, 999, 1500, 495_400_000, 7.55e9, 12_345.678e9].map(duration)).toEqual([
      '0 ns',
      '999 ns',
      '1.5 us',
      '495 ms',
      '7.55 s',
      '12,346 s',
    ])
  })

  it('wrapped keeps words and blanks at the beginning', () => {
    expect(wrapped('  one two three', 9, '    ')).toBe('  one two\n    three')
    expect(wrapped('a/very/long/path that', 8, '  ')).toBe('a/very/long/path\n  that')
  })

  it('terminalOf', () => {
    const tty = { isTTY: true, columns: 200 }
    expect(terminalOf({}, { LANG: 'en_US.UTF-8' })).toEqual(PLAIN)
    expect(terminalOf({}, { COLUMNS: '120' })).toEqual({ ...PLAIN, columns: 120 })
    expect(terminalOf({}, { COLUMNS: '9' }).columns).toBe(60)
    for (const COLUMNS of ['', '-1', '1e2', 'wide']) expect(terminalOf({}, { COLUMNS })).toEqual(PLAIN)
    expect(terminalOf(tty, { LANG: 'C' })).toEqual({ columns: 160, color: true, unicode: false })
    expect(terminalOf(tty, { LANG: 'en_US.UTF-8' }).unicode).toBe(true)
    expect(terminalOf(tty, { LANG: 'en_US.UTF-8', LC_ALL: 'C' }).unicode).toBe(false)
    expect(terminalOf(tty, { NO_COLOR: '1' }).color).toBe(false)
    expect(terminalOf(tty, { TERM: 'dumb' }).color).toBe(false)
    expect(terminalOf({}, { FORCE_COLOR: '1' }).color).toBe(true)
    expect(terminalOf(tty, { FORCE_COLOR: '0' }).color).toBe(false)
  })
})
