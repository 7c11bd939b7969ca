import { statSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Config } from '@oclif/core/interfaces'
import { type ImportReport, type OpenOptions, UsageError } from '@pinscope/core'
import { jsonText } from '../render/json.ts'
import { terminalOf } from '../render/terminal.ts'
import { openInputs, type TraceInput } from './input.ts'
import { formatsOfPlugins, type InputFlags, openInputTrace, openOptions } from './open-input.ts'
import { Progress } from './progress.ts'
import { type TraceMix, TraceTally } from './trace-tally.ts'
import { extensionOf, type WriteFlags, type Written, writeTarget, writeTraceTo } from './write-trace.ts'

/** The flags of `pinscope trace convert`, as oclif parsed them. */
export interface ConvertFlags extends InputFlags, WriteFlags {
  readonly sort: boolean
  readonly plugin?: readonly string[] | undefined
  readonly quiet: boolean
  readonly json: boolean
  readonly 'no-progress': boolean
}

/** One trace that was converted: an element of `files` in the JSON. */
export interface Conversion {
  readonly input: string
  /** What it was read as: the name of a format. */
  readonly inputFormat: string
  readonly output: Written
  readonly mix: TraceMix
  /** What the importer made of it; null for pinscope's own format and for Arrow. */
  readonly imported: ImportReport | null
}

/** `pinscope trace convert`: each trace to a file of its own, or one to standard output. */
export async function convertCommand(config: Config, names: readonly string[], flags: ConvertFlags): Promise<void> {
  const isFolder = checkOutput(names, flags)
  const options = { ...openOptions(flags, await formatsOfPlugins(config, flags.plugin)), sort: flags.sort }
  const progress = flags['no-progress'] || flags.quiet ? null : new Progress(process.stderr, process.env)
  const conversions: Conversion[] = []
  try {
    for (const input of openInputs(names)) {
      const output = isFolder ? outputIn(flags.output!, input.name, flags.to!) : flags.output
      conversions.push(await convert(input, options, { ...flags, output }, progress))
      progress?.erase()
      if (!flags.quiet) await tell(conversions.at(-1)!)
    }
  } finally {
    progress?.erase()
  }
  if (flags.json) process.stdout.write(jsonText({ files: conversions }))
}

async function convert(
  input: TraceInput,
  options: OpenOptions,
  flags: WriteFlags,
  progress: Progress | null,
): Promise<Conversion> {
  const target = writeTarget(flags)
  const reader = await openInputTrace(input, options)
  const tally = new TraceTally()
  const output = await writeTraceTo(target, reader, (rows, batch) => {
    tally.add(batch)
    progress?.update(input, { rows })
  })
  progress?.inputDone(output.rows)
  return {
    input: input.name,
    inputFormat: reader.header.format,
    output,
    mix: tally.result(),
    imported: reader.imported,
  }
}

async function tell(conversion: Conversion): Promise<void> {
  const { conversionText } = await import('../render/conversion.ts')
  process.stderr.write(conversionText(terminalOf(process.stderr, process.env), conversion))
}

/** True where the output is a folder. */
function checkOutput(names: readonly string[], { output, to, json }: ConvertFlags): boolean {
  const isFolder = output !== undefined && (statSync(output, { throwIfNoEntry: false })?.isDirectory() ?? false)
  if (names.length > 1 && !isFolder) {
    throw new UsageError('several traces need a folder to be written to', 'Say -o FOLDER and --to FORMAT.')
  }
  if (isFolder && to === undefined) {
    throw new UsageError(`-o ${output} is a folder: its name does not tell a format`, 'Say --to csv, for example.')
  }
  if (json && (output === undefined || output === '-')) {
    throw new UsageError('--json and the trace both go to standard output', 'Write the trace to a file: -o FILE.')
  }
  return isFolder
}

/** `log.txt.gz` in a folder, `--to csv.zst`: `FOLDER/log.csv.zst`. */
function outputIn(folder: string, input: string, to: string): string {
  const name = input === '-' ? 'stdin' : basename(input).replace(/\.(gz|zst)$/i, '')
  return join(folder, `${name.replace(/(.)\.[^.]*$/, '$1')}${extensionOf(to)}`)
}
