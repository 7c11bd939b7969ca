import { openTrace, type Registry } from '@pinscope/core'
import { auditTrace, type FindingReport, type HazardRule } from '@pinscope/core/audit'

/** The example of a rule, and what an audit with this rule alone says to it. */
export interface RanExample {
  readonly broken: string
  readonly findings: readonly FindingReport[]
  readonly sound: string
  readonly soundFindings: readonly FindingReport[]
}

/** Name of the trace of an example, in its findings. */
const NAME = 'example.csv'

/** Audits both traces of a rule's example. */
export async function runExample(rule: HazardRule, registry: Registry): Promise<RanExample> {
  const { broken, sound } = rule.example
  return {
    broken,
    findings: await findingsIn(broken, rule, registry),
    sound,
    soundFindings: await findingsIn(sound, rule, registry),
  }
}

async function findingsIn(text: string, rule: HazardRule, registry: Registry): Promise<FindingReport[]> {
  const trace = await openTrace(inOnePiece(new TextEncoder().encode(text)), NAME)
  const { lanes } = await auditTrace(trace, {
    registry,
    policies: null,
    consumers: null,
    kernel: null,
    consumerOptions: {},
    inFlight: false,
    rules: [rule],
  })
  return lanes.flatMap(({ findings }) => findings)
}

async function* inOnePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
