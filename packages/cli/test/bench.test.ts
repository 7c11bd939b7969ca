import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BenchReport, BenchWorkload } from '@pinscope/core'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { beforeAll, describe, expect, it } from 'vitest'
import { benchText } from '../src/render/bench.ts'
import { PLAIN } from '../src/render/terminal.ts'
import { visibleLength } from '../src/render/text.ts'
import { compareBench } from '../src/services/bench-compare.ts'
import { median, quantile, spreadOf } from '../src/services/bench-figures.ts'
import { benchOperations, IN_FLIGHT, seeded, workOf } from '../src/services/bench-operations.ts'
import { BenchProgress } from '../src/services/bench-progress.ts'
import { ended, pinscope, plainEnv, ROOT, start, temporaryFolder } from './run.ts'

const folder = temporaryFolder()
const at = (name: string) => join(folder, name)
/** Enough to run everything, too little to measure anything. */
const SMALL = ['--operations', '5000', '--rounds', '2']

async function bench(...args: string[]): Promise<BenchReport> {
  const { status, stdout, stderr } = await pinscope(['bench', ...SMALL, ...args, '--json'])
  expect([status, stderr]).toEqual([0, ''])
  return JSON.parse(stdout)
}

describe('the standard workloads', () => {
  const made: { report?: BenchReport } = {}
  const work = (name: string) => made.report!.workloads.find((workload) => workload.name === name)!.work

  beforeAll(async () => {
    made.report = await bench()
  }, 300_000)

  it('are what the shipped JSON Schema says', () => {
    const schema = JSON.parse(readFileSync(join(ROOT, 'packages/core/schema/pinscope-bench-1.schema.json'), 'utf8'))
    const validate = new Ajv2020({ strict: false }).compile(schema)
    expect(validate(made.report), JSON.stringify(validate.errors)).toBe(true)
    expect(made.report!.workloads.map(({ name }) => name)).toEqual(
      'null bio held folio csv arrow read-csv read-arrow'.split(' '),
    )
  })

  it('do the work that their operations ask for', () => {
    const { pages } = work('null')
    // A pin for each page that an operation touches, whoever reads it and whenever it ends.
    for (const name of ['null', 'bio', 'held', 'csv', 'arrow']) expect([name, work(name).pins]).toEqual([name, pages])
    // The pool lies in huge pages, and no buffer of 128 KiB at most crosses one: a run each.
    expect(work('folio').pins).toBe(5000)
    // A bio_vec for each page, since small pages are never next to each other.
    expect(work('bio').entries).toBe(pages)
    expect([work('read-csv').pins, work('read-arrow').pins]).toEqual([0, 0])
    expect(work('read-csv').inputBytes).toBe(work('csv').inputBytes)
  })

  it('have a figure of each round, and nobody else’s', () => {
    for (const { nsPerOperation, cost } of made.report!.workloads) {
      expect([nsPerOperation.rounds.length, cost.rounds.length]).toEqual([2, 2])
    }
    expect(made.report!.bare.rounds).toHaveLength(2 * 8)
    expect(made.report!.settings).toEqual({ seed: 1, operations: 5000, rounds: 2, processes: 2 })
  })

  it('are told in 80 columns, without colour', () => {
    const text = benchText(PLAIN, made.report!)
    expect(text.split('\n').filter((line) => visibleLength(line) > 80)).toEqual([])
    expect(text).not.toContain('\u001b')
  })

  it('do something else with another seed', async () => {
    const other = await bench('--only', 'null', '--seed', '2')
    expect(other.workloads.map(({ name }) => name)).toEqual(['null'])
    expect(other.workloads[0].work.pins).not.toBe(work('null').pins)
  })
})

describe('operations', () => {
  it('mulberry32 with seed 1 begins as published', () => {
    const random = seeded(1)
    expect([random(), random()].map((value) => Math.floor(value * 2 ** 32))).toEqual([2693262067, 11749833])
  })

  it('64 are in flight: each ends when the 64th behind it begins, also where the stream goes round', () => {
    const { batches, spanNs } = benchOperations(1, true)
    const ts = batches.flatMap(({ tsNs }) => [...tsNs])
    const end = batches.flatMap(({ endNs }) => [...endNs])
    const round = [...ts, ...ts.map((ns) => ns + spanNs)]
    expect(end).toEqual(ts.map((_, row) => round[row + IN_FLIGHT]))
  })

  it('are counted where the stream goes round', () => {
    const operations = benchOperations(3, false)
    const once = workOf(operations, 65_536)
    const [first] = operations.batches
    const more = workOf(operations, 2 * 65_536 + 1)
    expect(more.bytes).toBe(2 * once.bytes + first.lengthBytes[0])
  })
})

