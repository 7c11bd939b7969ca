import { UsageError } from '@pinscope/core'

const UNIT_NS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 }

/** ns of a time such as 500ms, 1.5s, 2m; 0 needs no unit. @throws UsageError that names the flag. */
export function timeFlag(flag: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)?$/.exec(text)
  const unit = match?.[2]
  const isBareZero = match !== null && unit === undefined && Number(match[1]) === 0
  if (match === null || (unit === undefined && !isBareZero)) {
    throw new UsageError(
      `--${flag} ${text}: expected a time with its unit`,
      'Units: ns, us, ms, s, m, h. Such as 500ms.',
    )
  }
  return Math.round(Number(match[1]) * UNIT_NS[unit ?? 'ns'])
}
