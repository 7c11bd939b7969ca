import type { Config } from '@oclif/core/interfaces'
import { mergeTraces, UsageError } from '@pinscope/core'
import { type EditFlags, editTrace } from './edit-trace.ts'
import { timeFlag } from './time-flag.ts'

/** The flags of `pinscope trace merge`, as oclif parsed them. */
export interface MergeFlags extends EditFlags {
  readonly shift?: readonly string[] | undefined
  readonly apart: boolean
}

/** `pinscope trace merge`: k-way by time. */
export async function mergeCommand(config: Config, traces: readonly string[], flags: MergeFlags): Promise<void> {
  const shifts = (flags.shift ?? []).map((text) => timeFlag('shift', text))
  if (traces.length < 2) {
    throw new UsageError('one trace is no merge: name two or more', 'To write one anew: pinscope trace convert.')
  }
  if (shifts.length > traces.length) {
    throw new UsageError(`--shift is given ${shifts.length} times for ${traces.length} traces`)
  }
  await editTrace(config, traces, flags, (readers) =>
    mergeTraces(
      readers.map((trace, index) => ({ trace, shiftNs: shifts[index] ?? 0 })),
      { apart: flags.apart },
    ),
  )
}
