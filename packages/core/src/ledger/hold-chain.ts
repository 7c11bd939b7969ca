import { type Hold, slotOf } from './hold.ts'
import type { Ledger } from './ledger.ts'

/**
 * The holds that one operation keeps, in the order of keeping, chained through the hold table. `first` and `last` are
 * rows of that table, 0 for none; they are all that an operation in flight needs to remember.
 */
export class HoldChain {
  first = 0
  last = 0

  push(ledger: Ledger, hold: Hold): void {
    const slot = slotOf(hold)
    if (this.first === 0) this.first = slot
    else ledger.holds.nextOfOperation[this.last] = slot
    ledger.holds.nextOfOperation[slot] = 0
    this.last = slot
  }

  /**
   * Lets go of every hold of the operation with that number, each the way it was taken; the chain is empty then. A hold
   * that was let go before, by a consumer that kept it all the same, is a double release, and the chain ends there: its
   * row may belong to another operation by now.
   */
  letGoAll(ledger: Ledger, operation: number): void {
    let slot = this.first
    this.first = 0
    this.last = 0
    while (slot !== 0) {
      const next = ledger.holds.nextOfOperation[slot]
      if (!ledger.letGoSlot(slot, operation)) return
      slot = next
    }
  }
}
