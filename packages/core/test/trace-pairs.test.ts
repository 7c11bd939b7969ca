import { createReadStream, existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { replay } from '../src/replay/replay.ts'
import { openTrace } from '../src/trace/open-trace.ts'
import { PLAIN_OPTIONS } from './support/replay-rows.ts'

// A pair traces/<name>.csv + <name>.report.json is a test: replaying the one gives the other.
const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const traces = ['traces', 'traces/made'].flatMap((folder) =>
  readdirSync(`${ROOT}${folder}`)
    .filter((name) => name.endsWith('.csv'))
    .map((name) => `${folder}/${name}`),
)

it('has the traces of at least eight programs', () => {
  expect(traces.length).toBeGreaterThanOrEqual(8)
})

it.each(traces)('%s', async (trace) => {
  const pair = `${ROOT}${trace.replace(/\.csv$/, '.report.json')}`
  expect(existsSync(pair), 'node scripts/update-reports.mjs writes it').toBe(true)
  const reader = await openTrace(createReadStream(`${ROOT}${trace}`), trace)
  const report = await replay(reader, PLAIN_OPTIONS)
  expect(report).toEqual(JSON.parse(readFileSync(pair, 'utf8')))
})
