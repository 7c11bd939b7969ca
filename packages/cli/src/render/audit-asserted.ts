import type { AssertedReport, AuditLaneReport } from '@pinscope/core/audit'
import { styled, type Terminal } from './terminal.ts'
import { counted, grouped, wrapped } from './text.ts'

/** States that are spelled out; the rest is in the JSON. */
const SHOWN_MAX = 10

const OUTCOMES: Readonly<Record<AssertedReport['outcome'], string>> = {
  bug: 'the kernel stops (BUG)',
  debug: 'the kernel stops where it is built with CONFIG_DEBUG_VM',
  warn: 'the kernel warns (WARN_ON_ONCE)',
  none: 'this version takes no notice',
}

/** States of folios that the kernel asserts never come, and what the modelled version does. */
export function assertedParagraph(terminal: Terminal, file: string, asserted: readonly AssertedReport[]): string[] {
  if (asserted.length === 0) return []
  const isBad = asserted.some(({ outcome }) => outcome !== 'none')
  const title = `${counted(asserted.length, 'step')} that the kernel asserts never come`
  const lines = asserted.slice(0, SHOWN_MAX).map(({ line, row, detail, outcome, folios }) => {
    const many = folios === 1 ? '' : ` (${counted(folios, 'folio')})`
    const text = `  ${file}:${line}: row ${grouped(row)}: ${detail}${many}: ${OUTCOMES[outcome]}`
    return wrapped(text, terminal.columns, '      ')
  })
  const rest = asserted.length - lines.length
  const more = rest === 0 ? [] : [`  and ${grouped(rest)} more (--json lists them)`]
  return [[styled(terminal, isBad ? 'red' : 'dim', title), ...lines, ...more].join('\n')]
}

/** Who waited for writeback in a lane; nothing where nobody did. */
export function waitsLine({ waits }: AuditLaneReport): string[] {
  const { store, truncate, invalidate } = waits
  const parts = [
    ...(store === 0 ? [] : [`${counted(store, 'store')} for stable pages`]),
    ...(truncate === 0 ? [] : [`truncation of ${counted(truncate, 'folio')}`]),
    ...(invalidate === 0 ? [] : [`invalidation of ${counted(invalidate, 'folio')}`]),
  ]
  return parts.length === 0 ? [] : [`waited for writeback: ${parts.join(', ')}`]
}
