import { RETAIN_PIN, type Retention } from '../extract/retention.ts'

/** Slots of {@link Totals}. A Float64Array, because object fields that outgrow int32 deoptimise the loop. */
export const PINS_ACQUIRED = 0
export const PINS_RELEASED = 1
export const PINS_OPEN = 2
export const PINS_PEAK = 3
export const REFS_ACQUIRED = 4
export const REFS_RELEASED = 5
export const REFS_OPEN = 6
export const REFS_PEAK = 7
export const BARE_PAGES = 8
export const REF_OPS = 9

/**
 * Sums of a lane's ledger. Pins are per 4 KiB page, as the kernel's own counters, and pins of the zero page move
 * nothing.
 * @kernel mm/vmstat.c: nr_foll_pin_acquired, nr_foll_pin_released
 */
export type Totals = Float64Array

export function newTotals(): Totals {
  return new Float64Array(10)
}

/** `count` references of that kind were taken. */
export function countTaken(totals: Totals, count: number, retention: Retention): void {
  totals[REF_OPS] += count
  if (retention === RETAIN_PIN) {
    totals[PINS_ACQUIRED] += count
    const open = totals[PINS_OPEN] + count
    totals[PINS_OPEN] = open
    if (open > totals[PINS_PEAK]) totals[PINS_PEAK] = open
    return
  }
  totals[REFS_ACQUIRED] += count
  const open = totals[REFS_OPEN] + count
  totals[REFS_OPEN] = open
  if (open > totals[REFS_PEAK]) totals[REFS_PEAK] = open
}

/** `count` references of that kind were dropped. */
export function countDropped(totals: Totals, count: number, retention: Retention): void {
  totals[REF_OPS] += count
  totals[retention === RETAIN_PIN ? PINS_RELEASED : REFS_RELEASED] += count
  totals[retention === RETAIN_PIN ? PINS_OPEN : REFS_OPEN] -= count
}
