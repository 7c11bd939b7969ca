import { isQuirkName, QUIRKS, type QuirkChange, UsageError } from '@pinscope/core'
import { unknown } from './select.ts'

/** `--quirk` and `--no-quirk`, checked: names exist, and none is in both. The same name twice counts once. */
export function quirkChanges(
  on: readonly string[] | undefined,
  off: readonly string[] | undefined,
): readonly QuirkChange[] {
  const onNames = checked(on)
  const offNames = checked(off)
  const both = onNames.find((name) => offNames.includes(name))
  if (both !== undefined) {
    throw new UsageError(`--quirk ${both} and --no-quirk ${both} exclude each other`, 'A quirk is on or off.')
  }
  return [...onNames.map((name) => ({ name, on: true })), ...offNames.map((name) => ({ name, on: false }))]
}

function checked(typed: readonly string[] | undefined): readonly string[] {
  const names = [...new Set(typed)]
  const stranger = names.find((name) => !isQuirkName(name))
  if (stranger === undefined) return names
  const known = QUIRKS.map(({ name }) => name)
  throw unknown('quirk', stranger, known, 'pinscope policies --quirks')
}
