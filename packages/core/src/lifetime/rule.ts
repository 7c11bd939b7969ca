import type { Audit } from './audit.ts'
import type { Handlers } from './event-bus.ts'
import type { Severity, Verdict } from './verdict.ts'

/** Version of this contract. */
export const RULE_API_VERSION = 1

/** A trace in which the rule is broken, and one in which it is not. */
export interface RuleExample {
  /** A whole trace as text, with its first line. */
  readonly broken: string
  /** Rows of `broken` that the findings of this rule name, in order. */
  readonly rows: readonly number[]
  /** The same done right: nothing is found in it, by this rule or any other. */
  readonly sound: string
}

/** A rule about the lifetime of pages, references and what they belong to. One file each. */
export interface HazardRule {
  readonly apiVersion: typeof RULE_API_VERSION
  /** `H-01`; of a plugin any letters, a dash and a number. */
  readonly id: string
  /** A few words in lower case. */
  readonly name: string
  /** What must hold for the event to matter, in one line. */
  readonly precondition: string
  /** The event that breaks it, in one line. */
  readonly event: string
  readonly verdict: Verdict
  /** That of the verdict, unless the rule warns of what may only happen. */
  readonly severity: Severity
  /** What to do about it, in one or two sentences. */
  readonly advice: string
  /** Where the kernel has it: files, symbols, versions, commits. */
  readonly kernel: string
  /** Lines of at most 76 columns: who does what, when. */
  readonly diagram: string
  readonly example: RuleExample
  /** The handlers for one lane; what they remember is theirs. They tell findings with `audit.find`. */
  watch(audit: Audit): Handlers
}

/** Types a rule; the identity at run time. */
export function defineRule(rule: HazardRule): HazardRule {
  return rule
}
