import type { Config } from '@oclif/core/interfaces'
import type { RegisteredRule } from '@pinscope/core'
import type { HazardRule } from '@pinscope/core/audit'
import { loadPlugins } from './load-plugins.ts'
import { print } from './print.ts'
import { runExample } from './rules-example.ts'
import { allRules, ruleOf } from './rules-select.ts'

/** The flags of `pinscope rules`, as oclif parsed them. */
export interface RulesFlags {
  readonly plugin?: readonly string[] | undefined
  readonly json: boolean
}

/** A rule as `pinscope rules --json` prints it: without its code and its example. */
export interface ListedRule extends Omit<HazardRule, 'watch' | 'apiVersion' | 'example'> {
  readonly package: string
}

/** `pinscope rules`: all rules, or one in full. */
export async function rulesCommand(config: Config, id: string | undefined, flags: RulesFlags): Promise<void> {
  const registry = await loadPlugins(config, flags.plugin)
  const rules = allRules(registry)
  if (id === undefined) {
    const listed = rules.map(listedRule)
    return print(flags.json, { rules: listed }, async (terminal) => {
      const { rulesText } = await import('../render/rules.ts')
      return rulesText(terminal, listed)
    })
  }
  const one = ruleOf(id, rules)
  const told = { rule: listedRule(one), example: await runExample(one, registry) }
  await print(flags.json, told, async (terminal) => {
    const { ruleText } = await import('../render/rule.ts')
    return ruleText(terminal, told)
  })
}

function listedRule({ packageName, rule }: RegisteredRule): ListedRule {
  const { id, name, precondition, event, verdict, severity, advice, kernel, diagram } = rule
  return { id, name, verdict, severity, precondition, event, advice, kernel, diagram, package: packageName }
}
