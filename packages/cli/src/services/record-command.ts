import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname } from 'node:path'
import { openTrace, type TraceReader, UsageError } from '@pinscope/core'
import { counted } from '../render/text.ts'
import { openByteOutput } from './byte-output.ts'
import { didYouMean } from './did-you-mean.ts'
import { isSpecial, realPath } from './output.ts'
import { recorderProgram } from './record-build.ts'
import { type Ended, type Recorder, startRecorder } from './record-run.ts'
import { passSignalsTo } from './record-signals.ts'
import { writeTarget, writeTraceTo } from './write-trace.ts'

/** The flags of `pinscope trace record`, as oclif parsed them. */
export interface RecordFlags {
  readonly output?: string | undefined
  readonly to?: string | undefined
  readonly pins: boolean
  readonly pages: boolean
  readonly raw: boolean
  readonly backend: string
}

const BACKENDS = ['ptrace', 'bpftrace']

/** `pinscope trace record`: the exit status of the command, which runs as if nobody watched. */
export async function recordCommand(
  cacheDir: string,
  command: readonly [string, ...string[]],
  flags: RecordFlags,
): Promise<number> {
  checkFlags(flags)
  checkMachine()
  const output = outputOf(command[0], flags)
  const keep = flags.raw ? keepRaw(output) : keepTrace(output, flags.to)
  const recorder = await start(cacheDir, command, flags, folderFor(output))
  const ended = await endOf(recorder)
  await keep(recorder, ended)
  return ended.status
}

async function endOf(recorder: Recorder): Promise<Ended> {
  const asBefore = passSignalsTo(recorder.kill)
  try {
    return await recorder.ended
  } finally {
    asBefore()
  }
}

async function start(
  cacheDir: string,
  command: readonly [string, ...string[]],
  flags: RecordFlags,
  folder: string,
): Promise<Recorder> {
  if (flags.backend === 'ptrace') {
    return startRecorder(await recorderProgram(cacheDir, process.env), command, { ...flags, folder })
  }
  const { startBpftrace } = await import('./record-bpftrace.ts')
  return startBpftrace(command, { pins: flags.pins, folder })
}

/** Where the recorder keeps what is not sorted yet: where the trace will be, as far as there is such a place. */
function folderFor(output: string): string {
  const target = realPath(output)
  return output === '-' || isSpecial(output) ? tmpdir() : dirname(target)
}

function checkFlags({ backend, pages, raw, to }: RecordFlags): void {
  if (raw && to !== undefined) {
    throw new UsageError('--to and --raw exclude each other', 'Record with --raw, and then `trace convert` it.')
  }
  if (backend === 'bpftrace' && pages) {
    throw new UsageError('--pages goes with --backend ptrace', 'bpftrace does not see what backs a buffer.')
  }
  if (BACKENDS.includes(backend)) return
  throw new UsageError(
    `unknown backend "${backend}"${didYouMean(backend, BACKENDS)}`,
    `There are: ${BACKENDS.join(', ')}.`,
  )
}

/** @throws UsageError where the recorder cannot run at all. */
export function checkMachine(platform: string = process.platform, arch: string = process.arch): void {
  const hint = 'Record there, and bring the trace: it is read everywhere.'
  if (platform !== 'linux') throw new UsageError(`recording needs Linux: this is ${platform}`, hint)
  if (arch !== 'x64' && arch !== 'arm64') {
    throw new UsageError(`recording needs a 64-bit x86 or ARM machine: this is ${arch}`, hint)
  }
}

/** Where the trace goes. A name that nobody chose takes the place of no file. */
export function outputOf(
  program: string,
  { output, raw }: Pick<RecordFlags, 'output' | 'raw'>,
  exists: (name: string) => boolean = existsSync,
): string {
  if (output !== undefined) return output
  const name = `${basename(program)}.${raw ? 'iorec' : 'trace'}.csv`
  if (exists(name)) throw new UsageError(`${name} is there already`, `Say -o ${name} to replace it, or another name.`)
  return name
}

type Keep = (recorder: Recorder, ended: Ended) => Promise<void>

/** As the recorder writes it. Claims the output. */
function keepRaw(file: string): Keep {
  const output = openByteOutput(file === '-' ? null : file)
  return async (recorder, ended) => {
    let bytes = 0
    for await (const chunk of recorder.raw) {
      await output.write(chunk)
      bytes += chunk.length
    }
    output.commit()
    tell([endText(ended), counted(bytes, 'byte'), `in ${file}`])
  }
}

/** As a trace of the format that its name tells. Claims the output. */
function keepTrace(file: string, to: string | undefined): Keep {
  const target = writeTarget({ output: file, to })
  return async (recorder, ended) => {
    const reader = await openTrace(recorder.raw, 'recording', { format: 'iorec' })
    const { rows } = await writeTraceTo(target, reader)
    tell([endText(ended), counted(rows, 'row'), ...pinsText(reader), `in ${file}`])
    for (const note of notesOf(reader)) process.stderr.write(`note: ${note}\n`)
  }
}

const tell = (parts: readonly string[]): void => void process.stderr.write(`${parts.join(', ')}\n`)

const endText = ({ status, signal }: Ended): string =>
  signal === null ? `recorded, exit status ${status}` : `recorded, ended by signal ${signal}`

function pinsText({ header: { attributes } }: TraceReader): string[] {
  const acquired = attributes.get('pins-acquired-total')
  const released = attributes.get('pins-released-total')
  return acquired === undefined ? [] : [`${acquired} pins acquired and ${released} released`]
}

const notesOf = ({ header: { attributes } }: TraceReader): string[] =>
  (attributes.get('note') ?? '').split('\n').filter(Boolean)
