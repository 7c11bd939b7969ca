import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { API_REPORT, API_REPORT_COMMAND, apiMarkdown, type EntryPoint, readApi } from '../scripts/api-report.mjs'
import { ROOT } from './sources.ts'

/** Folders of packages/core/src that model the kernel: what they export stands for something in it. */
const KERNEL_FOLDERS = ['build', 'extract', 'iter', 'kernel', 'ledger', 'lifetime', 'memory']

/** Names of those folders that stand for nothing in the kernel, each with the reason. */
const WITHOUT_KERNEL_SYMBOL: Readonly<Record<string, string>> = {
  CHUNKS_UNLIMITED: 'a setting for fault tests',
  FLAG_NAMES: 'words of the trace; each flag has its own',
  FlagName: 'words of the trace',
  findPolicy: 'looks a name up',
  IterReport: 'how the model tells of undefined behaviour; the kernel warns, crashes or corrupts memory',
  IterRule: 'names of undefined behaviour',
  IterViolations: 'joins iterators and ledger',
  isQuirkName: 'looks a name up',
  isSince: 'compares versions',
  KERNEL_VERSIONS: 'which kernels are modelled',
  KernelVersion: 'which kernels are modelled',
  kernelVersionOf: 'reads text',
  Memory: 'gathers what stands for something',
  PAGE_KINDS: 'words of the trace',
  PAGE_LIST_MAX: 'a limit of the model',
  PageKindName: 'words of the trace',
  PagesToAppend: 'arguments of a call, reused',
  PageTaker: 'what an operation offers to a builder of lists',
  POLICIES: 'each policy names its own source',
  POLICY_NAMES: 'words of the command line',
  PolicyName: 'words of the command line',
  QUIRKS: 'each quirk names its own source',
  Quirk: 'its field `source` names the symbol',
  QuirkChange: 'a setting of a replay',
  QuirkName: 'words of the command line',
  QuirkSwitches: 'a setting of a replay',
  quirksOf: 'looks a version up',
  REASON_PUT_SHORT: 'why a hold is still open; the kernel does not know that it is',
  RETENTION_NAMES: 'words of the report',
  SG_ENTRIES_MAX: 'a limit of the model',
  SG_NONE: 'the null of a row number',
  SG_NO_PAGE: 'the null of a row number',
  SG_PINNED: 'the kernel does not note it',
  SgReport: 'the kernel does not notice',
  SgRule: 'the kernel does not notice',
  SgViolations: 'joins scatterlists and ledger',
  Violation: 'the kernel does not notice',
  ViolationRule: 'the kernel does not notice',
  kernelOf: 'makes the settings of a replay',
  Audit: 'what listens to a lane',
  AuditedLane: 'what it listens to',
  BY_CPU: 'who touches bytes; the kernel sees the fault alone',
  BY_DEVICE: 'who touches bytes',
  BY_KERNEL: 'who touches bytes',
  Borrows: 'what lists in flight name; the kernel keeps no such list',
  CONTEXT_PROCESS: 'a context is named by what it is not',
  Context: 'the contexts, each with its own symbol',
  FINDINGS_LISTED_MAX: 'of the report',
  FOLIO_GONE: 'the kernel does not note it',
  FOLIO_STATES: 'names of the reference',
  FolioState: 'names of the reference',
  folioState: 'names a state',
  Finding: 'the kernel does not notice',
  FoundHazard: 'the kernel does not notice',
  Refusal: 'of the report',
  Since: 'of the report',
  GUARD_COUNT: 'the kernel does not note it',
  GUARD_NONE: 'the kernel does not note it',
  Guard: 'the kernel does not note it',
  GupRules: 'each of its fields names a symbol',
  gupRules: 'looks a version up',
  HAZARD_RULES: 'each rule names its own source',
  Handler: 'a function of a rule',
  Handlers: 'functions of a rule',
  HazardRule: 'its field `kernel` names the symbols',
  LIFETIME_EVENTS: 'words; what tells of an event names the symbol',
  LIFETIME_EVENT_NAMES: 'words',
  LifetimeEvent: 'an event on its way to the rules',
  LifetimeEventName: 'words',
  RULE_API_VERSION: 'a version of the contract',
  RuleExample: 'a trace',
  SEVERITIES: 'words of the report',
  Severity: 'words of the report',
  VERDICTS: 'words of the report',
  Verdict: 'words of the report',
  Writer: 'who touches bytes',
  defineRule: 'types a rule',
  isAtLeast: 'compares severities',
  severityOf: 'looks a verdict up',
}

describe('the public API of @pinscope/core', () => {
  const api: readonly EntryPoint[] = readApi()
  const everything = api.flatMap(({ exports }) => exports)

  it('is what its report says', () => {
    const report = readFileSync(join(ROOT, API_REPORT), 'utf8')
    expect(apiMarkdown(api), `${API_REPORT} is stale; this writes it: ${API_REPORT_COMMAND}`).toBe(report)
  })

  it('has a doc comment on every name', () => {
    const bare = everything.filter(({ doc }) => doc.text === '')
    expect(bare.map(({ file, name }) => `${file}: ${name}`)).toEqual([])
  })

  it('has a doc comment on every method', () => {
    const bare = everything.flatMap(({ file, name, members }) =>
      members
        .filter(({ isMethod, doc }) => isMethod && doc.text === '')
        .map((member) => `${file}: ${name}.${member.name}`),
    )
    expect(bare).toEqual([])
  })

  it('names the kernel symbol of every name that models one', () => {
    const bare = everything.filter((one) => needsKernel(one.file) && !hasKernel(one))
    expect(bare.map(({ name }) => name).sort()).toEqual(Object.keys(WITHOUT_KERNEL_SYMBOL).sort())
  })

  it('has no empty @kernel tag', () => {
    const docs = everything.flatMap(({ name, doc, members }) => [
      { name, doc },
      ...members.map((member) => ({ name: `${name}.${member.name}`, doc: member.doc })),
    ])
    expect(docs.filter(({ doc }) => doc.kernel.includes('')).map(({ name }) => name)).toEqual([])
  })
})

function needsKernel(file: string): boolean {
  return KERNEL_FOLDERS.includes(file.slice(0, file.indexOf('/')))
}

function hasKernel({ doc, moduleDoc }: EntryPoint['exports'][number]): boolean {
  return doc.kernel.length > 0 || moduleDoc.kernel.length > 0
}
