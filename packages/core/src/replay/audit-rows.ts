import { HOLD_NONE, type Hold, makeHold } from '../ledger/hold.ts'
import type { Audit } from '../lifetime/audit.ts'
import type { Dictionary } from '../trace/dictionary.ts'
import { EVENT_NAMES, type EventName, type OpBatch } from '../trace/op-batch.ts'
import { FILE_ROWS } from './audit-file-rows.ts'
import { OBJECT_ROWS } from './audit-object-rows.ts'
import { PAGE_ROWS } from './audit-page-rows.ts'
import type { RowPages } from './row-pages.ts'

/** What an audit makes of a row. */
export type Apply = (rows: AuditRows, batch: OpBatch, row: number) => void

/** What it makes of the rows of each event. */
export type ApplyByEvent = { readonly [Name in EventName]?: Apply }

const APPLY: ApplyByEvent = { ...PAGE_ROWS, ...OBJECT_ROWS, ...FILE_ROWS }

/**
 * Rows that only an audit looks at, and what an audit makes of rows about pages: each event name and the calls that it
 * stands for. `id` cells name objects, iterators and devices, each by its own event.
 */
export class AuditRows {
  readonly audit: Audit
  readonly pages: RowPages
  /** Names of the `call` column. */
  readonly calls: Dictionary
  /** By name id of the `id` column: object, iterator. */
  readonly objects = new Map<number, number>()
  readonly iterators = new Map<number, number>()
  /** Objects that nothing in the trace allocated. */
  private readonly implied = new Set<number>()
  private readonly byCode: readonly (Apply | undefined)[]

  constructor(audit: Audit, pages: RowPages, calls: Dictionary) {
    this.audit = audit
    this.pages = pages
    this.calls = calls
    this.byCode = EVENT_NAMES.map((name) => APPLY[name])
  }

  apply(batch: OpBatch, row: number): void {
    this.byCode[batch.event[row]]?.(this, batch, row)
  }

  /** The object that the row's id names; one that nothing allocated is made, and again after it was freed. */
  object(batch: OpBatch, row: number): number {
    const known = this.objects.get(batch.id[row])
    if (known !== undefined && !(this.implied.has(known) && this.audit.objects.of(known).isFreed)) return known
    const made = this.makeObject(batch, row, 0)
    this.implied.add(made)
    return made
  }

  makeObject(batch: OpBatch, row: number, capacity: number): number {
    const made = this.audit.objects.alloc(this.call(batch, row) || 'object', capacity)
    this.objects.set(batch.id[row], made)
    return made
  }

  iterator(batch: OpBatch, row: number): number {
    const known = this.iterators.get(batch.id[row])
    if (known !== undefined) return known
    const made = this.audit.iterators.init(false, false, batch.mm[row], 0)
    this.iterators.set(batch.id[row], made)
    return made
  }

  call(batch: OpBatch, row: number): string {
    return batch.call[row] < 0 ? '' : this.calls.text(batch.call[row])
  }

  /** The last reference taken on a page that is still held, as a hold. */
  holdOn(page: number): Hold {
    const { tokens, lane } = this.audit
    let found = 0
    tokens.eachOn(page, 1, (token) => {
      found = token
    })
    if (found === 0) return HOLD_NONE
    return makeHold(found, lane.ledger.holds.generation[found], tokens.retention(found))
  }
}

/** The number in a cell, 0 where it is empty. */
export function orZero(cell: number): number {
  return Number.isNaN(cell) ? 0 : cell
}
