import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openTrace, Registry } from '@pinscope/core'
import { auditTrace, HAZARD_RULES } from '@pinscope/core/audit'
import { expect, it } from 'vitest'
import { consumerOf } from '../src/bug.ts'
import { CASES } from './audited.ts'

// The code of every case, before its fix and after it, takes whatever real programs did: none of it crashes, and what is
// fixed is silent. A type of iterator that does not arrive there is refused.

const TRACES = fileURLToPath(new URL('../../../traces', import.meta.url))

const FILES = ['.', 'ground-truth'].flatMap((folder) =>
  readdirSync(join(TRACES, folder))
    // Not the hundreds of vectors of random lengths, which take so many consumers minutes.
    .filter((name) => name.endsWith('.csv') && !name.startsWith('dio-'))
    .map((name) => join(folder, name)),
)

const CONSUMERS = CASES.flatMap(([, bug, bugCase]) => [consumerOf(bug, bugCase, false), consumerOf(bug, bugCase, true)])
const FIXED = CASES.map(([, bug, bugCase]) => consumerOf(bug, bugCase, true).name)

it('there are recordings', () => expect(FILES.length).toBeGreaterThan(40))

it.each(FILES)('%s', async (file) => {
  const registry = new Registry()
  registry.register('the bugs', { apiVersion: 1, consumers: CONSUMERS })
  const trace = await openTrace(bytesOf(file), file)
  const { lanes } = await auditTrace(trace, {
    registry,
    policies: null,
    consumers: CONSUMERS.map(({ name }) => name),
    kernel: null,
    consumerOptions: {},
    inFlight: false,
    rules: HAZARD_RULES,
  })
  expect(lanes).toHaveLength(CONSUMERS.length)
  const loud = lanes.filter(({ consumer, findingsTotal }) => FIXED.includes(consumer) && findingsTotal > 0)
  expect(loud.map(({ consumer, findings }) => [consumer, findings[0]])).toEqual([])
})

async function* bytesOf(file: string): AsyncGenerator<Uint8Array> {
  yield readFileSync(join(TRACES, file))
}
