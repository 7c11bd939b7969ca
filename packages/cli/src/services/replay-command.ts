import { UsageError } from '@pinscope/core'
import { FORMAT_NAMES, FORMATS } from '../render/formats.ts'
import { PLAIN, terminalOf } from '../render/terminal.ts'
import type { ConsumerSource } from './consumer-source.ts'
import { gatesOf, judge, type Verdict } from './gate.ts'
import { HEAD_START_BYTES, jobCount, PART_BYTES_MIN } from './jobs.ts'
import { openOutput, outputFile } from './output.ts'
import { Progress } from './progress.ts'
import {
  consumersOfFlags,
  type LaneFlags,
  readingOptions,
  replayOptions,
  replayTraces,
  watching,
} from './replay-traces.ts'
import { checkedName } from './select.ts'

/** The flags of `pinscope replay`, as oclif parsed them. */
export interface ReplayFlags extends LaneFlags {
  readonly plugin?: readonly string[] | undefined
  readonly 'fail-on': string
  readonly jobs?: string | undefined
  readonly output?: string | undefined
  readonly format?: string | undefined
  readonly json: boolean
  readonly 'no-progress': boolean
}

/**
 * `pinscope replay`: everything that can be wrong with the command line is told before the first row is read; the exit
 * status is set before the first line is printed, so that a closed pipe cannot lose it.
 */
export async function replayCommand(
  source: ConsumerSource,
  traces: readonly string[],
  flags: ReplayFlags,
): Promise<void> {
  const format = formatOf(flags)
  const gates = gatesOf(flags['fail-on'])
  const count = jobCount(flags.jobs)
  const named = consumersOfFlags(flags)
  const registry = await source.load(named)
  const options = replayOptions(flags, registry)
  const file = outputFile(flags.output)
  const output = openOutput(file, traces)
  const progress = flags['no-progress'] ? null : new Progress(process.stderr, process.env)

  const watch = watching(source, options)
  const jobs = {
    count,
    partBytesMin: PART_BYTES_MIN,
    headStartBytes: HEAD_START_BYTES,
    flags,
    consumers: source.spec,
    named,
  }
  const report = await replayTraces(traces, readingOptions(flags, registry), options, progress, watch, jobs)

  const verdict = judge(report, gates)
  process.exitCode = verdict.exitStatus
  const render = await FORMATS[format]()
  const terminal = file === undefined ? terminalOf(process.stdout, process.env) : PLAIN
  output.write(render(terminal, report, verdict))
  if (file !== undefined) await tellWhere(file, verdict)
}

function formatOf({ format, json }: ReplayFlags) {
  if (json && format !== undefined && format !== 'json') {
    throw new UsageError(`--json and --format ${format} exclude each other`)
  }
  return json ? 'json' : checkedName('format', format ?? 'table', FORMAT_NAMES)
}

/** Standard output stays empty with -o, so the verdict goes to stderr. */
async function tellWhere(file: string, verdict: Verdict): Promise<void> {
  const { verdictLine } = await import('../render/verdict.ts')
  process.stderr.write(`${verdictLine(terminalOf(process.stderr, process.env), verdict)}\nreport written to ${file}\n`)
}
