import { type IterType, isUserBacked } from '../iter/iter-type.ts'
import { HOLD_NONE, type Hold, makeHold } from '../ledger/hold.ts'
import type { Audit } from '../lifetime/audit.ts'
import { BY_CPU, BY_KERNEL, eventCode } from '../lifetime/lifetime-event.ts'
import { FOLL_WRITE } from '../memory/foll.ts'
import type { Dictionary } from '../trace/dictionary.ts'
import {
  EVENT_NAMES,
  type EventName,
  FLAG_KERNEL,
  FLAG_NOWAIT,
  FLAG_RAW,
  FLAG_RESET,
  type OpBatch,
} from '../trace/op-batch.ts'
import { PAGE_SIZE } from '../units.ts'
import type { RowPages } from './row-pages.ts'

type Apply = (rows: AuditRows, batch: OpBatch, row: number) => void

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

  /** The object that the row's id names; one that nothing allocated is made. */
  object(batch: OpBatch, row: number): number {
    const known = this.objects.get(batch.id[row])
    return known ?? this.makeObject(batch, row, 0)
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

/** An event about pages, page by page. */
function eachPage(tell: (audit: Audit, page: number, from: number, bytes: number) => void): Apply {
  return ({ audit, pages }, batch, row) =>
    pages.visit(batch, row, (page, from, end) => tell(audit, page, from, end - from))
}

/** An event about an object. */
function ofObject(tell: (audit: Audit, object: number, bytes: number, result: number) => void): Apply {
  return (rows, batch, row) => {
    const result = batch.resultBytes[row]
    tell(rows.audit, rows.object(batch, row), Math.max(batch.lengthBytes[row], 0), Number.isNaN(result) ? 0 : result)
  }
}

/** An event about an iterator. */
function ofIterator(tell: (audit: Audit, iterator: number, bytes: number, result: number) => void): Apply {
  return (rows, batch, row) => {
    const result = batch.resultBytes[row]
    tell(rows.audit, rows.iterator(batch, row), Math.max(batch.lengthBytes[row], 0), Number.isNaN(result) ? 0 : result)
  }
}

/** An event about a range of a file. */
function ofRange(tell: (audit: Audit, file: number, position: number, length: number, result: number) => void): Apply {
  return ({ audit }, batch, row) => {
    const position = Math.max(batch.offsetBytes[row], 0)
    const result = batch.resultBytes[row]
    const length = Math.max(batch.lengthBytes[row], 0)
    tell(audit, batch.file[row], position, length, Number.isNaN(result) ? length : result)
  }
}

const APPLY: { readonly [Name in EventName]?: Apply } = {
  lock: ({ audit, pages }, batch, row) =>
    pages.visit(batch, row, (page, _from, _end, file, index) => audit.tasks.lock(page, file, index)),
  unlock: eachPage((audit, page) => audit.tasks.unlock(page)),
  store: ({ audit, pages }, batch, row) => {
    const by = (batch.flags[row] & FLAG_KERNEL) === 0 ? BY_CPU : BY_KERNEL
    const waits = (batch.flags[row] & FLAG_NOWAIT) === 0
    const foll = by === BY_CPU ? FOLL_WRITE : 0
    const store = (page: number, from: number, end: number): void => {
      audit.folios.store(page, from, end - from, by, waits)
      if (by === BY_KERNEL) audit.tokens.eachOn(page, 1, (token) => audit.tokens.markWritten(token))
    }
    pages.visit(batch, row, store, foll)
  },
  load: ({ audit, pages }, batch, row) => {
    const by = (batch.flags[row] & FLAG_KERNEL) === 0 ? BY_CPU : BY_KERNEL
    pages.visit(batch, row, (page, from, end) => audit.folios.load(page, from, end - from, by))
  },
  dma: (rows, batch, row) => {
    const { audit } = rows
    const isStore = batch.direction[row] === 0
    const hasEnd = batch.id[row] >= 0
    rows.pages.visit(batch, row, (page, from, end) => {
      if (hasEnd) audit.devices.begin(batch.id[row], isStore, page, from, end - from)
      else if (isStore) audit.devices.store(page, from, end - from)
      else audit.folios.load(page, from, end - from)
    })
  },
  dma_end: ({ audit }, batch, row) => audit.devices.end(batch.id[row]),
  dirty: eachPage((audit, page) => audit.folios.dirty(page)),
  clean: eachPage((audit, page) => audit.folios.clean(page)),
  writeback: eachPage((audit, page) => {
    audit.folios.clean(page)
    audit.folios.writeback(page)
  }),
  writeback_end: eachPage((audit, page) => audit.folios.writebackEnd(page)),
  mkwrite: eachPage((audit, page) => audit.folios.mkwrite(page)),
  stable: eachPage((audit, page) => audit.folios.stable(page)),
  truncate: ({ audit, pages }, batch, row) => {
    const size = Math.max(batch.offsetBytes[row], 0)
    audit.leases.changeLayout(batch.file[row], size, Number.MAX_SAFE_INTEGER - size)
    pages.visit(batch, row, (page) => audit.folios.truncate(page))
  },
  invalidate: eachPage((audit, page) => audit.folios.invalidate(page)),
  reclaim: eachPage((audit, page) => audit.folios.reclaim(page)),
  migrate: eachPage((audit, page) => audit.folios.migrate(page)),
  compare: eachPage((audit, page) => audit.folios.compare(page)),
  dedupe: eachPage((audit, page) => audit.folios.dedupe(page)),
  reflink: ({ audit, pages }, batch, row) => {
    const length = batch.lengthBytes[row]
    const position = Math.max(batch.offsetBytes[row], 0)
    audit.leases.changeLayout(batch.file[row], position, length < 0 ? Number.MAX_SAFE_INTEGER - position : length)
    pages.visit(batch, row, (page) => audit.folios.reflink(page))
  },
  free: (rows, batch, row) => {
    const { audit, objects } = rows
    const object = objects.get(batch.id[row])
    if (object !== undefined) audit.objects.free(object)
    if (batch.segmentCount[row] === 0) return
    rows.pages.visit(batch, row, (page, from, end) => audit.folios.free(page, from, end - from))
  },
  alloc: (rows, batch, row) => {
    rows.makeObject(batch, row, Math.max(batch.lengthBytes[row], 0))
  },
  attach: (rows, batch, row) => {
    const object = rows.object(batch, row)
    const { segments } = batch
    for (let s = batch.segmentFirst[row]; s < batch.segmentFirst[row] + batch.segmentCount[row]; s++) {
      attachSegment(rows, object, batch, row, segments.lengthBytes[s], s - batch.segmentFirst[row])
    }
  },
  submit: ofObject((audit, object, bytes) => audit.objects.submit(object, bytes)),
  complete: ofObject((audit, object, _bytes, result) => audit.objects.complete(object, result)),
  clone: ofObject((audit, object) => audit.objects.clone(object)),
  share: ofObject((audit, object) => audit.objects.share(object)),
  drop: ofObject((audit, object) => audit.objects.drop(object)),
  merge: (rows, batch, row) => {
    const object = rows.object(batch, row)
    rows.audit.objects.merge(object, rows.holdOn(firstPage(rows, batch, row)))
  },
  slot: (rows, batch, row) => {
    const isReset = (batch.flags[row] & FLAG_RESET) !== 0
    rows.audit.objects.fillSlot(rows.object(batch, row), firstPage(rows, batch, row), isReset)
  },
  append: (rows, batch, row) => rows.audit.objects.appendToSlot(rows.object(batch, row), firstPage(rows, batch, row)),
  init: (rows, batch, row) => {
    const { lengthBytes } = batch.segments
    let bytes = 0
    for (let i = 0; i < batch.segmentCount[row]; i++) bytes += lengthBytes[batch.segmentFirst[row] + i]
    const count = batch.lengthBytes[row]
    const isUser = isUserBacked(batch.iterType[row] as IterType)
    const segmentBytes = batch.segmentCount[row] === 0 ? count : bytes
    const made = rows.audit.iterators.init(batch.direction[row] === 1, isUser, batch.mm[row], count, segmentBytes)
    rows.iterators.set(batch.id[row], made)
  },
  extract: ofIterator((audit, iterator, bytes) => audit.iterators.extract(iterator, bytes)),
  advance: ofIterator((audit, iterator, bytes) => audit.iterators.advance(iterator, bytes)),
  revert: ofIterator((audit, iterator, bytes) => audit.iterators.revert(iterator, bytes)),
  consume: ofIterator((audit, iterator, bytes) => audit.iterators.consume(iterator, bytes)),
  use: ofIterator((audit, iterator) => audit.iterators.use(iterator)),
  copy: (rows, batch, row) => rows.audit.iterators.copy(rows.iterator(batch, row), batch.direction[row] === 0),
  return: ofIterator((audit, iterator, _bytes, result) => audit.iterators.return(iterator, result)),
  reserve: ofRange((audit, file, position, length) => audit.space.reserve(file, position, length)),
  unreserve: ofRange((audit, file, position, length) => audit.space.unreserve(file, position, length)),
  allocate: ofRange((audit, file, position, length) => {
    audit.leases.changeLayout(file, position, length)
    audit.space.allocate(file, position, length)
  }),
  copy_in: ofRange((audit, file, position, length) => audit.space.copyIn(file, position, length)),
  zero: ofRange((audit, file, position, length) => audit.space.zero(file, position, length)),
  punch: ofRange((audit, file, position, length) => audit.space.punch(file, position, length)),
  extend: ofRange((audit, file, position) => audit.space.extend(file, position)),
  write_end: ofRange((audit, file, position, length, result) => audit.space.writeEnd(file, position, length, result)),
  lease: ({ audit }, batch, row) => audit.leases.take(batch.file[row]),
  unlease: ({ audit }, batch, row) => audit.leases.drop(batch.file[row]),
  lease_break: ({ audit }, batch, row) => audit.leases.break(batch.file[row]),
  layout: ofRange((audit, file, position, length) => audit.leases.changeLayout(file, position, length)),
  wait: (rows, batch, row) => rows.audit.tasks.wait(rows.call(batch, row), Math.max(batch.lengthBytes[row], 0)),
  allocation: (rows, batch, row) => rows.audit.tasks.allocate(rows.call(batch, row) === 'GFP_KERNEL'),
  account: ({ audit }, batch, row) => audit.tasks.account(batch.mm[row], pagesOf(batch, row)),
  unaccount: ({ audit }, batch, row) => audit.tasks.unaccount(batch.mm[row], pagesOf(batch, row)),
  get: (rows, batch, row) => raw(rows, batch, row, 1),
  put: (rows, batch, row) => raw(rows, batch, row, -1),
}

/** Events that an audit hears whoever's they are. */
export const AUDITED_EVENTS: readonly number[] = Object.keys(APPLY).map((name) =>
  EVENT_NAMES.indexOf(name as EventName),
)

/** `get` and `put` with the flag `raw` move the counter of the page itself. */
function raw(rows: AuditRows, batch: OpBatch, row: number, by: number): void {
  if ((batch.flags[row] & FLAG_RAW) === 0) return
  const { bus } = rows.audit
  rows.pages.visit(batch, row, (page) => {
    const event = bus.next()
    event.page = page
    event.pages = 1
    event.amount = by
    bus.tell(eventCode('raw'))
  })
}

function attachSegment(rows: AuditRows, object: number, batch: OpBatch, row: number, bytes: number, at: number): void {
  let segment = -1
  let first = -1
  let offset = 0
  let left = 0
  // The pages come in the order of the segments: those of this one begin where the ones before it end.
  rows.pages.visit(batch, row, (page, from, end) => {
    if (left <= 0) {
      segment++
      left = batch.segments.lengthBytes[batch.segmentFirst[row] + segment]
      if (segment === at) {
        first = page
        offset = from
      }
    }
    left -= end - from
  })
  rows.audit.objects.attach(object, first < 0 ? HOLD_NONE : rows.holdOn(first), first, offset, bytes)
}

function firstPage(rows: AuditRows, batch: OpBatch, row: number): number {
  let first = -1
  rows.pages.visit(batch, row, (page) => {
    if (first < 0) first = page
  })
  return first
}

function pagesOf(batch: OpBatch, row: number): number {
  return Math.ceil(batch.lengthBytes[row] / PAGE_SIZE)
}
