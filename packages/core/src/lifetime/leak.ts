import { RETAIN_PIN } from '../extract/retention.ts'
import type { Audit } from './audit.ts'
import type { LifetimeEvent } from './lifetime-event.ts'
import type { HazardRule } from './rule.ts'

/** Pins whose owner forgot them. */
export const LEAK_PIN = 10
/** References whose owner forgot them. */
export const LEAK_REFERENCE = 11
/** A call failed and kept what it had taken. */
export const LEAK_FAILED_CALL = 12
/** Taken for an object that took only others. */
export const LEAK_RESIDUE = 13

/** Some of its pages were let go, and the others forgotten. */
export const LEAK_SHORT = 17

/** One of the `LEAK_*`: the numbers of their rules. */
export type Leak = 10 | 11 | 12 | 13 | 17

/**
 * Why a token is still open when the trace is over: of the rules about leaks one tells it. Of what was let go in part a
 * wrong count was dropped; what never came into an object that was built from its like is a residue; what a failed call
 * still held and nobody owns is that call's; anything else was lost by its owner, or by nobody.
 */
export function leakOf({ tokens }: Audit, token: number): Leak {
  if (tokens.shortRow[token] !== 0 && tokens.errno[token] === 0) return LEAK_SHORT
  if (tokens.isResidue(token)) return LEAK_RESIDUE
  if (tokens.errno[token] !== 0 && tokens.owner[token] === 0) return LEAK_FAILED_CALL
  return tokens.retention(token) === RETAIN_PIN ? LEAK_PIN : LEAK_REFERENCE
}

/** Tells of a token that is open at the end, in the row that took it. */
export function findLeak(audit: Audit, rule: HazardRule, { token, page, pages }: LifetimeEvent, detail: string): void {
  const { tokens } = audit
  audit.find(rule, { token, page, pages, row: tokens.rowOf(token), line: tokens.lineOf(token), detail })
}

/** The end of a sentence about pins or references that nobody drops: what became of their owner. */
export function ownerOf({ tokens, objects }: Audit, token: number): string {
  const owner = tokens.owner[token]
  if (owner === 0) return 'and nobody is left who would drop them'
  const { kind } = objects.of(owner)
  const row = tokens.ownerFreedRow[token]
  return row === 0
    ? `and the ${kind} that they belong to never drops them`
    : `the ${kind} that they belonged to was freed in row ${row}`
}
