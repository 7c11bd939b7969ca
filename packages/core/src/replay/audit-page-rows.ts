import type { Audit } from '../lifetime/audit.ts'
import { FOLIO_DETACHED, FOLIO_LOCKED } from '../lifetime/folio-flags.ts'
import { BY_CPU, BY_KERNEL } from '../lifetime/lifetime-event.ts'
import { FOLL_WRITE } from '../memory/foll.ts'
import { FLAG_KERNEL, FLAG_NOWAIT, FLAG_RAW, type OpBatch } from '../trace/op-batch.ts'
import { PAGE_SIZE } from '../units.ts'
import { type Apply, type ApplyByEvent, type AuditRows, orZero } from './audit-rows.ts'
import { rangeOf } from './row-range.ts'

/** An event about folios, of which the row names pages: once a folio, of its first page. */
function eachFolio(tell: (audit: Audit, head: number) => void): Apply {
  return ({ audit, pages }, batch, row) => pages.visitFolios(batch, row, (head) => tell(audit, head))
}

/**
 * As {@link eachFolio}; where it is told that the folio left its file no page table has it any more, once nobody has it
 * locked.
 */
function leaving(leaves: (audit: Audit, head: number) => boolean): Apply {
  return ({ audit, pages }, batch, row) => {
    pages.visitFolios(batch, row, (head, file, index) => {
      const isBusy = audit.folios.isBusy(head)
      if (!leaves(audit, head)) return
      if (isBusy) pages.remember(head, file, index)
      if (audit.folios.has(head, FOLIO_LOCKED)) return
      pages.leave(file, index)
    })
  }
}

/** The folios of the range; and those of it that left their file while they were locked. */
function unlock({ audit, pages }: AuditRows, batch: OpBatch, row: number): void {
  const { folios, tasks } = audit
  pages.visitFolios(batch, row, (head, file, index) => {
    tasks.unlock(head)
    if (folios.has(head, FOLIO_DETACHED)) pages.leave(file, index)
  })
  if (batch.segmentCount[row] > 0) return
  const { position, length } = rangeOf(batch, row)
  const first = Math.floor(position / PAGE_SIZE)
  const end = (position + length) / PAGE_SIZE
  for (const { page, index } of tasks.locksOf(batch.file[row])) {
    if (index >= first && index < end && folios.has(page, FOLIO_DETACHED)) tasks.unlock(page)
  }
}

/** Pages are made dirty; of a range of a file that is not in memory as a trace tells of it, its blocks are. */
function makeDirty(tell: (audit: Audit, head: number) => void, asked: boolean): Apply {
  return ({ audit, pages }, batch, row) => {
    let isOfNone = batch.segmentCount[row] === 0 && !audit.space.isEmpty
    pages.visitFolios(batch, row, (head) => {
      isOfNone = false
      tell(audit, head)
    })
    if (!isOfNone) return
    const { position, length } = rangeOf(batch, row)
    audit.space.dirty(batch.file[row], position, length, asked)
  }
}

function store({ audit, pages }: AuditRows, batch: OpBatch, row: number): void {
  const by = (batch.flags[row] & FLAG_KERNEL) === 0 ? BY_CPU : BY_KERNEL
  const waits = (batch.flags[row] & FLAG_NOWAIT) === 0
  const foll = by === BY_CPU ? FOLL_WRITE : 0
  const each = (page: number, from: number, end: number): void => {
    audit.folios.store(page, from, end - from, by, waits)
    if (by === BY_KERNEL) audit.tokens.eachOn(page, 1, (token) => audit.tokens.markWritten(token))
  }
  pages.visit(batch, row, each, foll)
}

function dma({ audit, pages }: AuditRows, batch: OpBatch, row: number): void {
  const isStore = batch.direction[row] === 0
  const device = batch.id[row]
  pages.makeFrames(batch, row)
  pages.visit(batch, row, (page, from, end) => {
    if (device >= 0) audit.devices.begin(device, isStore, page, from, end - from)
    else if (isStore) audit.devices.store(page, from, end - from)
    else audit.folios.load(page, from, end - from)
  })
}

/** Of a range of a file, or of the pages of segments. */
function writeback(rows: AuditRows, batch: OpBatch, row: number): void {
  const { audit, pages } = rows
  if (batch.segmentCount[row] === 0) {
    const { position, length } = rangeOf(batch, row)
    audit.space.writeback(batch.file[row], position, length)
  }
  pages.visitFolios(batch, row, (head) => audit.folios.writeBack(head))
}

function writebackEnd({ audit, pages }: AuditRows, batch: OpBatch, row: number): void {
  const result = orZero(batch.resultBytes[row])
  // Of files that nothing names all is told at once: RowPages.
  let isOfNone = batch.segmentCount[row] > 0
  pages.visitFolios(batch, row, (head) => {
    isOfNone = false
    audit.folios.writebackEnd(head, result)
  })
  if (isOfNone) audit.doubts.add(batch.line[row], 'writeback_end', 'of pages that no row brought into memory')
}

/** `get` and `put` with the flag `raw` move the counter of the page itself. */
function raw(by: number): Apply {
  return ({ audit, pages }, batch, row) => {
    if ((batch.flags[row] & FLAG_RAW) === 0) return
    pages.makeFrames(batch, row)
    pages.visit(batch, row, (page) => audit.tokens.raw(page, by))
  }
}

/** Rows about pages. */
export const PAGE_ROWS: ApplyByEvent = {
  lock: ({ audit, pages }, batch, row) => {
    const waits = (batch.flags[row] & FLAG_NOWAIT) === 0
    pages.visitFolios(batch, row, (head, file, index) => audit.tasks.lock(head, file, index, waits))
  },
  unlock,
  store,
  load: ({ audit, pages }, batch, row) => {
    const by = (batch.flags[row] & FLAG_KERNEL) === 0 ? BY_CPU : BY_KERNEL
    if (batch.segmentCount[row] === 0) {
      const { position, length } = rangeOf(batch, row)
      audit.space.read(batch.file[row], position, length)
    }
    pages.visit(batch, row, (page, from, end) => audit.folios.load(page, from, end - from, by))
  },
  dma,
  dma_end: ({ audit }, batch, row) => {
    if (audit.devices.end(batch.id[row])) return
    audit.doubts.add(batch.line[row], 'dma_end', 'of an access that no dma row with its id began: nothing is stored')
  },
  dirty: makeDirty((audit, head) => audit.folios.dirty(head), false),
  clean: eachFolio((audit, head) => audit.folios.clean(head)),
  writeback,
  writeback_end: writebackEnd,
  mkwrite: makeDirty((audit, head) => audit.folios.mkwrite(head), true),
  stable: eachFolio((audit, head) => audit.folios.stable(head)),
  invalidate: leaving((audit, head) => audit.folios.invalidate(head)),
  reclaim: leaving((audit, head) => audit.folios.reclaim(head)),
  migrate: eachFolio((audit, head) => audit.folios.migrate(head)),
  compare: ({ audit, pages }, batch, row) => {
    pages.visit(batch, row, (page) => audit.folios.compare(page))
    pages.visitDestination(batch, row, (page) => audit.folios.compare(page))
  },
  free: (rows, batch, row) => {
    const { audit, objects } = rows
    const object = objects.get(batch.id[row])
    if (object !== undefined) audit.objects.free(object)
    if (batch.segmentCount[row] === 0) return
    rows.pages.visit(batch, row, (page, from, end) => audit.folios.free(page, from, end - from))
  },
  get: raw(1),
  put: raw(-1),
}
