import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { findLeaks, openTrace, Registry, replay } from '../../../src/index.ts'
import { sampleOptions } from './sample-options.ts'

const FOLDER = fileURLToPath(new URL('../../../../../traces/formats', import.meta.url))
const samples = readdirSync(FOLDER).filter((name) => !name.endsWith('.md'))

/** Samples with operations that are no whole sectors, and were direct or on a disk all the same: spc has them, lttng is made by hand. */
const REFUSED = /^(spc|lttng|csv-addresses|csv-semicolons|bpftrace-json-traps)/

async function* bytesOf(name: string): AsyncGenerator<Uint8Array> {
  yield readFileSync(join(FOLDER, name))
}

const open = (name: string) => openTrace(bytesOf(name), name, sampleOptions(name))

describe('every sample of another format', () => {
  it.each(samples)('%s: replays, and operations that succeeded are not refused', async (name) => {
    const options = {
      registry: new Registry(),
      policies: null,
      consumers: null,
      kernel: '6.18',
      consumerOptions: {},
      inFlight: true,
    }
    const report = await replay(await open(name), options).catch(async (error: Error) => {
      // Rows that name a consumer of a plugin: another one will do here.
      if (!/which no plugin here brings/.test(error.message)) throw error
      return replay(await open(name), { ...options, consumers: ['bio'] })
    })
    expect(report.lanes.length).toBeGreaterThan(0)
    for (const lane of report.lanes)
      expect(lane.leaksTotal + lane.violationsTotal, lane.consumer).toBeGreaterThanOrEqual(0)
    if (!REFUSED.test(name)) expect(report.warnings.filter((text) => text.includes('are refused by'))).toEqual([])
  })

  it.each(samples)('%s: its references are matched', async (name) => {
    const { taken, letGo, open: left } = await findLeaks(await open(name), { olderThanNs: 0 })
    expect(left.pins + left.refs + left.objects).toBe(taken - letGo)
  })
})
