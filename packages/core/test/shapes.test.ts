import { createReadStream, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { POLICY_NAMES } from '../src/extract/policy.ts'
import { KERNEL_VERSIONS } from '../src/kernel/version.ts'
import { inOnePiece } from '../src/testing/in-one-piece.ts'
import { openTrace } from '../src/trace/open-trace.ts'
import { TraceError } from '../src/trace/trace-error.ts'
import type { TraceReader } from '../src/trace/trace-reader.ts'
import { bothWays } from './support/both-ways.ts'
import { type Repeated, repeatedTrace } from './support/repeated-trace.ts'
import { PLAIN_OPTIONS } from './support/replay-rows.ts'
import { type ShapeWorld, shapeCase } from './support/shape-case.ts'
import { openRecorded, traceNames } from './support/traces.ts'

const FORMATS = fileURLToPath(new URL('../../../traces/formats', import.meta.url))
const WAYS = KERNEL_VERSIONS.map((kernel) => ({
  ...PLAIN_OPTIONS,
  kernel,
  policies: POLICY_NAMES,
  consumers: ['bio', 'null', 'buffered'],
}))

describe('counting operations that repeat instead of doing them', () => {
  const kinds: readonly Repeated[] = ['rows', 'operations', 'operations-alone']

  it.each(kinds)('gives the same report on every trace, six times over: %s', async (what) => {
    let all = 0
    let done = 0
    for (const name of traceNames()) {
      // Of large vectored operations, which have no shape, one version is enough; and where each is done.
      const some = what === 'operations-alone' ? WAYS : WAYS.slice(3)
      const ways = name.startsWith('ground-truth/dio-') ? WAYS.slice(2, 3) : some
      const both = await bothWays(await repeatedTrace(await openRecorded(name), 6, what), ways, name)
      all += both.all
      done += both.done
    }
    // Recorded rows carry what a kernel counted, and are all done; alone they repeat.
    expect(done).toBeLessThan(what === 'operations-alone' ? all * 0.7 : all + 1)
  })

  it('gives the same report on every sample of another format, six times over', async () => {
    let opened = 0
    for (const name of readdirSync(FORMATS).filter((one) => !one.endsWith('.md'))) {
      const trace = await opens(name)
      if (trace === null) continue
      opened++
      await bothWays(await repeatedTrace(trace, 6, 'rows'), WAYS.slice(3), name)
    }
    expect(opened).toBeGreaterThan(40)
  })
})

/** A sample that tells its format; null of one that has to be named. */
async function opens(name: string): Promise<TraceReader | null> {
  try {
    return await openTrace(createReadStream(`${FORMATS}/${name}`), name)
  } catch (error) {
    if (error instanceof TraceError) return null
    throw error
  }
}

describe('counting on random traces of few shapes', () => {
  const worlds: Readonly<Record<string, ShapeWorld>> = {
    'operations that complete at once': { hasEvents: false, isHeld: false, consumers: [], operations: 500 },
    'operations that differ by their place alone': {
      hasEvents: false,
      isHeld: false,
      consumers: [],
      operations: 300,
      isOneLength: true,
    },
    'operations in flight': { hasEvents: false, isHeld: true, consumers: [], operations: 500 },
    'rows about memory between them': { hasEvents: true, isHeld: false, consumers: [], operations: 500 },
    'rows about memory, and operations in flight': { hasEvents: true, isHeld: true, consumers: [], operations: 500 },
    'rows that name consumers': {
      hasEvents: false,
      isHeld: true,
      consumers: ['bio', 'null', 'buffered'],
      operations: 500,
    },
    'rows about memory, and rows that name consumers': {
      hasEvents: true,
      isHeld: true,
      consumers: ['bio', 'null', 'buffered'],
      operations: 500,
    },
  }
  const SEEDS = Number(process.env.SHAPE_SEEDS ?? 24)
  const FIRST = Number(process.env.SHAPE_FIRST ?? 0)

  it.each(Object.keys(worlds))('gives the same report: %s', async (name) => {
    const world = worlds[name]!
    let all = 0
    let done = 0
    for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
      const one = shapeCase(seed, world)
      const trace = await openTrace(inOnePiece(new TextEncoder().encode(one.text)), 't.csv')
      const way = {
        ...PLAIN_OPTIONS,
        kernel: one.kernel,
        policies: one.policies,
        consumers: world.consumers.length > 0 ? null : ['bio', 'null'],
        inFlight: one.inFlight,
        consumerOptions: { bio: one.bio },
      }
      const both = await bothWays(trace, [way], `${name}, seed ${seed}`)
      all += both.all
      done += both.done
    }
    expect(done).toBeLessThan(all * (world.hasEvents ? 0.99 : 0.8))
  })
})
