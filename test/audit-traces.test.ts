import { createReadStream, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { openTrace, replay } from '@pinscope/core'
import { auditTrace, HAZARD_RULES } from '@pinscope/core/audit'
import { describe, expect, it } from 'vitest'
import { allConsumers } from './all-consumers.ts'
import { ROOT } from './sources.ts'

/** Recorded traces: programs and ground truth. They ran on working kernels, so that every finding is a false alarm. */
const RECORDED = ['traces', 'traces/ground-truth'].flatMap((folder) =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith('.csv'))
    .map((name) => `${folder}/${name}`),
)

const OPTIONS = { policies: null, consumers: null, kernel: null, consumerOptions: {}, inFlight: false }

describe('no rule finds anything in a recorded trace', () => {
  it.each(RECORDED)('%s', async (file) => {
    const options = { ...OPTIONS, registry: await allConsumers(), rules: HAZARD_RULES }
    const report = await auditTrace(await open(file), options)
    expect(report.lanes.flatMap(({ findings }) => findings)).toEqual([])
  })
})

// Not all of them are sound: kernel versions have defects, which the model has too. There a replay finds leaks or violations.
/** recvfile is what was proposed and refused for holding the locks of many folios: that is found wherever it runs. */
const REFUSED = ['recvfile']

describe('in every consumer, rules find something only where a replay does', () => {
  it.each(RECORDED)('%s', async (file) => {
    const registry = await allConsumers()
    const names = registry.consumers().map(({ definition }) => definition.name)
    const consumers = names.filter((name) => !REFUSED.includes(name))
    const audited = await auditTrace(await open(file), { ...OPTIONS, registry, consumers, rules: HAZARD_RULES })
    const { lanes } = await replay(await open(file), { ...OPTIONS, registry, consumers })
    const unsound = lanes.filter(({ leaksTotal, violationsTotal }) => leaksTotal + violationsTotal > 0)
    const found = audited.lanes.filter(({ findings }) => findings.length > 0)
    expect(found.map(({ consumer }) => consumer)).toEqual(unsound.map(({ consumer }) => consumer))
  })
})

function open(file: string) {
  return openTrace(createReadStream(join(ROOT, file)), file)
}
