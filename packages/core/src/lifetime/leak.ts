import { RETAIN_PIN } from '../extract/retention.ts'
import { PAGE_SIZE } from '../units.ts'
import type { Audit } from './audit.ts'
import { grouped } from './grouped.ts'
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
 * Why a token is still open when the trace is over: of the rules about leaks one tells it. What never came into an object that
 * was built from its like, of the same hold, row or call, is a residue; what a failed call still held otherwise, and nobody owns,
 * is that call's; of what was let go in part a wrong count was dropped; anything else was lost by its owner, or by nobody.
 */
export function leakOf(audit: Audit, token: number): Leak {
  const { tokens } = audit
  if (tokens.isResidue(token) && !isInList(audit, token)) return LEAK_RESIDUE
  if (tokens.errno[token] !== 0 && tokens.owner[token] === 0) return LEAK_FAILED_CALL
  if (tokens.shortRow[token] !== 0 && tokens.errno[token] === 0) return LEAK_SHORT
  return tokens.retention(token) === RETAIN_PIN ? LEAK_PIN : LEAK_REFERENCE
}

/** What is left of it is in the list of its object: a second reference on a page that is there once. */
function isInList({ tokens, objects, lane }: Audit, token: number): boolean {
  const page = lane.ledger.firstPage(token)
  const owner = tokens.owner[token]
  const entries = owner === 0 ? [] : objects.of(owner).entries
  return entries.some(
    (one) => one.page <= page && page < one.page + Math.ceil((one.offsetBytes + one.bytes) / PAGE_SIZE),
  )
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
    : `the ${kind} that they belonged to was freed in row ${grouped(row)}`
}
