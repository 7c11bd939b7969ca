import type { Config } from '@oclif/core/interfaces'
import { type Slice, sliceTrace, UsageError } from '@pinscope/core'
import { type EditFlags, editTrace } from './edit-trace.ts'
import { timeFlag } from './time-flag.ts'

/** The flags of `pinscope trace slice`, as oclif parsed them. */
export interface SliceFlags extends EditFlags {
  readonly time?: string | undefined
  readonly rows?: string | undefined
  readonly pid?: readonly number[] | undefined
  readonly file?: readonly string[] | undefined
}

/** `pinscope trace slice`: what the flags say together. */
export async function sliceCommand(config: Config, trace: string, flags: SliceFlags): Promise<void> {
  const slice = sliceOf(flags)
  await editTrace(config, [trace], flags, ([reader]) => sliceTrace(reader, slice))
}

/** @throws UsageError for a range that is none, and when no flag chooses anything. */
export function sliceOf({ time, rows, pid = [], file = [] }: SliceFlags): Slice {
  if (time === undefined && rows === undefined && pid.length === 0 && file.length === 0) {
    throw new UsageError('nothing says which part: give --time, --rows, --pid or --file', 'Such as --time 1s..2s.')
  }
  const [fromNs, toNs] = range('time', time, (text) => timeFlag('time', text))
  const [firstRow, lastRow] = range('rows', rows, rowNumber)
  return {
    fromNs: fromNs ?? 0,
    toNs: toNs ?? Number.POSITIVE_INFINITY,
    firstRow: firstRow ?? 1,
    lastRow: lastRow ?? Number.POSITIVE_INFINITY,
    spaces: pid.length === 0 ? null : new Set(pid),
    files: file.length === 0 ? null : new Set(file),
  }
}

/** Both ends of `A..B`; null where one is left out. */
function range(flag: string, text: string | undefined, read: (text: string) => number): [number | null, number | null] {
  if (text === undefined) return [null, null]
  const match = /^(.*?)\.\.(.*)$/.exec(text)
  const [, from = '', to = ''] = match ?? []
  if (match === null || (from === '' && to === '')) {
    throw new UsageError(`--${flag} ${text}: expected FROM..TO`, 'One of the two may be left out.')
  }
  const ends: [number | null, number | null] = [from === '' ? null : read(from), to === '' ? null : read(to)]
  if (ends[0] !== null && ends[1] !== null && ends[1] < ends[0]) {
    throw new UsageError(`--${flag} ${text}: it ends before it begins`)
  }
  return ends
}

function rowNumber(text: string): number {
  const number = /^\d{1,15}$/.test(text) ? Number(text) : 0
  if (number < 1) throw new UsageError(`--rows: "${text}" is not the number of a row`, 'Rows count from 1.')
  return number
}
