import { type Registry, UsageError } from '@pinscope/core'
import { unknown } from './select.ts'

/** Where the operations of a workload come from. */
export type BenchInput = 'memory' | 'csv' | 'arrow-stream'

/** One thing that is measured. */
export interface Workload {
  readonly name: string
  readonly summary: string
  /** Null: the rows are only read. */
  readonly consumer: string | null
  /** Null: the one that the kernel has there. */
  readonly policy: string | null
  readonly input: BenchInput
  /** Operations complete when the 64th behind them begins, else at once. */
  readonly held: boolean
  /** The buffers lie in huge pages. */
  readonly huge: boolean
}

const PLAIN = { consumer: 'null', policy: 'extract', input: 'memory', held: false, huge: false } as const

/** The workloads that everybody has, in the order in which they are told. */
export const WORKLOADS: readonly Workload[] = [
  { ...PLAIN, name: 'null', summary: 'iterator, extraction, ledger and release alone' },
  { ...PLAIN, name: 'bio', consumer: 'bio', summary: 'the same through block direct I/O' },
  { ...PLAIN, name: 'held', held: true, summary: 'null, pages held until the 64th operation behind' },
  { ...PLAIN, name: 'folio', policy: 'folio', huge: true, summary: 'null, a pin for each run of a huge page' },
  { ...PLAIN, name: 'csv', input: 'csv', summary: 'null, the operations read from CSV' },
  { ...PLAIN, name: 'arrow', input: 'arrow-stream', summary: 'null, the operations read from Arrow' },
  { ...PLAIN, name: 'read-csv', consumer: null, policy: null, input: 'csv', summary: 'CSV into columns, nothing else' },
  {
    ...PLAIN,
    name: 'read-arrow',
    consumer: null,
    policy: null,
    input: 'arrow-stream',
    summary: 'Arrow into columns, nothing else',
  },
]

/** `null` and each of these consumers, under the policy that the kernel has there. */
export function consumerWorkloads(names: readonly string[], registry: Registry): readonly Workload[] {
  const plain = WORKLOADS.slice(0, 1)
  const others = names.filter((name) => name !== 'null')
  return [
    ...plain,
    ...others.map((name) => ({
      ...PLAIN,
      name,
      consumer: name,
      policy: null,
      summary: registry.find(name)!.definition.summary,
    })),
  ]
}

/** Those that `--only` names, in the order in which they are told; all without it. */
export function chosenWorkloads(workloads: readonly Workload[], only: string | undefined): readonly Workload[] {
  if (only === undefined) return workloads
  const typed = only.split(',').map((name) => name.trim())
  const known = workloads.map(({ name }) => name)
  for (const name of typed) if (!known.includes(name)) throw unknown('workload', name, known, 'pinscope bench --help')
  const chosen = workloads.filter(({ name }) => typed.includes(name))
  if (chosen.length === 0) throw new UsageError('--only names no workload', `There are: ${known.join(', ')}`)
  return chosen
}
