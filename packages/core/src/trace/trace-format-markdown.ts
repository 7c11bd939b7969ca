import { ITER_TYPE_NAMES } from '../iter/iter-type.ts'
import { COLUMN_NAMES } from './columns.ts'
import { EVENT_RULES, type EventRule } from './event-rules.ts'
import * as limits from './limits.ts'
import { BACKING_NAMES, EVENT_NAMES, FLAG_NAMES, OP_NAMES } from './op-batch.ts'
import { columnDescriptions, headerDescriptions } from './schema.ts'

/** The parts of docs/trace-format.md that are generated, by the name in their markers. */
export function traceFormatMarkdown(): Readonly<Record<string, string>> {
  return {
    columns: columns(),
    words: words(),
    events: table(['event', 'must have', 'iterator types'], EVENT_RULES.map(eventCells)),
    header: table(
      ['key', 'meaning'],
      Object.entries(headerDescriptions())
        .filter(([key]) => key !== 'version')
        .map(([key, text]) => [`\`${key}\``, text]),
    ),
    limits: limitsTable(),
  }
}

/** `page` with the generated parts between its markers replaced. */
export function withGeneratedParts(page: string): string {
  return Object.entries(traceFormatMarkdown()).reduce((text, [name, part]) => {
    const markers = new RegExp(`(<!-- generated: ${name} -->\n)[\\s\\S]*?(<!-- end -->)`)
    return text.replace(markers, (_, open: string, close: string) => `${open}${part}\n${close}`)
  }, page)
}

function columns(): string {
  const descriptions = columnDescriptions()
  return table(
    ['column', 'meaning'],
    COLUMN_NAMES.map((name) => [`\`${name}\``, descriptions[name]]),
  )
}

function words(): string {
  const lists: readonly (readonly [string, readonly string[]])[] = [
    ['event', EVENT_NAMES],
    ['op', OP_NAMES],
    ['iter', ITER_TYPE_NAMES],
    ['backing', BACKING_NAMES],
    ['flags', FLAG_NAMES],
  ]
  return table(
    ['column', 'words'],
    lists.map(([column, list]) => [`\`${column}\``, list.map((word) => `\`${word}\``).join(' ')]),
  )
}

function eventCells(rule: EventRule): string[] {
  const needs = maskNames(rule.needs, COLUMN_NAMES).map((name) => `\`${name}\``)
  const any = maskNames(rule.needsAny, COLUMN_NAMES).map((name) => `\`${name}\``)
  const parts = [...needs, ...(any.length > 0 ? [any.join(' or ')] : [])]
  const range = rule.oneRange ? '; one segment of at least a byte' : ''
  const io = rule.event === 'io' ? '; and as below' : ''
  return [
    `\`${rule.event}\``,
    `${parts.join(', ') || 'nothing'}${range}${io}`,
    maskNames(rule.iterators, ITER_TYPE_NAMES).join(' '),
  ]
}

function maskNames(mask: number, names: readonly string[]): string[] {
  return names.filter((_, code) => ((mask >> code) & 1) === 1)
}

function limitsTable(): string {
  const rows: readonly (readonly [string, number, string])[] = [
    [
      'INTEGER_MAX',
      limits.INTEGER_MAX,
      'any integer: times, addresses, positions, lengths, the sum of a row’s segments',
    ],
    ['LINE_BYTES_MAX', limits.LINE_BYTES_MAX, 'bytes of a line, or of a quoted record over several lines'],
    ['HEADER_LINES_MAX', limits.HEADER_LINES_MAX, 'lines above the header row'],
    ['COLUMNS_MAX', limits.COLUMNS_MAX, 'columns'],
    ['NAMES_MAX', limits.NAMES_MAX, 'distinct names in a column'],
    ['NAME_BYTES_MAX', limits.NAME_BYTES_MAX, 'bytes of a name'],
    ['NAMES_BYTES_MAX', limits.NAMES_BYTES_MAX, 'bytes of all names of a column'],
    ['SEGMENTS_VECTOR_MAX', limits.SEGMENTS_VECTOR_MAX, 'segments of an iovec or kvec row (UIO_MAXIOV)'],
    ['SEGMENTS_PAGES_MAX', limits.SEGMENTS_PAGES_MAX, 'segments of a bvec or folioq row'],
    ['MM_MAX', limits.MM_MAX, 'address space'],
    ['ORDER_MAX', limits.ORDER_MAX, 'order=N'],
    ['PFN_MAX', limits.PFN_MAX, 'page frame number, the last one that a bvec segment reaches'],
    ['BVEC_FIELD_MAX', limits.BVEC_FIELD_MAX, 'offset and length of a bvec segment (32 bits in the kernel)'],
    ['PINS_MAX', limits.PINS_MAX, 'pins_acquired, pins_released'],
    ['ERRNO_MAX', limits.ERRNO_MAX, '-errno of a result (MAX_ERRNO)'],
    ['HEADER_SIZE_BYTES_MAX', limits.HEADER_SIZE_BYTES_MAX, 'logical-block-size, dma-alignment'],
    ['FOLIO_ORDER_MAX', limits.FOLIO_ORDER_MAX, 'folio-order'],
  ]
  return table(
    ['limit', 'value', 'of'],
    rows.map(([name, value, text]) => [`\`${name}\``, String(value), text]),
  )
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), `|${' --- |'.repeat(head.length)}`, ...rows.map(line)].join('\n')
}