describe('figures', () => {
  it('median, quartile, distance from the median', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 2, 3])).toBe(2.5)
    expect(quantile([1, 2, 3, 4, 5], 0.25)).toBe(2)
    expect(spreadOf([1, 2, 9])).toEqual({ median: 2, mad: 1, min: 1, max: 9, rounds: [1, 2, 9] })
  })
})

describe('against a baseline', () => {
  const WORK = { operations: 1, pages: 1, bytes: 1, inputBytes: 0, pins: 1, references: 0, entries: 0, errors: 0 }
  const workload = (name: string, costs: readonly number[], pins = 1): BenchWorkload => ({
    name,
    summary: '',
    consumer: 'null',
    policy: 'extract',
    work: { ...WORK, pins },
    operationsPerSecond: 1,
    nsPerOperation: spreadOf(costs),
    cost: spreadOf(costs),
  })
  const report = (workloads: readonly BenchWorkload[], node = '20'): BenchReport => ({
    schema: 'pinscope-bench/1',
    machine: {
      cpu: 'a',
      cores: 1,
      memoryBytes: 1,
      platform: 'linux x64',
      kernel: '6',
      node,
      v8: '11',
      v8Flags: [],
      pinscope: '0',
    },
    settings: { seed: 1, operations: 1, rounds: 5, processes: 1 },
    bare: spreadOf([1]),
    workloads: [...workloads],
    comparison: null,
  })
  const verdicts = (before: readonly BenchWorkload[], now: readonly BenchWorkload[]) =>
    compareBench('b.json', report(before), report(now), 10).workloads.map(({ verdict }) => verdict)

  it.each([
    ['15 % more, rounds apart', [98, 100, 102], [110, 115, 116], 'slower'],
    ['9 % more is below the threshold', [98, 100, 102], [108, 109, 110], 'same'],
    // Three quarters of the rounds before took up to 110, a quarter of those now no more than 107.5.
    ['15 % more, but the middle halves overlap', [95, 100, 120], [100, 115, 116], 'same'],
    ['15 % less, rounds apart', [98, 100, 102], [85, 84, 86], 'faster'],
    // 1 / 1.1 is 0.909: as far below as 1.1 is above.
    ['8 % less is below the threshold', [98, 100, 102], [92, 92, 92], 'same'],
  ])('%s', (_, before, now, verdict) => {
    expect(verdicts([workload('a', before)], [workload('a', now)])).toEqual([verdict])
  })

  it('another work is not compared, a new one neither', () => {
    expect(verdicts([workload('a', [1], 2)], [workload('a', [9]), workload('b', [9])])).toEqual(['other-work', 'new'])
  })

  it('tells another Node, and what was not run', () => {
    const { differs, missing } = compareBench('b', report([workload('a', [1])], '20'), report([], '24'), 10)
    expect([differs, missing]).toEqual([['Node: 20, now 24'], ['a']])
  })

  it('a file of its own makes, and a gate that fails', async () => {
    const before = at('before.json')
    const written = await pinscope(['bench', ...SMALL, '--only', 'null', '--json', '-o', before])
    expect(written).toEqual({ status: 0, stdout: '', stderr: `figures written to ${before}\n` })
    const baseline = JSON.parse(readFileSync(before, 'utf8')) as BenchReport
    const cheap = { ...baseline.workloads[0], cost: spreadOf([1e-6, 1e-6]) }
    writeFileSync(at('cheap.json'), JSON.stringify({ ...baseline, workloads: [cheap] }))
    const gated = [...SMALL, '--only', 'null', '--baseline', at('cheap.json'), '--fail-on', 'slower']
    const { status, stdout } = await pinscope(['bench', ...gated])
    expect(status).toBe(1)
    expect(stdout).toMatch(/\nnull +[\d.]+ x {2}slower\n/)
    const dear = { ...cheap, cost: spreadOf([1e9, 1e9]) }
    writeFileSync(at('dear.json'), JSON.stringify({ ...baseline, workloads: [dear] }))
    const { workloads } = (await bench('--only', 'null', '--baseline', at('dear.json'), '--fail-on', 'slower'))
      .comparison!
    expect(workloads.map(({ name, verdict }) => [name, verdict])).toEqual([['null', 'faster']])
  })

  it('a file that is something else, or of other operations, is refused before anything is measured', async () => {
    writeFileSync(at('text'), 'no')
    writeFileSync(at('report.json'), '{"schema":"pinscope-report/1"}')
    writeFileSync(at('part.json'), '{"schema":"pinscope-bench/1"}')
    writeFileSync(at('other.json'), JSON.stringify({ ...report([workload('a', [1])]) }))
    const said = async (...args: string[]) => {
      const { status, stderr } = await pinscope(['bench', '--baseline', ...args])
      expect(status).toBe(2)
      return stderr
    }
    expect(await said(at('none.json'))).toContain('no such file')
    expect(await said(at('text'))).toContain('is no JSON')
    expect(await said(at('report.json'))).toContain('is a pinscope-report/1; a baseline is a pinscope-bench/1')
    expect(await said(at('part.json'))).toContain('machine')
    expect(await said(at('other.json'))).toContain('Run with --seed 1 --operations 1, as it was.')
  })
})

