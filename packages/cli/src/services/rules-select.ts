import { type RegisteredRule, type Registry, UsageError } from '@pinscope/core'
import { HAZARD_RULES, SEVERITIES, type Severity } from '@pinscope/core/audit'
import { didYouMean } from './did-you-mean.ts'
import { checkedName } from './select.ts'

const CORE = '@pinscope/core'

/** Every rule there is, by id: those of pinscope, then those of plugins. */
export function allRules(registry: Registry): readonly RegisteredRule[] {
  return [...HAZARD_RULES.map((rule) => ({ packageName: CORE, rule })), ...registry.rules()]
}

/** The rules of `--rule`, in the order of the list; all of them when the flag is absent. */
export function chosenRules(
  typed: readonly string[] | undefined,
  rules: readonly RegisteredRule[],
): readonly RegisteredRule[] {
  if (typed === undefined || typed.length === 0) return rules
  const wanted = typed.flatMap((text) => text.split(',')).map((text) => ruleOf(text.trim(), rules))
  return rules.filter((one) => wanted.includes(one))
}

/** The rule that `H-31`, `h-31`, `h31` or `31` names. @throws UsageError for any other text. */
export function ruleOf(typed: string, rules: readonly RegisteredRule[]): RegisteredRule {
  const key = keyOf(typed)
  const found = key === null ? undefined : rules.find(({ rule }) => keyOf(rule.id) === key)
  if (found === undefined) throw unknownRule(typed, rules)
  return found
}

/** `--severity`, checked. */
export function severityOfFlag(typed: string): Severity {
  return checkedName('severity', typed.toLowerCase(), SEVERITIES)
}

/** Letters and number, however they are written; a number alone is of a rule of pinscope. Null: it is no id. */
function keyOf(text: string): string | null {
  const [, letters, number] = /^([a-z]*)-?(\d+)$/i.exec(text) ?? []
  if (number === undefined) return null
  return `${letters === '' ? 'H' : letters?.toUpperCase()}-${Number(number)}`
}

/** Someone may have typed what the rule is called. */
function unknownRule(typed: string, rules: readonly RegisteredRule[]): UsageError {
  const named = rules.find(({ rule }) => didYouMean(typed.replaceAll('-', ' '), [rule.name]) !== '')
  const ids = rules.map(({ rule }) => rule.id.toLowerCase())
  const guess =
    named === undefined
      ? didYouMean(typed, ids).replace(/".*"/, (id) => id.toUpperCase())
      : `did you mean "${named.rule.id}" (${named.rule.name})?`
  const isOfPlugin = keyOf(typed)?.startsWith('H-') === false
  const plugin = isOfPlugin ? ' A rule of a plugin needs that: --plugin FOLDER, unless it is installed.' : ''
  const hint = `Rules have ids such as H-10. \`pinscope rules\` lists them.${plugin}`
  return new UsageError(`unknown rule "${typed}"${guess === '' ? '' : `: ${guess}`}`, hint)
}
