import { PINS_OPEN, REFS_OPEN } from '../../ledger/totals.ts'
import type { Lane } from '../lane.ts'

/** References open at the end of a part, at most: so few that they fill no page's count, in however many parts. */
const OPEN_MAX = 2 ** 20

/**
 * What the lane does with an operation depends on that operation alone, and its figures are sums and peaks. Asked once the
 * lane has finished.
 */
export function isIndependentLane({ setup, ledger, audit, check, consumer }: Lane): boolean {
  if (setup.faults !== null || audit !== null || check !== null) return false
  if (consumer.operationShape === undefined || consumer.operationShape.aloneOnly === true) return false
  return ledger.totals[PINS_OPEN] + ledger.totals[REFS_OPEN] <= OPEN_MAX
}
