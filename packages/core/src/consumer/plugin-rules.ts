import type { Audit } from '../lifetime/audit.ts'
import type { Handler, Handlers } from '../lifetime/event-bus.ts'
import { LIFETIME_EVENT_NAMES, type LifetimeEventName } from '../lifetime/lifetime-event.ts'
import { type HazardRule, RULE_API_VERSION } from '../lifetime/rule.ts'
import { SEVERITIES, VERDICTS } from '../lifetime/verdict.ts'
import { PluginError } from './plugin-error.ts'

/** Capital letters, a dash, a number: `H-01`, `MY-7`. */
const RULE_ID = /^[A-Z]+-\d+$/
/** Letter of the rules that come with pinscope: a plugin takes others, so that an id always means one rule. */
const OWN_ID = /^H-/
const TEXTS = ['name', 'precondition', 'event', 'advice', 'kernel', 'diagram'] as const

/** Checks what a plugin brings as a rule. Throws a PluginError that names the package. */
export function checkRule(packageName: string, rule: unknown): asserts rule is HazardRule {
  const { id, ...rest } = (rule ?? {}) as Partial<HazardRule>
  if (typeof id !== 'string' || !RULE_ID.test(id)) {
    throw new PluginError(packageName, `rule id ${JSON.stringify(id)} is not of the form "MY-01"`)
  }
  const problem = problemOf(id, rest)
  if (problem !== null) throw new PluginError(packageName, `rule "${id}": ${problem}`)
}

function problemOf(id: string, rule: Partial<HazardRule>): string | null {
  const { apiVersion, verdict, severity, example, watch } = rule
  if (OWN_ID.test(id)) return "ids with the letter H are pinscope's own; take other letters"
  if (apiVersion !== RULE_API_VERSION) {
    return `it has apiVersion ${String(apiVersion)}; this pinscope has ${RULE_API_VERSION}`
  }
  const missing = TEXTS.find((text) => typeof rule[text] !== 'string' || rule[text] === '')
  if (missing !== undefined) return `it has no ${missing}`
  if (!isOneOf(VERDICTS, verdict)) return `verdict is none of ${VERDICTS.join(', ')}`
  if (!isOneOf(SEVERITIES, severity)) return `severity is none of ${SEVERITIES.join(', ')}`
  if (typeof example?.broken !== 'string' || typeof example.sound !== 'string' || !Array.isArray(example.rows)) {
    return 'its example is not { broken, rows, sound }'
  }
  return typeof watch === 'function' ? null : 'it has no watch()'
}

function isOneOf(known: readonly string[], value: unknown): boolean {
  return typeof value === 'string' && known.includes(value)
}

/** What is the same in ids that name one rule: `MY-07` is `MY-7`. */
export function ruleKey(id: string): string {
  return id.replace(/-0+(?=\d)/, '-')
}

/** The rule, its package to blame for whatever it throws and for events that there are none of. */
export function blamingRule(packageName: string, rule: HazardRule): HazardRule {
  const blaming = <T>(run: () => T): T => {
    try {
      return run()
    } catch (error) {
      if (error instanceof PluginError) throw error
      const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
      throw new PluginError(packageName, `rule "${rule.id}" threw ${what}`, { cause: error })
    }
  }
  const guarded = (handler: Handler): Handler => {
    return (event) => blaming(() => handler(event))
  }
  const watch = (audit: Audit): Handlers => {
    const watched: unknown = blaming(() => rule.watch(audit))
    if (typeof watched !== 'object' || watched === null) {
      throw new PluginError(packageName, `rule "${rule.id}": watch() returned no object with handlers`)
    }
    const handlers = Object.entries(watched)
    for (const [name, handler] of handlers) {
      const isEvent = LIFETIME_EVENT_NAMES.includes(name as LifetimeEventName)
      const problem = !isEvent ? ', which is no event' : typeof handler !== 'function' ? ' without a function' : ''
      if (problem !== '') throw new PluginError(packageName, `rule "${rule.id}" listens for "${name}"${problem}`)
    }
    return Object.fromEntries(handlers.map(([name, handler]) => [name, guarded(handler)]))
  }
  return { ...rule, watch }
}
