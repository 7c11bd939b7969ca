import type { Operation } from '../consumer/operation.ts'
import { RETAIN_NONE, RETAIN_REF } from '../extract/retention.ts'
import { ITER_SOURCE } from '../iter/iter-type.ts'
import { GUARD_COUNT, GUARD_LOCK, GUARD_NONE } from '../lifetime/borrows.ts'
import { FOLL_WRITE } from '../memory/foll.ts'
import { KIND_SLAB } from '../memory/page-store.ts'
import {
  EVENT_DIRTY,
  EVENT_FREE,
  EVENT_MKWRITE,
  EVENT_STORE,
  EVENT_TRUNCATE,
  EVENT_UNLOCK,
  EVENT_WRITEBACK_END,
  type OpBatch,
} from '../trace/op-batch.ts'
import { PAGE_SIZE } from '../units.ts'
import type { RowPages } from './row-pages.ts'

type BorrowRule = 'use-after-free' | 'truncate-in-use' | 'modified-in-use'

/**
 * Rows that say what happens to pages while operations are in flight: freed, truncated, modified, unlocked. They are
 * checked against what the lists of those operations name, and what guards it.
 * @kernel mm/slub.c: kfree; mm/truncate.c: truncate_inode_pages_range; mm/page-writeback.c: folio_mark_dirty,
 *   folio_wait_stable; mm/memory.c: do_page_mkwrite; mm/filemap.c: folio_unlock, folio_end_writeback
 */
export class LifetimeEvents {
  private readonly io: Operation
  private readonly rowPages: RowPages
  /** Of the event at work: pages by rule, guard and row that borrowed them. */
  private readonly broken = new Map<string, { rule: BorrowRule; guard: number; takenRow: number; pages: number }>()

  constructor(io: Operation, rowPages: RowPages) {
    this.io = io
    this.rowPages = rowPages
  }

  /** A `free`, `truncate`, `dirty`, `mkwrite`, `unlock` or `writeback_end` row; any other is passed over. */
  apply(batch: OpBatch, row: number): void {
    const event = batch.event[row]
    if (this.io.borrows.open > 0 && CHECKED.includes(event)) this.checkEvent(batch, row, event)
    if (event === EVENT_STORE) this.rowPages.visit(batch, row, () => {}, FOLL_WRITE)
    if (event === EVENT_TRUNCATE) this.truncate(batch.file[row], Math.max(batch.offsetBytes[row], 0))
  }

  /** The page cache of the file ends there, and with it the references that it held; no mapping has what was behind. */
  private truncate(file: number, size: number): void {
    const { memory, ledger } = this.io
    memory.spaces.files.truncate(file, Math.ceil(size / PAGE_SIZE), (head) => ledger.mappingReferences.put(head))
  }

  private checkEvent(batch: OpBatch, row: number, event: number): void {
    this.rowPages.visit(batch, row, (page, from, end) => this.check(event, page, from, end))
    for (const { rule, guard, takenRow, pages } of this.broken.values()) {
      const held = guard === GUARD_COUNT ? RETAIN_REF : RETAIN_NONE
      this.io.ledger.violate(rule, takenRow, held, RETAIN_NONE, pages, DETAIL[rule][guard])
    }
    this.broken.clear()
  }

  /** One page, of which the event concerns the bytes from `from` to `end`. */
  private check(event: number, page: number, from: number, end: number): void {
    const { borrows, pages } = this.io
    for (let slot = borrows.first(page); slot !== 0; slot = borrows.nextOfPage[slot]) {
      if (borrows.offsetBytes[slot] >= end || borrows.endBytes[slot] <= from) continue
      if (event === EVENT_UNLOCK || event === EVENT_WRITEBACK_END) {
        if (borrows.guard[slot] === GUARD_LOCK) borrows.guard[slot] = GUARD_NONE
        continue
      }
      const guard = borrows.guard[slot]
      const rule = ruleOf(event, guard, borrows.isSource[slot] === ITER_SOURCE, pages.kindOf(page) === KIND_SLAB)
      if (rule === null) continue
      const takenRow = borrows.row[slot]
      const key = `${rule} ${guard} ${takenRow}`
      const known = this.broken.get(key)
      if (known === undefined) this.broken.set(key, { rule, guard, takenRow, pages: 1 })
      else known.pages++
    }
  }
}

const CHECKED: readonly number[] = [
  EVENT_FREE,
  EVENT_TRUNCATE,
  EVENT_DIRTY,
  EVENT_MKWRITE,
  EVENT_UNLOCK,
  EVENT_WRITEBACK_END,
]

/** What the event breaks, null where nothing: a reference keeps a page but no object in it, and a lock makes others wait. */
function ruleOf(event: number, guard: number, isSource: boolean, isSlab: boolean): BorrowRule | null {
  if (event === EVENT_FREE) return guard === GUARD_COUNT && !isSlab ? null : 'use-after-free'
  if (guard === GUARD_LOCK) return null
  if (event === EVENT_TRUNCATE) return 'truncate-in-use'
  return isSource ? 'modified-in-use' : null
}

const FREED = 'its owner frees memory that an operation in flight still names'
const MODIFIED = 'data of an operation in flight is modified: what is sent or written is neither old nor new'

const DETAIL: Readonly<Record<BorrowRule, readonly string[]>> = {
  'use-after-free': [
    `${FREED}, and nothing else keeps it`,
    'its owner frees a slab object that an operation in flight still names: a reference on the page does not keep it',
    `${FREED}: a lock does not keep it`,
  ],
  'truncate-in-use': [
    'the file is truncated under an operation in flight that took no reference and no lock: the page may be reused',
    "the file is truncated under an operation in flight: its reference keeps the page, which is no longer the file's",
    '',
  ],
  'modified-in-use': [`${MODIFIED} (no lock, no writeback)`, `${MODIFIED} (a reference does not forbid it)`, ''],
}
