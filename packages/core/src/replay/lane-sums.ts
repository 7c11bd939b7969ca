/** Slots of {@link LaneSums}. */
export const OPERATIONS = 0
export const ERRORS = 1
export const BYTES = 2
/** Operations that the consumer refuses with -EINVAL, and that moved bytes when they were recorded. */
export const REFUSED = 3

/** What a lane adds up itself; the rest is the ledger's and the consumer's. */
export type LaneSums = Float64Array

export function newLaneSums(): LaneSums {
  return new Float64Array(4)
}
