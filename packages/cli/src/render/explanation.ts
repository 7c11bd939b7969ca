import { type ExplainedStep, type Explanation, errnoName } from '@pinscope/core'
import type { ExplainedOperation } from '../services/explain-command.ts'
import { explainedPages, pagesIn } from './explained-pages.ts'
import { kernelText } from './kernel.ts'
import { legend, segmentBar } from './page-bar.ts'
import { styled, type Terminal } from './terminal.ts'
import { counted, duration, grouped, wrapped } from './text.ts'

/** Segments and list entries at each end of a long list. */
const SHOWN_FIRST = 4
const SHOWN_LAST = 2

/** One operation drawn as text: its segments over pages, each step, the balance, what the kernel counted. */
export function explanationText(terminal: Terminal, explanation: ExplainedOperation): string {
  const steps = stepTexts(terminal, explanation.steps)
  const sections = [
    header(terminal, explanation),
    segments(terminal, explanation),
    ...steps,
    footer(terminal, explanation),
  ]
  return `${sections.join('\n\n')}\n`
}

function header(terminal: Terminal, told: ExplainedOperation): string {
  const where = told.target === '' ? '' : ` ${told.operation === 'read' ? 'from' : 'to'} ${told.target}`
  const at = told.offsetBytes === null ? '' : ` at ${grouped(told.offsetBytes)}`
  const call = ['', told.operation].includes(told.call) ? told.operation : `${told.call} (${told.operation})`
  const kind = `${told.direction} ${told.iter}, ${counted(told.segmentsTotal, 'segment')}, ${counted(told.lengthBytes, 'byte')}`
  return [
    styled(terminal, 'bold', `${told.file}:${told.line}: row ${grouped(told.row)}: ${call}${where}${at}`),
    `${kind}; ${told.consumer} under ${told.policy}, kernel ${kernelText(told)}${injectedText(told)}`,
    `submitted at ${duration(told.submittedNs)}, ${completion(told)}; ${resultText(told)}`,
  ]
    .map((line) => wrapped(line, terminal.columns, '  '))
    .join('\n')
}

function injectedText({ faults }: ExplainedOperation): string {
  return faults === undefined ? '' : `; ${faults.fault} step ${grouped(faults.at)} of the lane fails (--faults)`
}

function completion({ submittedNs, completedNs }: Explanation): string {
  if (completedNs === null) return 'done at once'
  return completedNs === 'never' ? 'no completion recorded' : `done ${duration(completedNs - submittedNs)} later`
}

function resultText({ result, recordedResult }: Explanation): string {
  const told = (value: number) => (value < 0 ? errnoName(value) : counted(value, 'byte'))
  if (recordedResult === null) return `result ${told(result)}`
  return `result ${told(result)}${recordedResult === result ? ', as recorded' : ` (recorded: ${told(recordedResult)})`}`
}

function segments(terminal: Terminal, { segments: shown, segmentsTotal }: Explanation): string {
  const blocks = shortened(shown, segmentsTotal, 'segment', ({ start, lengthBytes, pages, backing }, at) => [
    `  segment ${at}: ${start} + ${grouped(lengthBytes)}, ${counted(pages, 'page')}, ${backing}`,
    `    ${segmentBar(terminal, offsetInPage(start), lengthBytes)}`,
  ])
  const foot = styled(terminal, 'dim', wrapped(`  ${legend(terminal)}`, terminal.columns, '  '))
  return [styled(terminal, 'bold', 'segments over page boundaries'), ...blocks, foot].join('\n')
}

/** From `0x7f1572c012dc` the low 12 bits; from `PFN:OFF` the offset, which may be past the first page. */
function offsetInPage(start: string): number {
  const offset = start.includes(':')
    ? Number(start.slice(start.indexOf(':') + 1))
    : Number.parseInt(start.slice(-3), 16)
  return Number.isFinite(offset) ? offset % 4096 : 0
}

/** Steps of one kind in a row that are told one by one; of more, the first and the last ones. */
const RUN_MAX = 6
const RUN_FIRST = 3
const RUN_LAST = 2

/** Numbers the steps, notes apart, and shortens long runs of one kind: 500 segments are 500 extractions. */
function stepTexts(terminal: Terminal, steps: readonly ExplainedStep[]): string[] {
  const texts: string[] = []
  let number = 0
  for (let at = 0, end = 0; at < steps.length; at = end) {
    end = at + 1
    while (end < steps.length && steps[end].kind === steps[at].kind) end++
    const run = steps
      .slice(at, end)
      .map((step) => (step.kind === 'note' ? noteText(terminal, step) : stepText(terminal, step, ++number)))
    if (run.length <= RUN_MAX) texts.push(...run)
    else
      texts.push(
        ...run.slice(0, RUN_FIRST),
        skipped(steps.slice(at + RUN_FIRST, end - RUN_LAST)),
        ...run.slice(-RUN_LAST),
      )
  }
  return texts
}

function skipped(steps: readonly ExplainedStep[]): string {
  const bytes = steps.reduce((sum, step) => sum + ('bytes' in step ? step.bytes : 0), 0)
  const name = { extract: 'extraction', list: 'list', release: 'release', note: 'note' }[steps[0].kind]
  return `   ... ${counted(steps.length, `more ${name}`)}${bytes === 0 ? '' : ` of ${counted(bytes, 'byte')}`}`
}

function noteText(terminal: Terminal, { text }: Step<'note'>): string {
  return wrapped(`note: ${text}`, terminal.columns, '      ')
}

