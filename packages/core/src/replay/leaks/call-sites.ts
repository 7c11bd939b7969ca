import type { HeldKind } from '../../report/leaks-report.ts'
import { NONE } from '../../trace/op-batch.ts'

/** Where references of one kind are taken: a stack, or the call where no stack was recorded. */
export interface CallSite {
  readonly kind: HeldKind
  readonly stack: number
  readonly call: number
  taken: number
  letGo: number
  longestHoldNs: number
  /** Stacks that were seen to let go what this site took, when nothing else could have been meant. */
  readonly releasedBy: Set<number>
}

/** Call sites by kind, stack and call. */
export class CallSites {
  private readonly sites = new Map<string, CallSite>()

  of(kind: HeldKind, stack: number, call: number): CallSite {
    const key = stack === NONE ? `${kind} call ${call}` : `${kind} ${stack}`
    const known = this.sites.get(key)
    if (known !== undefined) return known
    const site: CallSite = {
      kind,
      stack,
      call,
      taken: 0,
      letGo: 0,
      longestHoldNs: Number.NaN,
      releasedBy: new Set(),
    }
    this.sites.set(key, site)
    return site
  }
}
