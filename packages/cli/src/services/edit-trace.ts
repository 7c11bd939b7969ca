import type { Config } from '@oclif/core/interfaces'
import type { TraceReader } from '@pinscope/core'
import { openInputs } from './input.ts'
import { formatsOfPlugins, type InputFlags, openInputTrace, openOptions } from './open-input.ts'
import { Progress } from './progress.ts'
import { type WriteFlags, writeTarget, writeTraceTo } from './write-trace.ts'

/** The flags of every command that makes a trace of traces. */
export interface EditFlags extends InputFlags, WriteFlags {
  readonly plugin?: readonly string[] | undefined
  readonly 'no-progress': boolean
}

/** Opens the traces, has one made of them, and writes it, whole or not at all. */
export async function editTrace(
  config: Config,
  names: readonly string[],
  flags: EditFlags,
  edit: (traces: [TraceReader, ...TraceReader[]]) => TraceReader,
): Promise<void> {
  const options = openOptions(flags, await formatsOfPlugins(config, flags.plugin))
  const inputs = openInputs(names)
  const target = writeTarget(flags)
  const progress = flags['no-progress'] ? null : new Progress(process.stderr, process.env)
  try {
    const readers: TraceReader[] = []
    for (const input of inputs) readers.push(await openInputTrace(input, options))
    const [first, ...rest] = readers
    const edited = edit([first, ...rest])
    const { rows } = await writeTraceTo(target, edited, (done) => progress?.update(inputs[0], { rows: done }))
    if (rows === 0) process.stderr.write('no row is in it: the trace that was written is empty\n')
  } finally {
    progress?.erase()
  }
}
