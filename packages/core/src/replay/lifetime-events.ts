import { GUARD_COUNT, GUARD_LOCK, GUARD_NONE } from '../consumer/borrows.ts'
import type { Operation } from '../consumer/operation.ts'
import { PAGE_LIST_MAX } from '../extract/page-list.ts'
import { RETAIN_NONE, RETAIN_REF } from '../extract/retention.ts'
import { ITER_BVEC, ITER_FOLIOQ, ITER_KVEC, ITER_SOURCE, ITER_XARRAY } from '../iter/iter-type.ts'
import { KERNEL_MM } from '../memory/address-spaces.ts'
import { KIND_SLAB } from '../memory/page-store.ts'
import {
  EVENT_DIRTY,
  EVENT_FREE,
  EVENT_MKWRITE,
  EVENT_TRUNCATE,
  EVENT_UNLOCK,
  EVENT_WRITEBACK_END,
  type OpBatch,
} from '../trace/op-batch.ts'
import { PAGE_SIZE } from '../units.ts'

/** Pages of one event that are looked at, at most: 4 GiB. */
export const EVENT_PAGES_MAX = 1 << 20

type BorrowRule = 'use-after-free' | 'truncate-in-use' | 'modified-in-use'

/**
 * Rows that say what happens to pages while operations are in flight: freed, truncated, modified, unlocked. They are
 * checked against what the lists of those operations name, and what guards it.
 * @kernel mm/slub.c: kfree; mm/truncate.c: truncate_inode_pages_range; mm/page-writeback.c: folio_mark_dirty,
 *   folio_wait_stable; mm/memory.c: do_page_mkwrite; mm/filemap.c: folio_unlock, folio_end_writeback
 */
export class LifetimeEvents {
  private readonly io: Operation
  private readonly found = new Int32Array(PAGE_LIST_MAX)
  /** Of the event at work: pages by rule, guard and row that borrowed them. */
  private readonly broken = new Map<string, { rule: BorrowRule; guard: number; takenRow: number; pages: number }>()

  constructor(io: Operation) {
    this.io = io
  }

  /** A `free`, `truncate`, `dirty`, `mkwrite`, `unlock` or `writeback_end` row; any other is passed over. */
  apply(batch: OpBatch, row: number): void {
    const event = batch.event[row]
    if (this.io.borrows.open > 0 && CHECKED.includes(event)) this.checkEvent(batch, row, event)
    if (event === EVENT_TRUNCATE) this.truncate(batch.file[row], Math.max(batch.offsetBytes[row], 0))
  }

  /** The page cache of the file ends there, and with it the references that it held. */
  private truncate(file: number, size: number): void {
    const { memory, ledger } = this.io
    memory.cache.truncate(file, Math.ceil(size / PAGE_SIZE), (page) => ledger.mappingReferences.put(page))
  }

  private checkEvent(batch: OpBatch, row: number, event: number): void {
    if (batch.segmentCount[row] === 0) this.applyToFile(batch, row, event)
    else this.applyToSegments(batch, row, event)
    for (const { rule, guard, takenRow, pages } of this.broken.values()) {
      const held = guard === GUARD_COUNT ? RETAIN_REF : RETAIN_NONE
      this.io.ledger.violate(rule, takenRow, held, RETAIN_NONE, pages, DETAIL[rule][guard])
    }
    this.broken.clear()
  }

  private applyToFile(batch: OpBatch, row: number, event: number): void {
    const position = Math.max(batch.offsetBytes[row], 0)
    const isTruncate = event === EVENT_TRUNCATE
    const length = isTruncate || batch.lengthBytes[row] < 0 ? Number.POSITIVE_INFINITY : batch.lengthBytes[row]
    // A page that is cut in the middle stays.
    const first = isTruncate ? Math.ceil(position / PAGE_SIZE) : Math.floor(position / PAGE_SIZE)
    this.applyToCache(event, batch.file[row], first, position, position + length)
  }

  /** Pages that the cache has from index `first` on; of the first one and the last the event concerns a part. */
  private applyToCache(event: number, file: number, first: number, position: number, end: number): void {
    this.io.memory.cache.visit(file, first, Math.ceil(end / PAGE_SIZE), (page, index) => {
      const start = index * PAGE_SIZE
      this.check(event, page, Math.max(position - start, 0), Math.min(end - start, PAGE_SIZE))
    })
  }

  private applyToSegments(batch: OpBatch, row: number, event: number): void {
    const { addressBytes, offsetBytes, lengthBytes } = batch.segments
    const type = batch.iterType[row]
    const first = batch.segmentFirst[row]
    for (let s = first; s < first + batch.segmentCount[row]; s++) {
      if (type === ITER_FOLIOQ || type === ITER_XARRAY) {
        const position = addressBytes[s]
        this.applyToCache(event, offsetBytes[s], Math.floor(position / PAGE_SIZE), position, position + lengthBytes[s])
      } else if (type === ITER_BVEC) this.applyToFrames(event, addressBytes[s], offsetBytes[s], lengthBytes[s])
      else this.applyToAddresses(type === ITER_KVEC ? KERNEL_MM : batch.mm[row], event, addressBytes[s], lengthBytes[s])
    }
  }

  private applyToFrames(event: number, frame: number, offset: number, length: number): void {
    const { pages } = this.io.memory
    const end = Math.min(offset + length, EVENT_PAGES_MAX * PAGE_SIZE)
    for (let at = offset; at < end; at += PAGE_SIZE - (at % PAGE_SIZE)) {
      const index = Math.floor(at / PAGE_SIZE)
      const page = pages.findFrame(frame + index)
      if (page >= 0) this.check(event, page, at % PAGE_SIZE, Math.min(end - index * PAGE_SIZE, PAGE_SIZE))
    }
  }

  private applyToAddresses(mm: number, event: number, address: number, length: number): void {
    const { spaces } = this.io.memory
    const firstPage = Math.floor(address / PAGE_SIZE)
    const endPage = Math.min(Math.ceil((address + length) / PAGE_SIZE), firstPage + EVENT_PAGES_MAX)
    for (let page = firstPage; page < endPage; ) {
      const found = spaces.walkPages(mm, page, Math.min(endPage - page, PAGE_LIST_MAX), 0, this.found)
      for (let i = 0; i < found; i++) {
        const start = (page + i) * PAGE_SIZE
        this.check(event, this.found[i], Math.max(address - start, 0), Math.min(address + length - start, PAGE_SIZE))
      }
      page += Math.max(found, 1)
    }
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
      const rule = ruleOf(event, guard, borrows.isSource[slot] === ITER_SOURCE, pages.kind[page] === KIND_SLAB)
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
