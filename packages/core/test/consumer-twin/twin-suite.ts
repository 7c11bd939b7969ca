import type { ConsumerDefinition } from '@pinscope/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Choices, hasTypes, POLICIES, rowsOf, VERSIONS } from './random-rows.ts'
import type { Figures, Policy, Row, Setup, Twin, Version, World } from './slow-common.ts'
import { SMALL_CASES, STEP, smallCase } from './small-cases.ts'
import { fast, slow } from './twin.ts'

/** A consumer and its twin, and what they are compared over. */
export interface TwinSuite {
  readonly name: string
  readonly make: (world: World) => Twin
  readonly options: readonly Readonly<Record<string, number>>[]
  /** Quirks to be on; without it those of the version. */
  readonly quirks?: readonly Setup['quirks'][]
  readonly choices: Choices
  /** Without it all. */
  readonly policies?: readonly Policy[]
  /** Rows of its own kind, instead of those of the choices. */
  readonly onlyRows?: fc.Arbitrary<Row[]>
  /** Rows of its own kind, besides those of the choices. */
  readonly rows?: fc.Arbitrary<Row[]>
  /** DMA mappings, allocations, what was avoided, violations and the twin's counters are compared too. */
  readonly isWhole?: boolean
  readonly small: number
  readonly random: number
}

const SEED = 20_261_121

/** Compares a consumer with its twin over small cases and random traces. */
export function compareTwins(definition: ConsumerDefinition, suite: TwinSuite): void {
  const agree = async (rows: readonly Row[], setup: Setup, name = '') => {
    const [got, expected] = [await fast(definition, rows, setup), slow(definition, suite.make, rows, setup)]
    expect(compared(got, expected, suite), name).toEqual(compared(expected, expected, suite))
  }

  const { quirks = [{}] } = suite

  describe(suite.name, () => {
    const smallCases = async () => {
      for (let i = 0, index = 0; i < suite.small; i++, index = (index + STEP * 7919) % SMALL_CASES) {
        const one = smallCase(index)
        if (one === null) continue
        const options = suite.options[i % suite.options.length]!
        const setup = { version: one.version, policy: one.policy, options, quirks: quirks[i % quirks.length]! }
        await agree(one.rows, setup, `case ${index}: ${JSON.stringify({ rows: one.rows, ...setup })}`)
      }
    }
    if (suite.small > 0) it(`${suite.small} small cases, spread evenly`, smallCases)

    it(`${suite.random} random traces`, async () => {
      const general = suite.onlyRows ?? rowsOf(suite.choices)
      const rows = suite.rows === undefined ? general : fc.oneof(general, suite.rows)
      const setup = fc.record({
        version: fc.constantFrom<Version>(...VERSIONS),
        policy: fc.constantFrom<Policy>(...(suite.policies ?? POLICIES)),
        options: fc.constantFrom(...suite.options),
        quirks: fc.constantFrom(...quirks),
      })
      const property = fc.asyncProperty(rows, setup, async (list, one) => {
        fc.pre(hasTypes(one.version, list))
        await agree(list, one)
      })
      await fc.assert(property, {
        numRuns: Number(process.env.TWIN_RUNS ?? suite.random),
        seed: Number(process.env.TWIN_SEED ?? SEED),
      })
    })
  })
}

/** Of `figures` what the suite compares: the twin may count fewer counters than the consumer. */
function compared({ whole, ...figures }: Figures, expected: Figures, { isWhole = false }: TwinSuite) {
  if (!isWhole) return figures
  // Of one event they come in no order of note.
  const violations = [...whole.violations].sort()
  const counters = Object.fromEntries(Object.keys(expected.whole.counters).map((name) => [name, whole.counters[name]]))
  return { ...figures, whole: { ...whole, violations, counters } }
}
