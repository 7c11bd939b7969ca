export { SlowLane, slowLane } from './slow-lane.ts'
export type { SlowSetup } from './slow-operation.ts'
export { type SlowRow, slowRows } from './slow-row.ts'
