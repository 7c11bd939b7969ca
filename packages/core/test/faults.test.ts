import { describe, expect, it } from 'vitest'
import type { FaultName } from '../src/consumer/faults.ts'
import { Registry } from '../src/consumer/registry.ts'
import { explainRow } from '../src/replay/explain-row.ts'
import type { ReplayOptions } from '../src/replay/replay-options.ts'
import { mergeReports } from '../src/report/merge-reports.ts'
import { laneOf, PLAIN_OPTIONS, reportOf } from './support/replay-rows.ts'
import { type RowSpec, traceOf } from './support/rows.ts'

const A = 0x7f0000000000
const ARENA: RowSpec = { event: 'map', segs: [[A, 1 << 20]], backing: 'anon', ts: 0 }

/** A direct read of some pages, with what a kernel counted for it. */
function read(page: number, pages: number, ts: number, more: RowSpec = {}): RowSpec {
  return { segs: [[A + page * 4096, pages * 4096]], ts, end: ts + 10, acquired: pages, ...more }
}

const THREE = [ARENA, read(0, 2, 100), read(8, 2, 200), read(16, 2, 300)]

function failing(fault: FaultName, at: number, more: Partial<ReplayOptions> = {}): Partial<ReplayOptions> {
  return { consumers: ['null'], faults: { fault, at }, ...more }
}

describe('a step that is made to fail in a replay', () => {
  it('fails in the operation that comes to it, and only there', async () => {
    // Pages 1 and 2 are those of the first read; the third is the first page of the second.
    const lane = await laneOf(THREE, failing('page', 3))
    expect(lane).toMatchObject({ operations: 3, errors: 1, bytes: 4 * 4096, leaksTotal: 0, violationsTotal: 0 })
    expect(lane.pins).toMatchObject({ acquired: 4, released: 4, open: 0 })
    expect(lane.faults).toEqual({ fault: 'page', at: 3, injected: 1 })
  })

  it('is counted in each lane by itself', async () => {
    const { lanes } = await reportOf(THREE, failing('page', 3, { consumers: ['null', 'buffered'] }))
    // What is copied takes no page: there is no third one.
    expect(lanes.map(({ consumer, errors, faults }) => [consumer, errors, faults?.injected])).toEqual([
      ['null', 1, 1],
      ['buffered', 0, 0],
    ])
  })

  it('takes the lane out of the comparison with the kernel', async () => {
    const compared = await laneOf(THREE, { consumers: ['null'] })
    expect(compared.groundTruth).toMatchObject({ rows: 3, matched: 3 })
    for (const at of [3, 1000]) {
      const { groundTruth } = await laneOf(THREE, failing('page', at))
      expect(groundTruth).toMatchObject({ rows: 0, mismatchedTotal: 0 })
    }
  })

  it('leaves nothing in the report when there is none', async () => {
    expect(await laneOf(THREE, { consumers: ['null'] })).not.toHaveProperty('faults')
    expect(await laneOf(THREE, { consumers: ['null'], faults: null })).not.toHaveProperty('faults')
  })

  it('merged: traces that came to it are counted, other steps stay apart', async () => {
    const [long, short, other, none] = await Promise.all([
      reportOf(THREE, failing('page', 3)),
      reportOf(THREE.slice(0, 2), failing('page', 3)),
      reportOf(THREE, failing('page', 4)),
      reportOf(THREE, { consumers: ['null'] }),
    ])
    const { lanes } = mergeReports([long, short, other, none, long])
    expect(lanes.map(({ faults, operations }) => [faults, operations])).toEqual([
      [{ fault: 'page', at: 3, injected: 2 }, 7],
      [{ fault: 'page', at: 4, injected: 1 }, 3],
      [undefined, 3],
    ])
  })
})

describe('explain', () => {
  const told = async (row: number, fault: FaultName, at: number) => {
    const options = { ...PLAIN_OPTIONS, registry: new Registry(), kernel: '6.18', ...failing(fault, at) }
    const { steps, result, groundTruth } = await explainRow(traceOf(THREE), row, options)
    const notes = steps.flatMap((step) => (step.kind === 'note' ? [step.text] : []))
    return { notes, result, verdict: groundTruth?.verdict }
  }

  it('says which step failed, in the operation where it did', async () => {
    const { notes, result, verdict } = await told(3, 'page', 3)
    expect(notes).toEqual(['injected: page step 3 of the lane was made to fail', 'the operation ends with -EFAULT'])
    expect(result).toBe(-14)
    expect(verdict).toMatch(/^not compared/)
    expect((await told(2, 'page', 3)).notes).toEqual([])
    expect((await told(4, 'page', 3)).notes).toEqual([])
  })

  it('of a completion too, which comes after its row', async () => {
    expect((await told(3, 'complete', 2)).notes).toEqual(['injected: complete step 2 of the lane was made to fail'])
    expect((await told(3, 'complete', 1)).notes).toEqual([])
  })
})
