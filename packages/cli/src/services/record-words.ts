import { UsageError } from '@pinscope/core'

/**
 * Divides the words of `trace record` at the first `--`: ours before it, the command behind it. Words of the command must not be
 * taken for flags of ours, so that the `--` is asked for.
 */
export function commandOf(words: readonly string[]): { flagWords: string[]; command: [string, ...string[]] } {
  const at = words.indexOf('--')
  const [program, ...rest] = at === -1 ? [] : words.slice(at + 1)
  if (program === undefined) {
    throw new UsageError('no command to record', 'Write it behind two dashes: pinscope trace record -o FILE -- COMMAND')
  }
  return { flagWords: words.slice(0, at), command: [program, ...rest] }
}

/** Words before the `--` that are no flags. @throws UsageError */
export function refuseWords(words: readonly unknown[]): void {
  if (words.length === 0) return
  throw new UsageError(`unexpected argument: ${words[0]}`, 'The command stands behind the two dashes.')
}
