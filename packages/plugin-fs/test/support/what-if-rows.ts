import type { ConsumerDefinition } from '@pinscope/core'
import { HAZARD_RULES } from '@pinscope/core/audit'
import { auditText, replayRows, type TestRow, traceText } from '@pinscope/core/testing'
import { WHAT_IF_CONSUMERS } from '../../src/what-if/definitions.ts'

// Rows about a file `data` of eight pages, which task 1 maps and has dirty; times are ns.

export const A = 0x7f0000000000
/** A second mapping: of another file, of memory without one, or another task's of the same. */
export const B = 0x7e0000000000
export const P = 4096
export const S = 1e9

export const at = (page: number, pages = 1, base = A) => `0x${(base + page * P).toString(16)}+${pages * P}`

export const mapOf = (file: string, mm = 1, base = A): TestRow => ({
  event: 'map',
  mm,
  segs: at(0, 8, base),
  backing: file === '' ? 'anon' : 'file',
  file,
  offset: file === '' ? '' : 0,
})
export const map = mapOf('data')
export const store = (ts: number, page: number, pages = 1, mm = 1, base = A): TestRow => ({
  ts,
  event: 'store',
  mm,
  segs: at(page, pages, base),
})
export const filled = store(1, 0, 8)
/** `direction` `write`: pinned for reading. */
export const pin = (ts: number, page: number, pages = 1, how: TestRow = {}): TestRow => ({
  ts,
  event: 'pin',
  id: 'mr',
  mm: 1,
  op: 'read',
  segs: at(page, pages, how.mm === 2 ? B : A),
  ...how,
})
export const unpin = (ts: number, how: TestRow = {}): TestRow => ({
  ts,
  event: 'unpin',
  id: 'mr',
  mm: 1,
  flags: 'dirty',
  ...how,
})
export const writeback = (ts: number): TestRow => ({
  ts,
  event: 'writeback',
  mm: 9,
  file: 'data',
  offset: 0,
  len: 8 * P,
})
export const writebackEnd = (ts: number): TestRow => ({ ...writeback(ts), event: 'writeback_end' })
/** Direct I/O from another file into the pages. */
export const read = (ts: number, end: number, page: number, pages = 1, base = A): TestRow => ({
  ts,
  end,
  mm: 1,
  op: 'read',
  segs: at(page, pages, base),
  file: 'input',
  offset: 0,
  flags: 'direct',
})
/** A device stores at once, or without an end of its own until `dmaEnd`. */
export const dma = (ts: number, page: number, pages = 1, how: TestRow = {}): TestRow => ({
  ts,
  event: 'dma',
  mm: 1,
  op: 'read',
  segs: at(page, pages, how.mm === 2 ? B : A),
  ...how,
})
export const dmaEnd = (ts: number, id: string): TestRow => ({ ts, event: 'dma_end', id, mm: 1 })
export const lease = (ts: number, mm = 1, file = 'data'): TestRow => ({ ts, event: 'lease', mm, file })
export const unlease = (ts: number, mm = 1, file = 'data'): TestRow => ({ ts, event: 'unlease', mm, file })
export const reflink = (ts: number, mm = 2): TestRow => ({
  ts,
  event: 'reflink',
  mm,
  file: 'data',
  offset: 0,
  len: 8 * P,
})
export const truncate = (ts: number, mm = 2): TestRow => ({ ts, event: 'truncate', mm, file: 'data', offset: 0 })
export const dirty = (ts: number, page: number): TestRow => ({ ts, event: 'dirty', mm: 1, segs: at(page) })

export interface How {
  readonly header?: readonly string[]
  readonly options?: Readonly<Record<string, number>>
  /** Pins that are still there at the end. */
  readonly pinsLeft?: number
}

/** A what-if model over rows: its counters, and what an audit of the same rows finds: rule, row, pages. */
export async function outcome(consumer: string, rows: readonly TestRow[], how: How = {}) {
  const definition = WHAT_IF_CONSUMERS.find(({ name }) => name === consumer)
  if (definition === undefined) throw new Error(`there is no ${consumer}`)
  const { header = [], options = {}, pinsLeft = 0 } = how
  const { report } = await replayRows(definition, rows, { kernel: '6.12', header, options })
  const findings = await auditText(traceText(rows, header), HAZARD_RULES, auditOf(definition, options))
  const { pins, refs, violationsTotal } = report
  if (pins.open !== pinsLeft || refs.open !== 0 || violationsTotal !== 0) {
    throw new Error(`${pins.open} pins and ${refs.open} references left, ${violationsTotal} violations`)
  }
  return { counters: report.counters, findings: findings.map(({ rule, row, pages }) => [rule, row, pages]) }
}

function auditOf(definition: ConsumerDefinition, options: Readonly<Record<string, number>>) {
  return { kernel: '6.12', consumers: [definition], consumer: definition.name, options } as const
}
