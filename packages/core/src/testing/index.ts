/** @pinscope/core/testing: what the author of a consumer tests it with. */
export type { Lane } from '../replay/lane.ts'
export * from './audit-text.ts'
export * from './check-operation-shape.ts'
export * from './ownership.ts'
export * from './replay-rows.ts'
export * from './sweep-faults.ts'
export * from './trace-row.ts'
