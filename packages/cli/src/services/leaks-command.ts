import type { Config } from '@oclif/core/interfaces'
import { findLeaks, type LeaksReport } from '@pinscope/core'
import { jsonText } from '../render/json.ts'
import { PLAIN, terminalOf } from '../render/terminal.ts'
import { openInput } from './input.ts'
import { formatsOfPlugins, type InputFlags, openInputTrace, openOptions } from './open-input.ts'
import { openOutput, outputFile } from './output.ts'
import { Progress } from './progress.ts'
import { timeFlag } from './time-flag.ts'

/** The flags of `pinscope leaks`, as oclif parsed them. */
export interface LeaksFlags extends InputFlags {
  readonly 'older-than': string
  readonly top: number
  readonly folded: boolean
  readonly output?: string | undefined
  readonly plugin?: readonly string[] | undefined
  readonly json: boolean
  readonly 'no-progress': boolean
}

/** `pinscope leaks`: the exit status is set before the first line is printed. */
export async function leaksCommand(config: Config, trace: string, flags: LeaksFlags): Promise<void> {
  const olderThanNs = timeFlag('older-than', flags['older-than'])
  const options = openOptions(flags, await formatsOfPlugins(config, flags.plugin))
  const file = outputFile(flags.output)
  const output = openOutput(file, [trace])
  const report = await leaksOf(trace, options, olderThanNs, flags['no-progress'])
  process.exitCode = report.groups.length === 0 ? 0 : 1
  if (flags.json) output.write(jsonText(report))
  else {
    const { foldedText, leaksText } = await import('../render/leaks.ts')
    const terminal = file === undefined ? terminalOf(process.stdout, process.env) : PLAIN
    output.write(flags.folded ? foldedText(report) : leaksText(terminal, report, flags.top))
  }
}

async function leaksOf(
  trace: string,
  options: ReturnType<typeof openOptions>,
  olderThanNs: number,
  isQuiet: boolean,
): Promise<LeaksReport> {
  const progress = isQuiet ? null : new Progress(process.stderr, process.env)
  const input = openInput(trace)
  try {
    const reader = await openInputTrace(input, options)
    return await findLeaks(reader, { olderThanNs, onProgress: (state) => progress?.update(input, state) })
  } finally {
    progress?.erase()
  }
}