describe('the command line', () => {
  it.each([
    [['--only', 'nul'], 'unknown workload "nul": did you mean "null"?'],
    [['--threshold', 'ten'], '--threshold ten: expected per cent'],
    [['--fail-on', 'slow'], 'unknown gate of --fail-on "slow": did you mean "slower"?'],
    [['--fail-on', 'slower'], '--fail-on slower needs a baseline'],
    [['-c', 'nul'], 'unknown consumer "nul": did you mean "null"?'],
  ])('%j: %s', async (args, message) => {
    const { status, stderr } = await pinscope(['bench', ...args])
    expect([status, stderr.includes(message)]).toEqual([2, true])
  })

  it('-c measures null and a consumer of a plugin', async () => {
    const { workloads } = await bench('-c', 'skcipher-walk')
    expect(workloads.map(({ name, policy }) => [name, policy])).toEqual([
      ['null', 'extract'],
      ['skcipher-walk', 'extract'],
    ])
    expect(workloads[1].work.pins).toBe(workloads[0].work.pins)
  })

  it('Ctrl-C ends it and what it started; no file is left', async () => {
    const child = start(['bench', '-o', at('never.json')], { env: plainEnv(), stdio: ['ignore', 'pipe', 'pipe'] })
    child.stderr?.on('data', () => undefined)
    while (!readdirSync(folder).some((name) => name.startsWith('.never.json'))) {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    child.kill('SIGINT')
    // `ended` waits until nobody has the pipes open: the process that measures is gone as well.
    const { status, stderr } = await ended(child)
    expect([status, stderr]).toEqual([130, 'pinscope: interrupted, nothing was written\n'])
    expect(readdirSync(folder).filter((name) => name.includes('never'))).toEqual([])
  })

  it('progress: redrawn on a terminal, a line each 30 s elsewhere', () => {
    const told = (isTTY: boolean) => {
      const written: string[] = []
      const clock = { ms: 0 }
      const stream = { isTTY, columns: 80, write: (text: string) => written.push(text) }
      const progress = new BenchProgress(stream, {}, () => clock.ms)
      const sample = { name: 'csv', round: 1, nsPerOperation: 50, bareNs: 2, policy: null, work: WORK }
      for (const ms of [10_000, 31_000]) {
        clock.ms = ms
        progress.update(sample, 9)
      }
      progress.erase()
      return written
    }
    const WORK = { operations: 1, pages: 1, bytes: 1, inputBytes: 0, pins: 1, references: 0, entries: 0, errors: 0 }
    const line = 'round 2 of 9: csv, 20.00 M operations/s'
    expect(told(false)).toEqual([`${line}\n`])
    expect(told(true)).toEqual(['warming up', `\r\u001b[2K${line}`, `\r\u001b[2K${line}`, '\r\u001b[2K'])
  })
})