function stepText(terminal: Terminal, step: Exclude<ExplainedStep, { kind: 'note' }>, number: number): string {
  const title = (text: string) => styled(terminal, 'cyan', wrapped(`${number}. ${text}`, terminal.columns, '   '))
  switch (step.kind) {
    case 'extract':
      return [title(extractTitle(step)), ...explainedPages(terminal, step.pages)].join('\n')
    case 'list':
      return [title(listTitle(step)), ...listEntries(terminal, step)].join('\n')
    case 'release':
      return title(releaseTitle(step))
  }
}

type Step<Kind extends ExplainedStep['kind']> = Extract<ExplainedStep, { kind: Kind }>

const TAKEN = {
  none: ['nothing taken on them', 'nothing taken on them'],
  ref: ['a reference on each', 'one reference each'],
  pin: ['a pin on each', 'one pin each'],
} as const

function extractTitle({ segment, bytes, retention, pages }: Step<'extract'>): string {
  const [onPages, onRuns] = TAKEN[retention]
  const told = pages.some((page) => pagesIn(page) > 1)
    ? `${counted(pages.length, 'run')} of a folio, ${onRuns}`
    : `${counted(pages.length, 'page')}, ${onPages}`
  return `extract from segment ${segment}: ${counted(bytes, 'byte')} in ${told}`
}

function listTitle({ list, index, bytes, entries, note }: Step<'list'>): string {
  const [one, many] = entryName(list)
  return `${list} ${index}: ${counted(bytes, 'byte')} in ${counted(entries.length, one, many)}${note === '' ? '' : `; ${note}`}`
}

const ENTRY_NAMES: Readonly<Record<string, readonly [string, string]>> = {
  bio: ['bvec', 'bvecs'],
  scatterlist: ['sg entry', 'sg entries'],
}

function entryName(list: string): readonly [string, string] {
  return ENTRY_NAMES[list] ?? ['entry', 'entries']
}

function listEntries(terminal: Terminal, { list, entries }: Step<'list'>): string[] {
  const [name] = entryName(list)
  const width = (value: (entry: (typeof entries)[number]) => number) =>
    Math.max(...entries.map((entry) => grouped(value(entry)).length))
  const pageWidth = width((entry) => entry.page)
  const offsetWidth = width((entry) => entry.offsetBytes)
  const lengthWidth = width((entry) => entry.lengthBytes)
  return shortened(entries, entries.length, name, ({ page, offsetBytes, lengthBytes, pages }, at) => {
    const fields = [
      `page ${grouped(page).padStart(pageWidth)}`,
      `offset ${grouped(offsetBytes).padStart(offsetWidth)}`,
      `length ${grouped(lengthBytes).padStart(lengthWidth)}`,
    ]
    const merged = pages > 1 ? `  ${grouped(pages)} pages` : ''
    return [
      wrapped(`   ${name} ${String(at).padStart(3)}  { ${fields.join(', ')} }${merged}`, terminal.columns, '     '),
    ]
  })
}

const RELEASES = { pin: 'unpin_user_page()', ref: 'put_page()' } as const

const MOMENTS = {
  submit: 'still in the submission',
  complete: 'at completion',
  event: 'by a recorded unpin or put row',
} as const

function releaseTitle({ when, retention, pages, note }: Step<'release'>): string {
  const moment = MOMENTS[when]
  return `${moment}: ${RELEASES[retention]} on ${counted(pages, 'page')}${note === '' ? '' : `; ${note}`}`
}

function footer(terminal: Terminal, { pins, refs, groundTruth }: Explanation): string {
  const balance = (kind: string, { acquired, released }: Explanation['pins']) => {
    const open = acquired - released
    const text = `${counted(acquired, kind)} taken, ${grouped(released)} released`
    // What a row before it had taken may go with it.
    if (open < 0) return `${text}, ${grouped(-open)} of them taken by earlier rows`
    return open === 0 ? text : `${text}, ${styled(terminal, 'red', `${grouped(open)} still open`)}`
  }
  const taken = [
    ...(pins.acquired + pins.released > 0 ? [balance('pin', pins)] : []),
    ...(refs.acquired + refs.released > 0 ? [balance('reference', refs)] : []),
  ]
  const lines = [`balance: ${taken.length === 0 ? 'no pin and no reference was taken' : taken.join('; ')}`]
  if (groundTruth !== null) {
    const figure = (value: number | null) => (value === null ? 'not recorded' : grouped(value))
    lines.push(
      `kernel:  pins acquired ${figure(groundTruth.acquired)}, released ${figure(groundTruth.released)}: ${groundTruth.verdict}`,
    )
  }
  return lines.map((line) => wrapped(line, terminal.columns, '         ')).join('\n')
}

/** The ends of a long list, with the number of those left out between them. `total` counts those not listed too. */
export function shortened<T>(
  items: readonly T[],
  total: number,
  name: string,
  lines: (item: T, at: number) => readonly string[],
  first = SHOWN_FIRST,
  last = SHOWN_LAST,
): string[] {
  const missing = total - items.length
  if (items.length <= first + last + 1 && missing === 0) return items.flatMap(lines)
  const tail = missing === 0 ? last : 0
  const head = items.slice(0, missing === 0 ? first : first + last)
  const left = total - head.length - tail
  return [
    ...head.flatMap(lines),
    `   ... ${counted(left, `more ${name}`, `more ${name.replace(/y$/, 'ie')}s`)}`,
    ...items.slice(items.length - tail).flatMap((item, at) => lines(item, items.length - tail + at)),
  ]
}
