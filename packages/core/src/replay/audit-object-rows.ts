import { type IterType, isUserBacked } from '../iter/iter-type.ts'
import { HOLD_NONE } from '../ledger/hold.ts'
import type { Audit, AuditedLane } from '../lifetime/audit.ts'
import { PAGE_KINDS } from '../memory/page-store.ts'
import { FLAG_RESET, type OpBatch } from '../trace/op-batch.ts'
import { PAGE_SIZE } from '../units.ts'
import { type Apply, type ApplyByEvent, type AuditRows, orZero } from './audit-rows.ts'

const KIND_VMALLOC = PAGE_KINDS.indexOf('vmalloc')

/** An event about an object. */
function ofObject(tell: (audit: Audit, object: number, bytes: number, result: number) => void): Apply {
  return (rows, batch, row) => {
    const bytes = Math.max(batch.lengthBytes[row], 0)
    tell(rows.audit, rows.object(batch, row), bytes, orZero(batch.resultBytes[row]))
  }
}

/** An event about an iterator. */
function ofIterator(tell: (audit: Audit, iterator: number, bytes: number, result: number) => void): Apply {
  return (rows, batch, row) => {
    const bytes = Math.max(batch.lengthBytes[row], 0)
    tell(rows.audit, rows.iterator(batch, row), bytes, orZero(batch.resultBytes[row]))
  }
}

/**
 * An entry for each run of pages whose rows follow each other, as far as the bytes go. Of user memory one ends where its folio
 * does: what lies behind that is anywhere. Frames and kernel memory that are named in one piece are one.
 */
function attach(rows: AuditRows, batch: OpBatch, row: number): void {
  const object = rows.object(batch, row)
  const { objects, lane } = rows.audit
  rows.pages.makeFrames(batch, row)
  let first = -1
  let next = -1
  let offset = 0
  let bytes = 0
  const { folios } = rows.audit
  const isOfUser = isUserBacked(batch.iterType[row] as IterType)
  const add = (): void => {
    if (first >= 0) objects.attach(object, rows.holdOn(first), first, offset, bytes)
  }
  rows.pages.visit(batch, row, (page, from, end) => {
    const isOther = isOfUser && folios.headOf(page) === page
    if (page !== next || isOther || from !== 0 || (offset + bytes) % PAGE_SIZE !== 0 || !followsInMemory(lane, page)) {
      add()
      first = page
      offset = from
      bytes = 0
    }
    next = page + 1
    bytes += end - from
  })
  add()
  if (first < 0) objects.attach(object, HOLD_NONE, -1, 0, Math.max(batch.lengthBytes[row], 0))
}

/** The page before this one lies before it in memory too: not all that vmalloc gives does. @kernel mm/vmalloc.c: vm_area_alloc_pages */
function followsInMemory({ memory }: AuditedLane, page: number): boolean {
  const { pages } = memory
  return pages.kindOf(page) !== KIND_VMALLOC || pages.frameOf(page) === pages.frameOf(page - 1) + 1
}

function init(rows: AuditRows, batch: OpBatch, row: number): void {
  const { lengthBytes } = batch.segments
  const type = batch.iterType[row] as IterType
  let bytes = 0
  for (let i = 0; i < batch.segmentCount[row]; i++) bytes += lengthBytes[batch.segmentFirst[row] + i]
  const count = batch.lengthBytes[row]
  const segmentBytes = batch.segmentCount[row] === 0 ? count : bytes
  const isSource = batch.direction[row] === 1
  const made = rows.audit.iterators.init(isSource, isUserBacked(type), batch.mm[row], count, segmentBytes, type)
  rows.iterators.set(batch.id[row], made)
}

/** The pages that the row names are one entry. */
function merge(rows: AuditRows, batch: OpBatch, row: number): void {
  let first = -1
  let offset = 0
  let bytes = 0
  rows.pages.makeFrames(batch, row)
  rows.pages.visit(batch, row, (page, from, end) => {
    if (first < 0) {
      first = page
      offset = from
    }
    bytes += end - from
  })
  rows.audit.objects.merge(rows.object(batch, row), rows.holdOn(first), first, offset, bytes)
}

function firstPage(rows: AuditRows, batch: OpBatch, row: number): number {
  let first = -1
  rows.pages.visit(batch, row, (page) => {
    if (first < 0) first = page
  })
  return first
}

/** Rows about kernel objects and iterators. */
export const OBJECT_ROWS: ApplyByEvent = {
  alloc: (rows, batch, row) => {
    rows.makeObject(batch, row, Math.max(batch.lengthBytes[row], 0))
  },
  attach,
  submit: (rows, batch, row) => rows.audit.objects.submit(rows.object(batch, row), batch.lengthBytes[row]),
  complete: (rows, batch, row) => {
    const { audit } = rows
    const object = rows.object(batch, row)
    if (!audit.objects.of(object).isInFlight) {
      audit.doubts.add(batch.line[row], 'complete', 'of an object that no submit row sent on its way')
    }
    audit.objects.complete(object, orZero(batch.resultBytes[row]))
  },
  clone: ofObject((audit, object) => audit.objects.clone(object)),
  share: ofObject((audit, object) => audit.objects.share(object)),
  drop: ofObject((audit, object) => audit.objects.drop(object)),
  merge,
  slot: (rows, batch, row) => {
    const isReset = (batch.flags[row] & FLAG_RESET) !== 0
    rows.audit.objects.fillSlot(rows.object(batch, row), firstPage(rows, batch, row), isReset)
  },
  append: (rows, batch, row) => rows.audit.objects.appendToSlot(rows.object(batch, row), firstPage(rows, batch, row)),
  init,
  extract: ofIterator((audit, iterator, bytes) => audit.iterators.extract(iterator, bytes)),
  advance: ofIterator((audit, iterator, bytes) => audit.iterators.advance(iterator, bytes)),
  revert: ofIterator((audit, iterator, bytes) => audit.iterators.revert(iterator, bytes)),
  consume: ofIterator((audit, iterator, bytes) => audit.iterators.consume(iterator, bytes)),
  use: ofIterator((audit, iterator) => audit.iterators.use(iterator)),
  copy: (rows, batch, row) => rows.audit.iterators.copy(rows.iterator(batch, row), batch.direction[row] === 0),
  return: (rows, batch, row) => {
    const result = batch.resultBytes[row]
    rows.audit.iterators.return(rows.iterator(batch, row), orZero(result), !Number.isNaN(result))
  },
}
