import type { Config } from '@oclif/core/interfaces'
import { BENCH_SCHEMA, type BenchReport, Registry, UsageError } from '@pinscope/core'
import { jsonText } from '../render/json.ts'
import { PLAIN, terminalOf } from '../render/terminal.ts'
import { readBaseline } from './bench-baseline.ts'
import { benchGatesOf, benchStatus, compareBench } from './bench-compare.ts'
import { spreadOf } from './bench-figures.ts'
import { benchMachine } from './bench-machine.ts'
import { measureShare, PROCESSES, type TimedSample } from './bench-process.ts'
import { measureInProcesses } from './bench-processes.ts'
import { BenchProgress } from './bench-progress.ts'
import { benchWorkload } from './bench-result.ts'
import { chosenWorkloads, consumerWorkloads, WORKLOADS, type Workload } from './bench-workloads.ts'
import { loadPlugins } from './load-plugins.ts'
import { openOutput, outputFile } from './output.ts'
import { consumerNames } from './select.ts'

/** The flags of `pinscope bench`, as oclif parsed them. */
export interface BenchFlags {
  readonly only?: string | undefined
  readonly consumer?: readonly string[] | undefined
  readonly rounds: number
  readonly operations: number
  readonly seed: number
  readonly baseline?: string | undefined
  readonly threshold: string
  readonly 'fail-on': string
  readonly plugin?: readonly string[] | undefined
  readonly output?: string | undefined
  readonly json: boolean
  readonly 'no-progress': boolean
  readonly share?: string | undefined
}

/**
 * `pinscope bench`: the rounds are shared out among processes, because V8 does not make the same code of the same functions
 * each time; this one waits, so that Ctrl-C is heard at once.
 */
export async function benchCommand(config: Config, flags: BenchFlags): Promise<void> {
  const gates = benchGatesOf(flags)
  const thresholdPercent = percentOf(flags.threshold)
  const registry = flags.consumer === undefined ? new Registry() : await loadPlugins(config, flags.plugin)
  const workloads = workloadsOf(flags, registry)
  if (flags.share !== undefined) return measureShare(flags, flags.share, workloads, registry)
  const baseline = flags.baseline === undefined ? null : await readBaseline(flags.baseline, flags)
  const file = outputFile(flags.output)
  // A baseline may be replaced by what was measured against it.
  const output = openOutput(file, [])
  const progress = flags['no-progress'] ? null : new BenchProgress(process.stderr, process.env)
  const samples = await measureInProcesses(flags.rounds, (sample) => progress?.update(sample, flags.rounds))
  progress?.erase()
  if (samples === null) return
  const report = reportOf(config, flags, workloads, samples)
  const comparison = baseline === null ? null : compareBench(flags.baseline!, baseline, report, thresholdPercent)
  process.exitCode = benchStatus(comparison, gates)
  output.write(await textOf({ ...report, comparison }, flags))
  if (file !== undefined) process.stderr.write(`figures written to ${file}\n`)
}

function workloadsOf({ consumer, only }: BenchFlags, registry: Registry): readonly Workload[] {
  const names = consumerNames(consumer, registry)
  return chosenWorkloads(names === null ? WORKLOADS : consumerWorkloads(names, registry), only)
}

function percentOf(text: string): number {
  const [, digits] = /^(\d+(?:\.\d+)?)%?$/.exec(text) ?? []
  if (digits === undefined || Number(digits) > 1000) {
    throw new UsageError(`--threshold ${text}: expected per cent`, 'Such as 10%.')
  }
  return Number(digits)
}

function reportOf(
  config: Config,
  { seed, operations, rounds }: BenchFlags,
  workloads: readonly Workload[],
  samples: readonly TimedSample[],
): BenchReport {
  return {
    schema: BENCH_SCHEMA,
    machine: benchMachine(config.version),
    settings: { seed, operations, rounds, processes: Math.min(PROCESSES, rounds) },
    bare: spreadOf(samples.map(({ bareNs }) => bareNs)),
    workloads: workloads.map((workload) =>
      benchWorkload(
        workload,
        samples.filter(({ name }) => name === workload.name),
      ),
    ),
    comparison: null,
  }
}

async function textOf(report: BenchReport, { json, output }: BenchFlags): Promise<string> {
  if (json) return jsonText(report)
  const { benchText } = await import('../render/bench.ts')
  return benchText(output === undefined ? terminalOf(process.stdout, process.env) : PLAIN, report)
}
