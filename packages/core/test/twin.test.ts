import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { POLICY_NAMES } from '../src/extract/policy.ts'
import { KERNEL_VERSIONS } from '../src/kernel/version.ts'
import { slowRows } from './model/index.ts'
import { bioCase, fileSystemCase, randomCase } from './support/random-trace.ts'
import { traceOf } from './support/rows.ts'
import { SMALL_CASES, type SmallCase, smallCase } from './support/small-cases.ts'
import { openRecorded, traceNames } from './support/traces.ts'
import { fastLane, slowReport, type TwinLane } from './support/twin.ts'

/** What a kernel version changes is in bio; elsewhere it is registration (6.1 or later) and which rows are compared. */
const LANES: readonly TwinLane[] = POLICY_NAMES.flatMap((policy) => [
  ...KERNEL_VERSIONS.map((kernel) => ({ policy, kernel, consumer: 'bio' as const })),
  ...['6.1', '6.18'].map((kernel) => ({ policy, kernel, consumer: 'null' as const })),
  { policy, kernel: '6.18', consumer: 'buffered' as const },
])

describe('the slow twin agrees on every recorded trace', () => {
  it.each(traceNames())('%s', async (name) => {
    const trace = await openRecorded(name)
    const rows = await slowRows(trace)
    for (const lane of LANES) {
      const fast = await fastLane(await openRecorded(name), lane)
      expect(fast, JSON.stringify(lane)).toEqual(slowReport(rows, trace.header, lane))
    }
  })
})

/** Both replays of one case. */
async function bothWays({ rows, lane, filesystem, attributes }: SmallCase) {
  const header = { filesystem, attributes }
  const trace = traceOf(rows, header)
  const fast = await fastLane(traceOf(rows, header), lane)
  return { fast, slow: slowReport(await slowRows(trace), trace.header, lane) }
}

describe('the slow twin agrees on small cases', () => {
  /** Coprime to the number of cases: the walk meets every value of every choice, and every pair of values. */
  const STEP = 1_000_003
  const CASES = 30_000

  it(`${CASES} of them, spread evenly`, async () => {
    for (let i = 0, index = 0; i < CASES; i++, index = (index + STEP * 7919) % SMALL_CASES) {
      const one = smallCase(index)
      const { fast, slow } = await bothWays(one)
      expect(fast, `case ${index}: ${JSON.stringify(one)}`).toEqual(slow)
    }
  })
})

describe('the slow twin agrees on random traces', () => {
  const agrees = async (one: SmallCase) => {
    const { fast, slow } = await bothWays(one)
    expect(fast).toEqual(slow)
  }

  it('2,000 traces of mappings, operations, registrations and reference events', async () => {
    await fc.assert(fc.asyncProperty(randomCase, agrees), { numRuns: 2000, seed: 20_261_121 })
  })

  it('3,000 traces of direct operations by file system, over memory that is there, shared, or not there', async () => {
    await fc.assert(fc.asyncProperty(fileSystemCase, agrees), { numRuns: 3000, seed: 20_261_121 })
  })

  it('3,000 operations whose bios fill up, are cut to whole blocks, or meet memory that is not there', async () => {
    await fc.assert(fc.asyncProperty(bioCase, agrees), { numRuns: 3000, seed: 20_261_121 })
  })
})
