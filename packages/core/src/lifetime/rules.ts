import type { HazardRule } from './rule.ts'
import { h10 } from './rules/h-10-pin-leak.ts'
import { h14 } from './rules/h-14-double-release.ts'

/** The rules that come with pinscope, by number: lifetime.md 18. A new one is a file and a line here. */
export const HAZARD_RULES: readonly HazardRule[] = [h10, h14]
