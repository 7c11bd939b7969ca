import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mergePartials, mergeParts } from '../../src/replay/parts/merge-parts.ts'
import { replay } from '../../src/replay/replay.ts'
import type { ReplayOptions } from '../../src/replay/replay-options.ts'
import type { Report } from '../../src/report/report.ts'
import type { TraceHeader } from '../../src/trace/trace-reader.ts'
import { PLAIN_OPTIONS } from '../support/replay-rows.ts'
import { type RowSpec, traceOf } from '../support/rows.ts'
import { SMALL_CASES, smallCase } from '../support/small-cases.ts'
import { independentCase } from './independent-case.ts'
import { mapRowsOf, replayCut } from './part-rows.ts'

const A = 0x7f0000000000
const ARENA: RowSpec = { event: 'map', segs: [[A, 1 << 20]], backing: 'anon', ts: 0 }

/** As the command prints it: the order of keys counts. */
const printed = (report: Report | null) => JSON.stringify(report, null, 2)

/** In one, with every operation done. */
async function whole(rows: readonly RowSpec[], options: ReplayOptions, header: Partial<TraceHeader>): Promise<string> {
  return printed(await replay(traceOf(rows, header), { ...options, everyOperation: true }))
}

/** Ways to cut the rows behind the map rows in two, and in three: all of them where they are few. */
function cutsOf(rows: readonly RowSpec[]): number[][] {
  const from = mapRowsOf(rows)
  const places = Array.from({ length: rows.length - from + 1 }, (_, index) => from + index)
  const twice = places.slice(1).map((place, index) => [places[index]!, place])
  const all = [...places.map((place) => [place]), ...twice]
  return all.filter((_, index) => index % Math.ceil(all.length / 14) === 0)
}

/** Parts that say they are independent make the report of the whole; the number of cuts where they do. */
async function checkCuts(
  rows: readonly RowSpec[],
  options: ReplayOptions,
  header: Partial<TraceHeader> = {},
): Promise<number> {
  const expected = await whole(rows, options, header)
  let merged = 0
  for (const cuts of cutsOf(rows)) {
    const report = mergeParts(await replayCut(rows, cuts, options, header))
    if (report === null) continue
    expect(printed(report), `cut before row ${cuts.map((cut) => cut + 1).join(' and ')}`).toBe(expected)
    merged++
  }
  return merged
}

describe('a trace replayed in parts', () => {
  it('gives the report of one replay: seeded random rows that depend on nothing, every cut', async () => {
    let merged = 0
    let cuts = 0
    await fc.assert(
      fc.asyncProperty(independentCase, async ({ rows, options, header }) => {
        cuts += cutsOf(rows).length
        merged += await checkCuts(rows, { ...PLAIN_OPTIONS, ...options }, header)
      }),
      { seed: 9, numRuns: 80 },
    )
    // Consumers that depend on more than one operation are among them.
    expect(merged / cuts).toBeGreaterThan(0.4)
  })

  it('gives it for small operations of every kind, twice in a row', async () => {
    const step = Math.floor(SMALL_CASES / 400)
    for (let index = 0; index < SMALL_CASES; index += step) {
      const { rows, lane, filesystem, attributes } = smallCase(index)
      const [map, io] = rows as [RowSpec, RowSpec]
      const options = {
        ...PLAIN_OPTIONS,
        policies: [lane.policy],
        kernel: lane.kernel,
        consumers: [lane.consumer],
        consumerOptions: lane.bvecLimit === undefined ? {} : { bio: { 'bvec-limit': lane.bvecLimit } },
      }
      await checkCuts([map, io, { ...io, op: 'read' }, { ...io, ts: 9000 }], options, { filesystem, attributes })
    }
  })

  it('is associative', async () => {
    await fc.assert(
      fc.asyncProperty(independentCase, fc.nat(100), fc.nat(100), async ({ rows, options, header }, i, j) => {
        const from = mapRowsOf(rows)
        const [p, q] = [i, j].map((n) => from + (n % (rows.length - from + 1))).sort((x, y) => x - y) as [
          number,
          number,
        ]
        const [a, b, c] = await replayCut(rows, [p, q], { ...PLAIN_OPTIONS, ...options }, header)
        expect(mergePartials(mergePartials(a!, b!), c!)).toEqual(mergePartials(a!, mergePartials(b!, c!)))
      }),
      { seed: 9, numRuns: 50 },
    )
  })

  it('names leaks, mismatches and rows beyond the first part by their place in the whole trace', async () => {
    const io: RowSpec = { segs: [[A, 8192]], acquired: 5 }
    const rows = [ARENA, ...Array.from({ length: 6 }, () => io)]
    const parts = await replayCut(rows, [4], { ...PLAIN_OPTIONS, kernel: '6.18' })
    const mismatched = mergeParts(parts)!.lanes[0]!.groundTruth.mismatched
    expect(mismatched.map(({ row, line }) => [row, line])).toEqual([2, 3, 4, 5, 6, 7].map((row) => [row, row + 2]))
  })

  it('counts what is said once for the whole trace once', async () => {
    const rows: RowSpec[] = [ARENA, { segs: [[A, 4096]] }, { segs: [[0x1000, 4096]] }, { segs: [[0x5000, 4096]] }]
    const parts = await replayCut(rows, [2, 3], { ...PLAIN_OPTIONS, kernel: '6.5' })
    const { warnings } = mergeParts(parts)!
    expect(warnings).toEqual([
      expect.stringContaining('kernel 6.5 is not modelled itself'),
      expect.stringContaining('outside every map row'),
    ])
  })
})

describe('rows that depend on others', () => {
  const io: RowSpec = { segs: [[A, 4096]] }
  const cases: Record<string, RowSpec> = {
    'a completion later on': { ...io, end: 99_000 },
    'no completion': { ...io, end: 'never' },
    'a name': { ...io, id: 'a' },
    'a fork': { event: 'fork', result: 9 },
    'a mapping in between': { ...ARENA },
    'a registration': { event: 'register', id: 'a', segs: [[A, 4096]] },
    'a reference event': { event: 'pin', segs: [[A, 4096]] },
    'a page of a file': { ...io, iter: 'xarray', segs: [[0, 1, 4096]] },
    'a frame': { ...io, iter: 'bvec', segs: [[500, 0, 4096]] },
    'memory of the kernel': { ...io, iter: 'kvec', segs: [[0x888000000000, 4096]] },
  }

  it.each(Object.entries(cases))('are noticed: %s', async (_, row) => {
    const rows = [ARENA, io, { ...row, ts: 2000 }, { ...io, ts: 3000 }]
    for (const cut of [2, 3]) {
      const parts = await replayCut(rows, [cut], PLAIN_OPTIONS)
      expect(parts.map(({ isIndependent }) => isIndependent)).toEqual(cut === 2 ? [true, false] : [false, true])
      expect(mergeParts(parts)).toBeNull()
    }
  })

  it('are noticed where time goes back from one part to the next', async () => {
    const parts = await replayCut([ARENA, { ...io, ts: 5000 }, { ...io, ts: 4000 }], [2], PLAIN_OPTIONS)
    expect(mergeParts(parts)).toBeNull()
  })

  it('are those of a consumer that keeps something from one operation to the next', async () => {
    const parts = await replayCut([ARENA, io, io], [2], { ...PLAIN_OPTIONS, consumers: ['buffered'] })
    const isIndependent = parts.every((part) => part.isIndependent)
    expect(mergeParts(parts) === null).toBe(!isIndependent)
  })
})
