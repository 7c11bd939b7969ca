import type { Config } from '@oclif/core/interfaces'
import { type Comparison, UsageError } from '@pinscope/core'
import { jsonText } from '../render/json.ts'
import { PLAIN, terminalOf } from '../render/terminal.ts'
import { openCompared } from './compare-input.ts'
import { compareReportFiles } from './compare-reports.ts'
import { type CompareTraceFlags, compareTraces } from './compare-traces.ts'
import { openOutput, outputFile } from './output.ts'

/** The flags of `pinscope compare`, as oclif parsed them. */
export interface CompareFlags extends CompareTraceFlags {
  readonly output?: string | undefined
  readonly json: boolean
}

/** Flags that say how a trace is replayed. */
const REPLAY_FLAGS = ['kernel', 'quirk', 'no-quirk', 'faults', 'consumer-option', 'plugin', 'in-flight'] as const

/** `pinscope compare`: lanes of traces, or of reports, side by side. No gate: whatever differs, the status is 0. */
export async function compareCommand(config: Config, names: readonly string[], flags: CompareFlags): Promise<void> {
  const compared = await openCompared(names)
  if (compared.reports !== null) refuseReplayFlags(flags, names[0])
  const file = outputFile(flags.output)
  const output = openOutput(file, names)
  const comparison =
    compared.reports === null
      ? await compareTraces(config, compared.traces, flags)
      : compareReportFiles(compared.reports, flags)
  output.write(await textOf(comparison, flags.json, file))
  if (file !== undefined) process.stderr.write(`comparison written to ${file}\n`)
}

function refuseReplayFlags(flags: CompareFlags, name: string): void {
  const given = REPLAY_FLAGS.find((flag) => flags[flag] !== undefined && flags[flag] !== false)
  if (given === undefined) return
  throw new UsageError(
    `--${given} goes with traces: ${name} is replayed already`,
    'Give the trace instead, or replay it that way and compare the reports.',
  )
}

async function textOf(comparison: Comparison, json: boolean, file: string | undefined): Promise<string> {
  if (json) return jsonText(comparison)
  const { comparisonText } = await import('../render/compare-text.ts')
  return comparisonText(file === undefined ? terminalOf(process.stdout, process.env) : PLAIN, comparison)
}
