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
