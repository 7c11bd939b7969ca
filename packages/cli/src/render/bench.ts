import type { BenchComparison, BenchReport, BenchSpread, BenchWorkload } from '@pinscope/core'
import { tableText } from './table.ts'
import { type Style, styled, type Terminal } from './terminal.ts'
import { counted, grouped, rounded, wrapped } from './text.ts'

type Compared = BenchComparison['workloads'][number]

const VERDICT_STYLES: Readonly<Partial<Record<Compared['verdict'], Style>>> = {
  slower: 'red',
  faster: 'green',
  'other-work': 'yellow',
}

/** What was measured on, each workload a line, then against the baseline. */
export function benchText(terminal: Terminal, report: BenchReport): string {
  const { comparison } = report
  const parts = [headText(terminal, report), workloadsText(terminal, report.workloads), notesText(terminal, report)]
  if (comparison !== null) parts.push(comparisonText(terminal, comparison))
  return `${parts.join('\n\n')}\n`
}

function headText(terminal: Terminal, { machine, settings, bare, workloads }: BenchReport): string {
  const { cpu, cores, memoryBytes, platform, kernel, node, v8, v8Flags, pinscope } = machine
  const lines = [
    `pinscope ${pinscope} on Node ${node} (V8 ${v8}), ${platform}, kernel ${kernel}`,
    `${cpu}, ${counted(cores, 'core')}, ${(memoryBytes / 2 ** 30).toFixed(0)} GiB`,
    `V8 flags: ${v8Flags.join(' ')}`,
    `${grouped(settings.operations)} operations, ${grouped(workloads[0]!.work.pages)} pages a round, seed ${settings.seed}; ${counted(settings.rounds, 'round')} in ${counted(settings.processes, 'process', 'processes')}`,
    `bare loop: ${bare.median.toFixed(2)} ns a page, +- ${spreadText(bare)}`,
  ]
  return lines.map((line) => wrapped(line, terminal.columns, '  ')).join('\n')
}

function workloadsText(terminal: Terminal, workloads: readonly BenchWorkload[]): string {
  return tableText(terminal, {
    head: ['workload', 'M op/s', 'ns/op', '+-', 'cost', '+-', 'taken', 'read'],
    align: ['left', ...Array<'right'>(7).fill('right')],
    rows: workloads.map(({ name, operationsPerSecond, nsPerOperation, cost, work }) => [
      name,
      (operationsPerSecond / 1e6).toFixed(2),
      nsPerOperation.median.toFixed(1),
      spreadText(nsPerOperation),
      cost.median.toFixed(1),
      spreadText(cost),
      rounded(work.pins + work.references),
      work.inputBytes === 0 ? '' : `${rounded(work.inputBytes)}B`,
    ]),
  })
}

/** The median distance from the median, in per cent of it. */
function spreadText({ median, mad }: BenchSpread): string {
  return `${((mad / median) * 100).toFixed(1)}%`
}

function notesText(terminal: Terminal, { workloads }: BenchReport): string {
  const notes = [
    'cost: time of an operation in bare loops, each of which counts one page up and down again: compare this. +-: median distance from the median. taken, read: pins and references taken in a round, bytes of trace read; the same for the same seed wherever it is done.',
    ...workloads
      .filter(({ work }) => work.errors > 0)
      .map(({ name, work }) => `${name}: ${counted(work.errors, 'operation')} ended with an errno, as in the kernel.`),
  ]
  return notes.map((note) => styled(terminal, 'dim', wrapped(note, terminal.columns))).join('\n')
}

function comparisonText(terminal: Terminal, comparison: BenchComparison): string {
  const { baseline, thresholdPercent, differs, missing, workloads } = comparison
  const table = tableText(terminal, {
    head: ['workload', 'cost against the baseline', 'verdict'],
    align: ['left', 'right', 'left'],
    rows: workloads.map(({ name, ratio, verdict }) => [
      name,
      ratio === null ? '' : `${ratio.toFixed(3)} x`,
      verdictText(terminal, verdict),
    ]),
  })
  const notes = [
    `Baseline: ${baseline}. Slower and faster: by more than ${thresholdPercent} %, and the middle halves of the rounds lie apart.`,
    ...(differs.length === 0 ? [] : [`Not the same machine or Node: ${differs.join('; ')}.`]),
    ...(missing.length === 0 ? [] : [`In the baseline, and not run: ${missing.join(', ')}.`]),
  ]
  return [table, ...notes.map((note) => wrapped(note, terminal.columns))].join('\n')
}

const VERDICT_WORDS: Readonly<Record<Compared['verdict'], string>> = {
  slower: 'slower',
  faster: 'faster',
  same: 'same',
  'other-work': 'other work: not comparable',
  new: 'not in the baseline',
}

function verdictText(terminal: Terminal, verdict: Compared['verdict']): string {
  const style = VERDICT_STYLES[verdict]
  return style === undefined ? VERDICT_WORDS[verdict] : styled(terminal, style, VERDICT_WORDS[verdict])
}
