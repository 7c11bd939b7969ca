import { jsonText } from '../render/json.ts'
import { PLAIN, terminalOf } from '../render/terminal.ts'
import { auditTraces } from './audit-traces.ts'
import { type AuditVerdict, judgeAudit } from './audit-verdict.ts'
import type { ConsumerSource } from './consumer-source.ts'
import { openOutput, outputFile } from './output.ts'
import { Progress } from './progress.ts'
import { consumersOfFlags, type LaneFlags, readingOptions, replayOptions, watching } from './replay-traces.ts'
import { allRules, chosenRules, severityOfFlag } from './rules-select.ts'

/** The flags of `pinscope audit`, as oclif parsed them. */
export interface AuditFlags extends LaneFlags {
  readonly plugin?: readonly string[] | undefined
  readonly rule?: readonly string[] | undefined
  readonly severity: string
  readonly output?: string | undefined
  readonly json: boolean
  readonly 'no-progress': boolean
}

/** `pinscope audit`: as `replay`, with rules listening. The exit status is set before the first line is printed. */
export async function auditCommand(
  source: ConsumerSource,
  traces: readonly string[],
  flags: AuditFlags,
): Promise<void> {
  const severity = severityOfFlag(flags.severity)
  const registry = await source.load(consumersOfFlags(flags))
  const rules = chosenRules(flags.rule, allRules(registry)).map(({ rule }) => rule)
  const options = { ...replayOptions(flags, registry), rules }
  const file = outputFile(flags.output)
  const output = openOutput(file, traces)
  const progress = flags['no-progress'] ? null : new Progress(process.stderr, process.env)

  const watch = watching(source, options)
  const report = await auditTraces(traces, readingOptions(flags, registry), options, progress, watch)

  const verdict = judgeAudit(report, rules, severity)
  process.exitCode = verdict.exitStatus
  if (flags.json) output.write(jsonText(report))
  else {
    const { auditText } = await import('../render/audit.ts')
    const terminal = file === undefined ? terminalOf(process.stdout, process.env) : PLAIN
    output.write(auditText(terminal, report, rules, verdict))
  }
  if (file !== undefined) await tellWhere(file, rules.length, verdict)
}

/** Standard output stays empty with -o, so the verdict goes to stderr. */
async function tellWhere(file: string, rules: number, verdict: AuditVerdict): Promise<void> {
  const { auditVerdictLine } = await import('../render/audit-verdict.ts')
  const line = auditVerdictLine(terminalOf(process.stderr, process.env), rules, verdict)
  process.stderr.write(`${line}\naudit written to ${file}\n`)
}
