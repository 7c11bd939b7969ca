import { InvariantError } from '../../src/invariant.ts'
import { SlowViolation } from '../model/iov/index.ts'

/** The fast library and its twin disagree. */
export class IovDifference extends Error {
  override readonly name = 'IovDifference'
}

/** Says what is not the same on both sides. */
export function differ(what: string, fast: unknown, slow: unknown): never {
  throw new IovDifference(`${what}: fast ${JSON.stringify(fast)}, twin ${JSON.stringify(slow)}`)
}

/** What a call gives where the kernel's behaviour is undefined: only that the fast side survives it is looked at. */
export const UNDEFINED = Number.NaN

/** Undefined behaviour of the twin for which the fast side has an InvariantError: a BUG() in the kernel. */
const FATAL: ReadonlySet<string> = new Set(['bug', 'stale-pipe-buffer'])

/** The twin met undefined behaviour: the fast side must survive it, or have an InvariantError for a BUG. */
export function undefinedBy(error: unknown, runFast: () => void): number {
  if (!(error instanceof SlowViolation)) throw error
  let isFatal = false
  try {
    runFast()
  } catch (fastError) {
    if (!(fastError instanceof InvariantError)) throw fastError
    isFatal = true
  }
  if (isFatal !== FATAL.has(error.kind)) {
    differ(`undefined behaviour, ${error.kind}`, isFatal ? 'InvariantError' : 'no error', 'the other')
  }
  return UNDEFINED
}
