import type { AuditLaneReport, FindingReport, RefusalReport } from '@pinscope/core/audit'
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
  rodata: 'read-only data of the kernel',
  zero: 'the zero page',
}

/** The findings of a lane: a paragraph for each rule, its advice once; and one more where some are worse than the rule says. */
export function findingParagraphs(terminal: Terminal, lane: AuditLaneReport): string[] {
  const ids = [...new Set(lane.findings.map(({ rule }) => rule))].sort()
  return ids.flatMap((id) => {
    const findings = lane.findings.filter(({ rule }) => rule === id)
    const verdicts = [...new Set(findings.map(({ verdict }) => verdict))]
    const total = lane.findingsByRule[id] ?? findings.length
    return verdicts.map((verdict) => {
      const alike = findings.filter((finding) => finding.verdict === verdict)
      return ruleParagraph(terminal, alike, alike.length === findings.length ? total : alike.length)
    })
  })
}

function ruleParagraph(terminal: Terminal, findings: readonly FindingReport[], total: number): string {
  const [{ rule, name, verdict, severity, detail, advice }] = findings
  const style = severity === 'critical' || severity === 'high' ? 'red' : severity === 'info' ? 'dim' : 'yellow'
  const title = `${rule} ${name}: ${verdict}, ${severity}; ${counted(total, 'finding')}`
  // What is the same of all is said once.
  const isSame = findings.length > 1 && findings.every((one) => one.detail === detail)
  return [
    styled(terminal, style, wrapped(title, terminal.columns, '  ')),
    ...(isSame ? [wrapped(`  ${detail}`, terminal.columns, '  ')] : []),
    ...findings.slice(0, SHOWN_MAX).flatMap((finding) => findingLines(terminal, finding, !isSame)),
    ...more(total, findings.length),
    wrapped(`  what to do: ${advice}`, terminal.columns, '    '),
  ].join('\n')
}

/** One finding: where and what, whose page it is, what happened to it. `hasDetail`: what went wrong is said here. */
export function findingLines(terminal: Terminal, finding: FindingReport, hasDetail = true): string[] {
  const { file, line, row, detail } = finding
  const place = `  ${line === 0 ? file : `${file}:${line}`}: row ${grouped(row)}`
  const history = historyText(finding)
  const texts = [...(hasDetail ? [detail] : []), pagesText(finding, history === ''), history]
  const [first = '', ...further] = texts.filter((text) => text !== '')
  return [`${place}: ${first}`, ...further.map((text) => `      ${text}`)].map((text) =>
    wrapped(text, terminal.columns, '      '),
  )
}

/** `page 17 (page cache), taken by bio in row 12`; of several pages `3 pages from page 17 on`. */
function pagesText({ page, pages, backing, holder, takenRow }: FindingReport, tellsTaken: boolean): string {
  const from = page === null ? '' : pages === 1 ? `page ${grouped(page)}` : ` from page ${grouped(page)} on`
  const what = page !== null && pages === 1 ? from : pages === 0 ? '' : `${counted(pages, 'page')}${from}`
  const kind = backing === null ? '' : ` (${BACKINGS[backing] ?? backing})`
  const by = holder === null ? '' : ` by ${holder}`
  const taken = takenRow === 0 || !tellsTaken ? '' : `taken${by} in row ${grouped(takenRow)}`
  return [`${what}${kind}`, taken].filter((text) => text !== '').join(', ')
}

/** `pinned by bio at row 12, writeback began at row 15`; nothing where the reference alone is known. */
function historyText({ history }: FindingReport): string {
  const steps = history.map(({ row, what }) => `${what} at row ${grouped(row)}`)
  return steps.length < 2 && history.every(({ what }) => /^(pinned|referenced|taken)/.test(what))
    ? ''
    : steps.join(', ')
}

/** What the kernel refused: a user will want to know why, though nothing is wrong. */
export function refusalParagraph(terminal: Terminal, file: string, refused: readonly RefusalReport[]): string[] {
  if (refused.length === 0) return []
  const lines = refused
    .slice(0, SHOWN_MAX)
    .map(({ rule, row, detail }) =>
      wrapped(
        `  ${file}: row ${grouped(row)}: ${detail}${rule === null ? '' : ` (${rule})`}`,
        terminal.columns,
        '      ',
      ),
    )
  const title = `${counted(refused.length, 'step')} that the kernel refused: no findings`
  return [[styled(terminal, 'bold', title), ...lines, ...more(refused.length, refused.length)].join('\n')]
}

/** The report itself keeps no endless lists either. */
function more(total: number, listed: number): string[] {
  const rest = total - Math.min(listed, SHOWN_MAX)
  if (rest === 0) return []
  return [`  and ${grouped(rest)} more (--json lists ${listed === total ? 'all' : grouped(listed)})`]
}
