import { type Hold, slotOf } from '../ledger/hold.ts'
import type { Ledger } from '../ledger/ledger.ts'

/** A hold that is open has just these pages, in this order. */
export function hasJust(ledger: Ledger, hold: Hold, pages: readonly number[]): boolean {
  if (ledger.entriesHeld(hold) !== pages.length) return false
  let at = 0
  let isSame = ledger.isOpen(hold)
  ledger.eachRun(slotOf(hold), (first, count) => {
    for (let page = first; page < first + count; page++) if (pages[at++] !== page) isSame = false
  })
  return isSame
}

/** The first entry of a hold that is a page of the run `first … first + count - 1`; -1 where there is none, or it is closed. */
export function placeOf(ledger: Ledger, hold: Hold, first: number, count = 1): number {
  if (!ledger.isOpen(hold)) return -1
  let place = -1
  let entries = 0
  ledger.eachRun(slotOf(hold), (from, pages) => {
    if (place < 0 && first < from + pages && from < first + count) place = entries + Math.max(first - from, 0)
    entries += pages
  })
  return place
}
