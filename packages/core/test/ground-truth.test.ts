import { describe, expect, it } from 'vitest'
import { Registry } from '../src/consumer/registry.ts'
import { LaneSet } from '../src/replay/lane-set.ts'
import { replay } from '../src/replay/replay.ts'
import { slowRows } from './model/index.ts'
import type { Folio, Page } from './model/slow-memory.ts'
import { PLAIN_OPTIONS } from './support/replay-rows.ts'
import { openRecorded, recordedNames, textOf } from './support/traces.ts'
import { fastLane, slowReport } from './support/twin.ts'

// What running kernels counted (traces/README.md), row by row.

const BIO = { policy: 'extract', kernel: '6.18', consumer: 'bio' } as const

/** Cells of the rows, by column name. The recorder writes no quotes. */
function cellsOf(name: string): Record<string, string>[] {
  const lines = textOf(name)
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  const [header = [], ...rows] = lines.map((line) => line.split(','))
  return rows.map((row) => Object.fromEntries(header.map((column, i) => [column, row[i] ?? ''])))
}

/** Row numbers (from 1, the map row included) with that value of x_exact. */
function rowsWhere(name: string, exact: '0' | '1'): number[] {
  return cellsOf(name).flatMap(({ x_exact }, i) => (x_exact === exact ? [i + 1] : []))
}

/** Bytes or -errno of each operation in the model; operations of these traces are synchronous. */
async function resultsOf(name: string): Promise<(number | null)[]> {
  const trace = await openRecorded(name)
  const set = new LaneSet(trace, { ...PLAIN_OPTIONS, policies: ['extract'], consumers: ['bio'], kernel: '6.18' })
  const [lane] = set.lanes
  const results: (number | null)[] = []
  for await (const batch of trace.batches()) {
    for (let row = 0; row < batch.length; row++) {
      lane!.replayRow(batch, row, true)
      results.push(batch.event[row] === 0 ? lane!.io.result : null)
    }
  }
  return results
}

describe('direct I/O on a raw device, 6.18', () => {
  const NAMES = ['ground-truth/dio-anon', 'ground-truth/dio-thp', 'ground-truth/dio-shmem']

  it.each(NAMES)('%s: every row whose count depends on nothing unknown matches', async (name) => {
    const { groundTruth } = await fastLane(await openRecorded(name), BIO)
    const apart = new Set([...groundTruth.mismatched, ...groundTruth.undetermined].map(({ row }) => row))
    expect(rowsWhere(name, '1').filter((row) => apart.has(row))).toEqual([])
    expect(groundTruth.rows).toBe(rowsWhere(name, '1').length + rowsWhere(name, '0').length)
  })

  it.each(NAMES)('%s: an operation fails where the kernel refused it, and nowhere else', async (name) => {
    const results = await resultsOf(name)
    const recorded = cellsOf(name).map(({ event, result }) => (event === 'io' ? Number(result) : null))
    expect(results.map((result) => result !== null && result < 0)).toEqual(recorded.map((r) => r !== null && r < 0))
  })

  it('small pages: undetermined are the rows that the recorder could not tell, 8 and 4 of them', async () => {
    for (const [name, count] of [
      ['ground-truth/dio-anon', 8],
      ['ground-truth/dio-shmem', 4],
    ] as const) {
      const { groundTruth } = await fastLane(await openRecorded(name), BIO)
      expect(groundTruth.mismatched, name).toEqual([])
      expect(
        groundTruth.undetermined.map(({ row }) => row),
        name,
      ).toEqual(rowsWhere(name, '0'))
      expect(groundTruth.undeterminedTotal, name).toBe(count)
    }
  })

  it('huge pages: their contiguity is known, so those rows match too, all but row 96', async () => {
    const { groundTruth } = await fastLane(await openRecorded('ground-truth/dio-thp'), BIO)
    expect(groundTruth.undetermined).toEqual([])
    expect(groundTruth.matched).toBe(399)
    expect(groundTruth.mismatched).toMatchObject([{ row: 96, expected: 1971, expectedReleased: 1971 }])
  })

  it('row 96: 1971 where some of the four huge pages that it crosses between are physically adjacent', async () => {
    const trace = await openRecorded('ground-truth/dio-thp')
    const rows = (await slowRows(trace)).filter(({ row, event }) => event === 'map' || row === 96)
    const pins = Array.from({ length: 16 }, (_, combination) => {
      const borders: Folio[] = []
      const adjacent = (before: Page, after: Page) => {
        if (before.index !== 511 || after.index !== 0) return false
        if (!borders.includes(after.folio)) borders.push(after.folio)
        return (combination & (1 << borders.indexOf(after.folio))) !== 0
      }
      const { pins } = slowReport(rows, trace.header, BIO, { adjacent })
      expect(borders).toHaveLength(4)
      return pins.acquired
    })
    expect(pins.filter((count) => count === 1971)).toHaveLength(7)
    expect(pins.filter((count) => count === 1970)).toHaveLength(9)
  })
})

describe('one operation of each class', () => {
  const names = recordedNames().filter((name) => name.startsWith('ground-truth/op-classes') && isOfCore(name))

  it.each(names)('%s: every row matches', async (name) => {
    const trace = await openRecorded(name)
    const lanes = await lanesOf(name)
    const counted = cellsOf(name).filter(
      ({ pins_acquired, pins_released }) => pins_acquired !== '' || pins_released !== '',
    )
    const compared = lanes.reduce((sum, { groundTruth }) => sum + groundTruth.rows, 0)
    const matched = lanes.reduce((sum, { groundTruth }) => sum + groundTruth.matched, 0)
    expect(trace.header.kernel).toMatch(/^6\.18/)
    expect(compared).toBe(counted.length)
    expect(matched).toBe(counted.length)
  })
})

describe('every recorded trace', () => {
  // Those of consumers that plugins bring are theirs: packages/plugin-*/test/recorded.test.ts.
  const ofCore = recordedNames().filter(isOfCore)

  it.each(ofCore)('%s: no mismatch but the one that is known, no leak, no violation', async (name) => {
    const lanes = await lanesOf(name)
    const known = name === 'ground-truth/dio-thp' ? 1 : 0
    for (const lane of lanes) {
      expect(lane.groundTruth.mismatchedTotal).toBe(lane.consumer === 'bio' ? known : 0)
      expect(lane.leaks).toEqual([])
      expect(lane.violations).toEqual([])
    }
  })

  const totals = ofCore.filter((name) => textOf(name).includes('# pins-acquired-total'))

  it.each(totals)('%s: the pins add up to the total that the recorder read', async (name) => {
    const { header } = await openRecorded(name)
    const lanes = await lanesOf(name)
    const pins = lanes.reduce((sum, lane) => sum + lane.pins.acquired, 0)
    expect(pins).toBe(Number(header.attributes.get('pins-acquired-total')))
  })

  it('most of them have such a total', () => {
    expect(totals.length).toBeGreaterThanOrEqual(17)
  })
})

/** Every consumer that its rows name is core's. */
function isOfCore(name: string): boolean {
  return cellsOf(name).every(({ consumer }) => ['', 'bio', 'buffered', 'null'].includes(consumer ?? ''))
}

/** The lanes that the rows themselves name, on the kernel that the trace names. */
async function lanesOf(name: string) {
  const registry = new Registry()
  const trace = await openRecorded(name)
  const kernel = trace.header.kernel === null ? '6.18' : null
  return (await replay(trace, { ...PLAIN_OPTIONS, registry, kernel })).lanes
}
