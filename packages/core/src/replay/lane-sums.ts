/** Slots of {@link LaneSums}. */
export const OPERATIONS = 0
export const ERRORS = 1
export const BYTES = 2

/** What a lane adds up itself; the rest is the ledger's and the consumer's. */
export type LaneSums = Float64Array

export function newLaneSums(): LaneSums {
  return new Float64Array(3)
}
