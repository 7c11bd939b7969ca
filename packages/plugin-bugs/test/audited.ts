import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FaultName, KernelVersion } from '@pinscope/core'
import { type FindingReport, HAZARD_RULES } from '@pinscope/core/audit'
import { auditText } from '@pinscope/core/testing'
import { expect } from 'vitest'
import { type Bug, type BugCase, consumerOf } from '../src/bug.ts'
import { BUGS } from '../src/bugs.ts'
import type { Found } from './expected.ts'

const SRC = fileURLToPath(new URL('../src', import.meta.url))

/** Every case of every bug, with its name. */
export const CASES = BUGS.flatMap((bug) =>
  bug.cases.map((bugCase) => [`bug ${bug.number}: ${bugCase.name}`, bug, bugCase] as const),
)

/** What is audited instead of the trace of a case, its fault, and the kernel that the trace names. */
export interface Instead {
  readonly text?: string
  readonly faults?: string | undefined
  readonly kernel?: KernelVersion
  readonly options?: Readonly<Record<string, number>>
}

/** What an audit finds where all rows go to the code of a case. */
export function audit(bug: Bug, bugCase: BugCase, isFixed: boolean, instead: Instead = {}) {
  const definition = consumerOf(bug, bugCase, isFixed)
  const faults = 'faults' in instead ? instead.faults : bugCase.faults
  const [fault, at] = faults?.split('@') ?? []
  return auditText(instead.text ?? traceOf(bug, bugCase), HAZARD_RULES, {
    consumers: [definition],
    consumer: definition.name,
    ...(fault === undefined ? {} : { inject: { fault: fault as FaultName, at: Number(at) } }),
    ...(instead.options === undefined ? {} : { options: instead.options }),
    ...(instead.kernel === undefined ? {} : { kernel: instead.kernel }),
  })
}

/** Rule, row and pages of findings. */
export function found(findings: readonly FindingReport[]): readonly Found[] {
  return findings.map(({ rule, row, pages }) => [rule, row, pages])
}

/** Folder of a bug in `src`. */
export function folderOf(bug: Bug): string {
  const start = `bug-${String(bug.number).padStart(2, '0')}-`
  const folder = readdirSync(SRC).find((name) => name.startsWith(start))
  expect(folder, `the folder ${start}…`).toBeDefined()
  return folder ?? ''
}

function traceOf(bug: Bug, bugCase: BugCase): string {
  return readFileSync(join(SRC, folderOf(bug), bugCase.trace), 'utf8')
}
