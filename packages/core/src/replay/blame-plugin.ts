import { PluginError } from '../consumer/plugin-error.ts'
import type { Lane } from './lane.ts'

const CORE = '@pinscope/core'

/**
 * The error to throw for one that came out of a lane: a consumer that a plugin brought is to blame by its package's
 * name, for an exception as for a broken invariant of the ledger. Core's own errors pass as they are.
 */
export function blamed({ setup }: Pick<Lane, 'setup'>, error: unknown): unknown {
  const { packageName, definition } = setup.consumer
  if (packageName === CORE || error instanceof PluginError) return error
  const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return new PluginError(packageName, `consumer "${definition.name}" threw ${what}`, { cause: error })
}

/** Runs something of a lane; see {@link blamed}. */
export function blaming<T>(lane: Pick<Lane, 'setup'>, run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw blamed(lane, error)
  }
}
