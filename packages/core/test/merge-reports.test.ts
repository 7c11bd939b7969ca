import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InvariantError } from '../src/invariant.ts'
import { replay } from '../src/replay/replay.ts'
import { mergeReports } from '../src/report/merge-reports.ts'
import type { LaneReport, Report } from '../src/report/report.ts'
import { PLAIN_OPTIONS, reportOf } from './support/replay-rows.ts'
import type { RowSpec } from './support/rows.ts'
import { openRecorded } from './support/traces.ts'

const A = 0x7f0000000000
const ARENA: RowSpec = { event: 'map', segs: [[A, 1 << 22]], backing: 'anon', order: 2, ts: 0 }

async function recorded(name: string): Promise<Report> {
  return replay(await openRecorded(name), PLAIN_OPTIONS)
}

describe('merging reports', () => {
  it('is associative, on reports of real traces', async () => {
    const names = ['fio-libaio-randrw', 'ground-truth/dio-shmem', 'fio-uring-fixedbufs', 'refdemo-buffers', 'sqlite3']
    const [a, b, c, d, e] = (await Promise.all(names.map(recorded))) as [Report, Report, Report, Report, Report]
    const inOneGo = mergeReports([a, b, c, d, e])
    expect(mergeReports([mergeReports([a, b]), mergeReports([c, mergeReports([d, e])])])).toEqual(inOneGo)
    expect(mergeReports([a, mergeReports([b, c, d]), e])).toEqual(inOneGo)
    expect(inOneGo.trace.rows).toBe([a, b, c, d, e].reduce((sum, { trace }) => sum + trace.rows, 0))
  })

  it('of one is that one, and of none our own bug', async () => {
    const one = await reportOf([ARENA])
    expect(mergeReports([one])).toEqual(one)
    expect(() => mergeReports([])).toThrow(InvariantError)
  })

  it('keeps lanes of other policies apart', async () => {
    const rows: RowSpec[] = [ARENA, { segs: [[A, 8192]] }]
    const [first, second] = [await reportOf(rows), await reportOf(rows, { policies: ['get-pages', 'extract'] })]
    const merged = mergeReports([first, second])
    expect(merged.lanes.map(({ policy, operations }) => [policy, operations])).toEqual([
      ['extract', 2],
      ['get-pages', 1],
    ])
  })

  it('a peak stands on what the part before it left held', async () => {
    const SMALL: RowSpec = { ...ARENA, order: 0 }
    const held: RowSpec[] = [SMALL, { event: 'register', id: 'a', segs: [[A, 3 * 4096]], ts: 1 }]
    const more: RowSpec[] = [SMALL, { segs: [[A, 5 * 16384]], ts: 2 }]
    const [a, b] = [await reportOf(held), await reportOf(more)]
    expect([a.lanes[0]!.pins.peak, b.lanes[0]!.pins.peak]).toEqual([3, 20])
    expect(mergeReports([a, b]).lanes[0]!.pins).toMatchObject({ peak: 23, open: 3, longTerm: 3 })
    expect(mergeReports([b, a]).lanes[0]!.pins).toMatchObject({ peak: 20, open: 3 })
  })
})

/** Operations that are over before the next episode begins, and registrations that stay. */
const episode = fc.array(
  fc.record({
    page: fc.nat(1000),
    pages: fc.integer({ min: 1, max: 20 }),
    offset: fc.constantFrom(0, 512, 100),
    op: fc.constantFrom('read' as const, 'write' as const),
    end: fc.option(fc.integer({ min: 0, max: 900 }), { nil: undefined }),
    register: fc.nat(9),
  }),
  { minLength: 1, maxLength: 4 },
)

const EPISODE_NS = 1000

function rowsOf(
  episodes: readonly (typeof episode extends fc.Arbitrary<infer T> ? T : never)[],
  first: number,
): RowSpec[] {
  return episodes.flatMap((list, i) =>
    list.map(({ page, pages, offset, op, end, register }): RowSpec => {
      const ts = (first + i) * EPISODE_NS
      const segs = [[A + page * 4096 + offset, pages * 4096]]
      if (register === 0) return { event: 'register', id: `r${first + i}`, segs, ts }
      return { op, segs, ts, ...(end === undefined ? {} : { end: ts + end }) }
    }),
  )
}

/** Without the list of what is held long-term: rows of the second part are counted anew, and only it knows the last time. */
function withoutPlaces({ longTerm: _, ...lane }: LaneReport): Omit<LaneReport, 'longTerm'> {
  return lane
}

describe('a trace that is cut where nothing is in flight', () => {
  it('merge(replay(a), replay(b)) = replay(a ++ b)', async () => {
    const parts = fc.record({
      before: fc.array(episode, { maxLength: 6 }),
      after: fc.array(episode, { maxLength: 6 }),
      consumer: fc.constantFrom('bio', 'null', 'buffered'),
      policy: fc.constantFrom('get-pages', 'viro-2022', 'extract', 'folio'),
    })
    const property = fc.asyncProperty(parts, async ({ before, after, consumer, policy }) => {
      const options = { consumers: [consumer], policies: [policy] }
      const a = [ARENA, ...rowsOf(before, 0)]
      const b = rowsOf(after, before.length)
      const merged = mergeReports([await reportOf(a, options), await reportOf([ARENA, ...b], options)])
      const whole = await reportOf([...a, ...b], options)
      expect(merged.lanes.map(withoutPlaces)).toEqual(whole.lanes.map(withoutPlaces))
    })
    await fc.assert(property, { numRuns: 300, seed: 20_261_121 })
  })
})
