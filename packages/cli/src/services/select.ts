import { KERNEL_VERSIONS, kernelVersionOf, POLICIES, type Registry, UsageError } from '@pinscope/core'
import { didYouMean } from './did-you-mean.ts'

/** The names of `--consumer`, checked; null when there are none; every one for `all`. */
export function consumerNames(typed: readonly string[] | undefined, registry: Registry): readonly string[] | null {
  const known = registry.consumers().map(({ definition }) => definition.name)
  return chosen('consumer', typed, known, 'pinscope consumers')
}

/** The names of `--policy`, checked; null when there are none; every one for `all`. */
export function policyNames(typed: readonly string[] | undefined): readonly string[] | null {
  return chosen(
    'policy',
    typed,
    POLICIES.map((policy) => policy.name),
    'pinscope policies',
  )
}

/** `--kernel`, checked: a version that the model knows or takes for the nearest one. Null when the flag is absent. */
export function kernelName(typed: string | undefined): string | null {
  if (typed === undefined) return null
  if (kernelVersionOf(typed) !== null) return typed
  throw unknown('kernel version', typed, KERNEL_VERSIONS, '')
}

/** One of a list of names, for `what`. Throws a UsageError that names the closest one, or all. */
export function checkedName<Name extends string>(what: string, typed: string, known: readonly Name[]): Name {
  const found = known.find((name) => name === typed)
  if (found === undefined) throw unknown(what, typed, known, '')
  return found
}

/** A UsageError for a name that does not exist: the closest one that does, and where they all are. */
export function unknown(what: string, typed: string, known: readonly string[], command: string): UsageError {
  const guess = didYouMean(typed, known)
  const list = known.length === 0 ? 'There is none.' : `There ${known.length === 1 ? 'is' : 'are'}: ${known.join(', ')}`
  const where = command === '' ? '' : ` (${command} tells more)`
  return new UsageError(`unknown ${what} "${typed}"${guess === '' ? '' : `: ${guess}`}`, `${list}${where}`)
}

function chosen(
  what: string,
  typed: readonly string[] | undefined,
  known: readonly string[],
  command: string,
): readonly string[] | null {
  if (typed === undefined || typed.length === 0) return null
  if (typed.includes('all')) return known
  for (const name of typed) if (!known.includes(name)) throw unknown(what, name, known, command)
  return [...new Set(typed)]
}
