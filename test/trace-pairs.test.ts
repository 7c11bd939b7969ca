import { createReadStream, existsSync, readdirSync, readFileSync } from 'node:fs'
import { openTrace, Registry, replay } from '@pinscope/core'
import { beforeAll, expect, it } from 'vitest'
import { pluginConsumers } from '../scripts/consumer-pages.mjs'
import { ROOT } from './sources.ts'

// A pair traces/<name>.csv + <name>.report.json is a test: replaying the one gives the other.
const traces = ['traces', 'traces/made'].flatMap((folder) =>
  readdirSync(`${ROOT}/${folder}`)
    .filter((name) => name.endsWith('.csv'))
    .map((name) => `${folder}/${name}`),
)
const registry = new Registry()

beforeAll(async () => {
  for (const { definition } of await pluginConsumers()) {
    registry.register(definition.name, { apiVersion: definition.apiVersion, consumers: [definition] })
  }
})

it('has the traces of at least eight programs', () => {
  expect(traces.length).toBeGreaterThanOrEqual(8)
})

it.each(traces)('%s', async (trace) => {
  const pair = `${ROOT}/${trace.replace(/\.csv$/, '.report.json')}`
  expect(existsSync(pair), 'node scripts/update-reports.mjs writes it').toBe(true)
  const reader = await openTrace(createReadStream(`${ROOT}/${trace}`), trace)
  const options = { registry, policies: null, consumers: null, kernel: null, consumerOptions: {}, inFlight: false }
  expect(await replay(reader, options)).toEqual(JSON.parse(readFileSync(pair, 'utf8')))
})
