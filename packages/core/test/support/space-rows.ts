import { HAZARD_RULES } from '../../src/lifetime/rules.ts'
import type { FindingReport } from '../../src/report/audit-report.ts'
import { auditText } from '../../src/testing/audit-text.ts'

/** The rules about folio locks, the space of files and what a write returns: lifetime.md 18, H-30 to H-37 and H-54. */
export const SPACE_RULES = HAZARD_RULES.filter(({ id }) => /^H-(3[0-7]|54)$/.test(id))

const COLUMNS = 'ts,event,id,mm,op,call,iter,segs,backing,file,offset,len,result,consumer,flags'

/** A row of a trace: the event, and its cells. Bytes. */
export interface SpaceRow {
  readonly event: string
  readonly id?: string
  readonly mm?: number
  readonly op?: string
  readonly call?: string
  readonly iter?: string
  readonly segs?: string
  readonly backing?: string
  readonly file?: string
  readonly offset?: number
  readonly len?: number
  readonly result?: number
  readonly consumer?: string
  readonly flags?: string
}

/** Audits rows; `header`: further lines of it. */
export function auditRows(
  rows: readonly SpaceRow[],
  header: readonly string[] = [],
  rules = SPACE_RULES,
): Promise<readonly FindingReport[]> {
  const lines = rows.map((row, at) => {
    const cells: Record<string, string | number | undefined> = { ts: at, mm: 1, ...row }
    return COLUMNS.split(',')
      .map((column) => cells[column] ?? '')
      .join(',')
  })
  return auditText(['# pinscope-trace 1', ...header, COLUMNS, ...lines, ''].join('\n'), rules)
}

/** What was found: rule, row and how many pages or blocks. */
export function found(findings: readonly FindingReport[]): readonly (readonly [string, number, number])[] {
  return findings.map(({ rule, row, pages }) => [rule, row, pages])
}

/** The first `pages` pages of file `f` are in memory, mapped: rows about the file reach them. */
export function inMemory(pages: number): readonly SpaceRow[] {
  const segs = `0x100000+${pages * 4096}`
  return [
    { event: 'map', segs, backing: 'file', file: 'f', offset: 0 },
    { event: 'load', segs },
  ]
}

/** A row about blocks `first` … `first + blocks - 1` of file `f`. */
export function blocks(event: string, first: number, count = 1): SpaceRow {
  return { event, file: 'f', offset: first * 4096, len: count * 4096 }
}

/** The write of `count` blocks from block `first` on ends. */
export function writeEnd(first: number, count: number, result: number): SpaceRow {
  return { ...blocks('write_end', first, count), result }
}

/** The file ends behind `count` blocks. */
export function size(count: number): SpaceRow {
  return { event: 'extend', file: 'f', offset: count * 4096 }
}
