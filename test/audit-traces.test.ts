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

/** Without the hundreds of vectors of random lengths, which take every consumer minutes: those are audited above. */
const SHORT = RECORDED.filter((file) => !file.includes('/dio-'))

describe('in every consumer, rules find something only where a replay does', () => {
  it.each(SHORT)('%s', async (file) => {
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

/** These are read with `--columns` only. */
const BY_COLUMNS = ['csv-addresses.csv', 'csv-disksim.trace', 'csv-semicolons.csv']

describe('what other recorders wrote', () => {
  const files = readdirSync(join(ROOT, 'traces/formats')).filter(
    (name) => !name.endsWith('.md') && !BY_COLUMNS.includes(name),
  )

  it.each(files)('%s', async (name) => {
    const found = await foundIn(name)
    // It was made with four references that vhost-scsi takes and nobody puts: its head tells which.
    const leaked = ['H-11', 'H-11', 'H-11', 'H-11']
    expect(found).toEqual(name === 'page-ref.txt' ? leaked : [])
  })

  // The numbers are those of traces/formats/README.md: what the kernel's probes told.
  it.each([
    ['ftrace-rxe-6.1.txt', 817],
    ['ftrace-rxe-6.12.txt', 828],
    ['ftrace-sgio-6.12.txt', 54],
  ])('%s: %i pages are pinned, and all let go', async (name, pages) => {
    const { lanes } = await replay(await open(`traces/formats/${name}`), { ...OPTIONS, registry: await allConsumers() })
    const [{ pins, violationsTotal, leaksTotal }] = lanes
    expect(pins).toMatchObject({ acquired: pages, released: pages, open: 0 })
    expect([violationsTotal, leaksTotal]).toEqual([0, 0])
  })
})

/** Rules that found something, a recording being cut where it was. */
async function foundIn(name: string): Promise<string[]> {
  const options = { ...OPTIONS, inFlight: true, registry: await allConsumers(), rules: HAZARD_RULES }
  const { lanes } = await auditTrace(await open(`traces/formats/${name}`), options)
  return lanes.flatMap(({ findings }) => findings.map(({ rule }) => rule))
}

function open(file: string) {
  return openTrace(createReadStream(join(ROOT, file)), file)
}
