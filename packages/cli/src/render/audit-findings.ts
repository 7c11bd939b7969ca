import type { AuditLaneReport, FindingReport, HazardRule } from '@pinscope/core/audit'
import { styled, type Terminal } from './terminal.ts'
import { counted, grouped, wrapped } from './text.ts'

/** Findings of one rule that are spelled out; the rest is in the JSON. */
const SHOWN_MAX = 10

/** What a page is, in words, by its backing; a backing that is not here is told as it is. */
const BACKINGS: Readonly<Record<string, string>> = {
  anon: 'anonymous memory',
  thp: 'anonymous memory in a huge page',
  file: 'page cache',
  pfn: 'no struct page',
  // Their names say it.
  frame: '',
  zero: '',
  rodata: 'read-only data of the kernel',
}

/**
 * The findings of a lane: a paragraph for each rule, its advice once; and one more where some are worse than the rule
 * says. A rule is told however many findings others have.
 */
export function findingParagraphs(
  terminal: Terminal,
  { findings, findingsByRule }: AuditLaneReport,
  rules: readonly HazardRule[],
): string[] {
  const broken = rules.filter(({ id }) => (findingsByRule[id] ?? 0) > 0).sort((a, b) => (a.id < b.id ? -1 : 1))
  return broken.flatMap((rule) => {
    const listed = findings.filter((finding) => finding.rule === rule.id)
    const worse = [...new Set(listed.map(({ verdict }) => verdict))].filter((verdict) => verdict !== rule.verdict)
    const apart = worse.map((verdict) => listed.filter((finding) => finding.verdict === verdict))
    const plain = listed.filter(({ verdict }) => verdict === rule.verdict)
    const kinds = plain.length > 0 || apart.length === 0 ? [plain, ...apart] : apart
    // As many of each verdict are listed as of any: what is not listed is of the one with the most.
    const rest = findingsByRule[rule.id] - listed.length
    const most = Math.max(...kinds.map(({ length }) => length))
    const full = kinds.findIndex(({ length }) => length === most)
    return kinds.map((alike, i) => ruleParagraph(terminal, rule, alike, alike.length + (i === full ? rest : 0)))
  })
}

function ruleParagraph(
  terminal: Terminal,
  rule: HazardRule,
  findings: readonly FindingReport[],
  total: number,
): string {
  const { id, name, advice } = rule
  const { verdict, severity } = findings[0] ?? rule
  const style = severity === 'critical' || severity === 'high' ? 'red' : severity === 'info' ? 'dim' : 'yellow'
  const title = `${id} ${name}: ${verdict}, ${severity}; ${counted(total, 'finding')}`
  // What is the same of all is said once.
  const isSame = findings.length > 1 && findings.every(({ detail }) => detail === findings[0].detail)
  return [
    styled(terminal, style, wrapped(title, terminal.columns, '  ')),
    ...(isSame ? [wrapped(`  ${findings[0].detail}`, terminal.columns, '  ')] : []),
    ...findings.slice(0, SHOWN_MAX).flatMap((finding) => findingLines(terminal, finding, !isSame)),
    ...more(total, findings.length),
    wrapped(`  what to do: ${advice}`, terminal.columns, '    '),
  ].join('\n')
}

/** One finding: where and what, whose page it is, what happened to it. `hasDetail`: what went wrong is said here. */
export function findingLines(terminal: Terminal, finding: FindingReport, hasDetail = true): string[] {
  const { file, line, row, detail } = finding
  const place = `  ${placeOf(file, line, row)}`
  const history = historyText(finding)
  const texts = [...(hasDetail ? [detail] : []), pagesText(finding, history === ''), history]
  const [first = '', ...further] = texts.filter((text) => text !== '')
  return [first === '' ? place : `${place}: ${first}`, ...further.map((text) => `      ${text}`)].map((text) =>
    wrapped(text, terminal.columns, '      '),
  )
}

/** `page at 0x10000 of mm 1 (anonymous memory), taken by bio in row 12`; of several `3 pages from page 7 of /data on`. */
function pagesText(finding: FindingReport, tellsTaken: boolean): string {
  const { backing, holder, since, takenRow } = finding
  const kind = backing === null ? '' : (BACKINGS[backing] ?? backing)
  const by = holder === null ? '' : ` by ${holder}`
  const taken = takenRow === 0 || !tellsTaken ? '' : `taken${by} in row ${grouped(takenRow)}`
  const from = since === null || !tellsTaken ? '' : `${since.what} in row ${grouped(since.row)}`
  const what = `${pageNames(finding)}${kind === '' ? '' : ` (${kind})`}`
  return [what, taken, from].filter((text) => text !== '').join(', ')
}

/** As the trace names them, else by the number in the model. */
function pageNames({ page, pageName, pages }: FindingReport): string {
  if (page === null) return pages === 0 ? '' : counted(pages, 'page')
  const name = pageName ?? `page ${grouped(page)} of the model`
  return pages === 1 ? name : `${counted(pages, 'page')} from ${name.replace(/^page at /, '')} on`
}

/** `pinned by bio at row 12, writeback began at row 15`; nothing where that is told with the page. */
function historyText({ history, since, takenRow }: FindingReport): string {
  const isTold = ({ row, what }: FindingReport['history'][number]) =>
    (takenRow > 0 && row === takenRow) || (since?.row === row && since.what === what)
  if (history.every(isTold)) return ''
  return history.map(({ row, what }) => `${what} at row ${grouped(row)}`).join(', ')
}

/** What the kernel refused: a user will want to know why, though nothing is wrong. */
export function refusalParagraph(terminal: Terminal, file: string, lane: AuditLaneReport): string[] {
  const { refused, refusedTotal } = lane
  if (refusedTotal === 0) return []
  const lines = refused.slice(0, SHOWN_MAX).map(({ rule, row, line, detail }) => {
    const text = `  ${placeOf(file, line, row)}: ${detail}${rule === null ? '' : ` (${rule})`}`
    return wrapped(text, terminal.columns, '      ')
  })
  const title = `${counted(refusedTotal, 'step')} that the kernel refused: no findings`
  return [[styled(terminal, 'bold', title), ...lines, ...more(refusedTotal, refused.length)].join('\n')]
}

/** `a.csv:4: row 2`. */
function placeOf(file: string, line: number, row: number): string {
  return `${line === 0 ? file : `${file}:${line}`}: row ${grouped(row)}`
}

/** The report itself keeps no endless lists either. */
function more(total: number, listed: number): string[] {
  const rest = total - Math.min(listed, SHOWN_MAX)
  if (rest === 0) return []
  return [`  and ${grouped(rest)} more (--json lists ${listed === total ? 'all' : grouped(listed)})`]
}
