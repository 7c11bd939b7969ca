/** @pinscope/core/formats: every trace format and layout policy, and what an importer of one's own is made of. */

export { TRACE_FORMATS } from './trace/formats/formats.ts'
export { countOf, integerOf, latin1, secondsOf, ticksOf } from './trace/import/text/text.ts'
export type * from './trace/import/trace-format.ts'
export { LAYOUT_POLICIES, type Layout, type LayoutPolicy, type MapMemory } from './trace/layout/layout-policy.ts'
