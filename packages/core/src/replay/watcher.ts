import type { OperationObserver } from '../consumer/operation.ts'
import type { LedgerObserver } from '../ledger/ledger-observer.ts'

/** Told about one operation only, in submission and in completion: for `explain`. */
export interface Watcher extends LedgerObserver, OperationObserver {
  /** Number of the operation. */
  number: number
  /** True while the operation completes, and after it until another one does. */
  completing: boolean
}
