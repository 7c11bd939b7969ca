import { openTrace, PluginError, type RegisteredRule, type Registry } from '@pinscope/core'
import { auditTrace, type FindingReport, type HazardRule } from '@pinscope/core/audit'
import { allRules } from './rules-select.ts'

/** The example of a rule: what an audit with this rule alone says to what breaks it, and one with all rules to the other. */
export interface RanExample {
  readonly broken: string
  readonly findings: readonly FindingReport[]
  readonly sound: string
  readonly soundFindings: readonly FindingReport[]
}

/** Name of the trace of an example, in its findings. */
const NAME = 'example.csv'

/** Audits both traces of a rule's example. @throws PluginError where they do not show what the rule says they do. */
export async function runExample(registered: RegisteredRule, registry: Registry): Promise<RanExample> {
  const { packageName, rule } = registered
  const { broken, rows, sound } = rule.example
  const refuse = (problem: string): never => {
    throw new PluginError(packageName, `rule "${rule.id}": its example ${problem}`)
  }
  const all = allRules(registry).map((one) => one.rule)
  const findings = await findingsIn(broken, [rule], registry).catch((error) => refuse(notATrace(error)))
  const soundFindings = await findingsIn(sound, all, registry).catch((error) => refuse(notATrace(error)))
  const found = findings.map(({ row }) => row)
  if (found.join() !== rows.join()) refuse(`says that it is broken in ${rowsText(rows)}: it is in ${rowsText(found)}`)
  const wrong = soundFindings.find((finding) => finding.rule === rule.id)
  if (wrong !== undefined) refuse(`is broken in row ${wrong.row} where it is done right`)
  return { broken, findings, sound, soundFindings }
}

/** A fault in the trace is one of the package; any other passes. */
function notATrace(error: unknown): string {
  if (error instanceof Error && error.name === 'TraceError') return `is no trace: ${error.message.split('\n')[0]}`
  throw error
}

function rowsText(rows: readonly number[]): string {
  return rows.length === 0 ? 'none' : `${rows.length === 1 ? 'row' : 'rows'} ${rows.join(', ')}`
}

async function findingsIn(text: string, rules: readonly HazardRule[], registry: Registry): Promise<FindingReport[]> {
  const trace = await openTrace(inOnePiece(new TextEncoder().encode(text)), NAME)
  const { lanes } = await auditTrace(trace, {
    registry,
    policies: null,
    consumers: null,
    kernel: null,
    consumerOptions: {},
    inFlight: false,
    rules,
  })
  return lanes.flatMap(({ findings }) => findings)
}

async function* inOnePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
