import type { HazardRule } from '../lifetime/rule.ts'
import type { TraceFormat } from '../trace/import/trace-format.ts'
import { BUILT_IN_CONSUMERS } from './built-in.ts'
import { CONSUMER_API_VERSION, type ConsumerDefinition } from './consumer.ts'
import { PluginError } from './plugin-error.ts'
import { checkFormat } from './plugin-formats.ts'
import { blamingRule, checkRule, ruleKey } from './plugin-rules.ts'

/** What the hook `pinscope:register` of a plugin package returns. */
export interface PluginRegistration {
  readonly apiVersion: number
  readonly consumers?: readonly ConsumerDefinition[]
  /** Hazard rules, for `pinscope audit`. */
  readonly rules?: readonly HazardRule[]
  /** Formats that traces come in. */
  readonly formats?: readonly TraceFormat[]
}

/** A consumer and the package that brought it. */
export interface RegisteredConsumer {
  readonly packageName: string
  readonly definition: ConsumerDefinition
}

/** A hazard rule and the package that brought it. */
export interface RegisteredRule {
  readonly packageName: string
  readonly rule: HazardRule
}

/** A trace format and the package that brought it. */
export interface RegisteredFormat {
  readonly packageName: string
  readonly format: TraceFormat
}

const CORE = '@pinscope/core'
const CONSUMER_NAME = /^[a-z0-9]+(-[a-z0-9]+)*$/

/** The consumers that a replay can use, by name, and the hazard rules of plugins. Works with oclif and without. */
export class Registry {
  private readonly byName = new Map<string, RegisteredConsumer>()
  private readonly byId = new Map<string, RegisteredRule>()
  private readonly formatsByName = new Map<string, RegisteredFormat>()

  constructor() {
    for (const definition of BUILT_IN_CONSUMERS) this.add(CORE, definition)
  }

  /** Takes in what a plugin's hook returned. Throws a PluginError that names the package. */
  register(packageName: string, registration: unknown): void {
    const { consumers, rules, formats } = checkedRegistration(packageName, registration)
    for (const definition of consumers) {
      checkDefinition(packageName, definition)
      const taken = this.byName.get(definition.name)
      if (taken !== undefined) {
        throw new PluginError(packageName, `its consumer "${definition.name}" is already taken by ${taken.packageName}`)
      }
      this.add(packageName, definition)
    }
    for (const rule of rules) this.addRule(packageName, rule)
    for (const format of formats) this.addFormat(packageName, format)
  }

  /** Every consumer, built-in ones first, in the order of registration. */
  consumers(): readonly RegisteredConsumer[] {
    return [...this.byName.values()]
  }

  /** Every hazard rule that a plugin brought, in the order of registration. Those of pinscope itself are HAZARD_RULES. */
  rules(): readonly RegisteredRule[] {
    return [...this.byId.values()]
  }

  /** Every trace format that a plugin brought, in the order of registration. Those of pinscope itself are TRACE_FORMATS. */
  formats(): readonly RegisteredFormat[] {
    return [...this.formatsByName.values()]
  }

  /** The consumer of that name, or undefined. */
  find(name: string): RegisteredConsumer | undefined {
    return this.byName.get(name)
  }

  private add(packageName: string, definition: ConsumerDefinition): void {
    this.byName.set(definition.name, { packageName, definition })
  }

  private addFormat(packageName: string, format: unknown): void {
    checkFormat(packageName, format)
    const taken = this.formatsByName.get(format.name)
    if (taken !== undefined) {
      throw new PluginError(packageName, `its format "${format.name}" is already taken by ${taken.packageName}`)
    }
    this.formatsByName.set(format.name, { packageName, format })
  }

  private addRule(packageName: string, rule: unknown): void {
    checkRule(packageName, rule)
    const taken = this.byId.get(ruleKey(rule.id))
    if (taken !== undefined) {
      throw new PluginError(packageName, `its rule "${rule.id}" is already taken by ${taken.packageName}`)
    }
    this.byId.set(ruleKey(rule.id), { packageName, rule: blamingRule(packageName, rule) })
  }
}

function checkedRegistration(
  packageName: string,
  registration: unknown,
): Required<Pick<PluginRegistration, 'consumers' | 'rules' | 'formats'>> {
  if (typeof registration !== 'object' || registration === null) {
    throw new PluginError(
      packageName,
      'its hook pinscope:register returned nothing; it must return { apiVersion, consumers }',
    )
  }
  const { apiVersion, consumers = [], rules = [], formats = [] } = registration as Partial<PluginRegistration>
  if (apiVersion !== CONSUMER_API_VERSION) {
    throw new PluginError(
      packageName,
      `it was made for apiVersion ${String(apiVersion)}; this pinscope has apiVersion ${CONSUMER_API_VERSION}`,
    )
  }
  if (!Array.isArray(consumers)) throw new PluginError(packageName, '"consumers" is not an array')
  if (!Array.isArray(rules)) throw new PluginError(packageName, '"rules" is not an array')
  if (!Array.isArray(formats)) throw new PluginError(packageName, '"formats" is not an array')
  return { consumers, rules, formats }
}

function checkDefinition(packageName: string, definition: unknown): asserts definition is ConsumerDefinition {
  const { apiVersion, name, summary, create, kernelPolicy, accepts, entriesMax } = (definition ??
    {}) as Partial<ConsumerDefinition>
  if (typeof name !== 'string' || !CONSUMER_NAME.test(name)) {
    throw new PluginError(packageName, `consumer name ${JSON.stringify(name)} is not of the form "vhost-scsi"`)
  }
  const refuse = (problem: string): never => {
    throw new PluginError(packageName, `consumer "${name}": ${problem}`)
  }
  if (apiVersion !== CONSUMER_API_VERSION) {
    refuse(`it has apiVersion ${String(apiVersion)}; this pinscope has ${CONSUMER_API_VERSION}`)
  }
  if (typeof summary !== 'string' || summary === '') refuse('it has no summary')
  if (typeof create !== 'function') refuse('it has no create()')
  if (typeof kernelPolicy !== 'function') refuse('it has no kernelPolicy()')
  if (!Array.isArray(accepts)) refuse('it does not say which iterator types it accepts')
  if (!Number.isInteger(entriesMax) || (entriesMax as number) < 1) refuse('entriesMax is not a positive integer')
}
