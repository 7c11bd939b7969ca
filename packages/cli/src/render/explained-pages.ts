import type { ExplainedPage } from '@pinscope/core'
import { pageBar } from './page-bar.ts'
import { styled, type Terminal } from './terminal.ts'
import { counted, grouped } from './text.ts'

/** Pages at each end of a long extraction. */
const SHOWN_FIRST = 6
const SHOWN_LAST = 3

/** The pages of one extraction, grouped by what they are parts of. */
export function explainedPages(terminal: Terminal, pages: readonly ExplainedPage[]): string[] {
  if (pages.length === 0) return []
  const all = pages.length <= SHOWN_FIRST + SHOWN_LAST + 1
  const head = all ? pages : pages.slice(0, SHOWN_FIRST)
  const tail = all ? [] : pages.slice(-SHOWN_LAST)
  const titles = `   ${'page'.padStart(7)}  ${'virtual'.padEnd(14)}  ${'used'.padEnd(10)}  ${'offset + bytes'.padEnd(14)}  refcount  pincount`
  return [
    styled(terminal, 'dim', titles),
    ...groupedByFolio(terminal, head, null),
    ...(all ? [] : [`   ... ${counted(pages.length - head.length - tail.length, 'more page')}`]),
    ...groupedByFolio(terminal, tail, head.at(-1) ?? null),
  ]
}

/** A heading for each folio, unless `before`, the page shown last, was of the same. */
function groupedByFolio(terminal: Terminal, pages: readonly ExplainedPage[], before: ExplainedPage | null): string[] {
  const lines: string[] = []
  let folio = before === null ? '' : folioName(before)
  for (const page of pages) {
    const next = folioName(page)
    if (next !== folio) lines.push(`   ${next}`)
    folio = next
    lines.push(pageLine(terminal, page))
  }
  return lines
}

/** Neighbouring order-0 pages share one heading: each is a folio of its own. */
function folioName({ backing, head, order }: ExplainedPage): string {
  if (order === 0) return `${backing}, order-0 folios`
  return `${backing} folio of order ${order} (${grouped(2 ** order)} pages), head page ${grouped(head)}`
}

/** Pages that an entry reaches over: more than one where the policy takes whole runs of a folio. */
export function pagesIn({ offsetBytes, lengthBytes }: ExplainedPage): number {
  return Math.ceil((offsetBytes + lengthBytes) / 4096)
}

function usedBar(terminal: Terminal, page: ExplainedPage): string {
  const pages = pagesIn(page)
  if (pages <= 1) return pageBar(terminal, page.offsetBytes, page.lengthBytes)
  return `[${(pages < 1000 ? `${pages} pages` : `${pages} p`).padStart(8)}]`
}

function pageLine(terminal: Terminal, page: ExplainedPage): string {
  const bytes = `${String(page.offsetBytes).padStart(6)} + ${grouped(page.lengthBytes)}`
  const cells = [
    grouped(page.page).padStart(7),
    (page.virtual ?? '-').padEnd(14),
    usedBar(terminal, page),
    bytes.padEnd(14),
    grouped(page.refcount).padStart(8),
    grouped(page.pincount).padStart(8),
  ]
  return `   ${cells.join('  ')}`
}
