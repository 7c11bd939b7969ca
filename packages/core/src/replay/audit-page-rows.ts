import type { Audit } from '../lifetime/audit.ts'
import { BY_CPU, BY_KERNEL } from '../lifetime/lifetime-event.ts'
import { FOLL_WRITE } from '../memory/foll.ts'
import { FLAG_KERNEL, FLAG_NOWAIT, FLAG_RAW, type OpBatch } from '../trace/op-batch.ts'
import { type Apply, type ApplyByEvent, type AuditRows, orZero } from './audit-rows.ts'

/** An event about pages, page by page. */
function eachPage(tell: (audit: Audit, page: number, from: number, bytes: number) => void): Apply {
  return ({ audit, pages }, batch, row) =>
    pages.visit(batch, row, (page, from, end) => tell(audit, page, from, end - from))
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
  const isRange = batch.segmentCount[row] === 0
  if (isRange) {
    const position = Math.max(batch.offsetBytes[row], 0)
    const length = batch.lengthBytes[row] < 0 ? Number.MAX_SAFE_INTEGER - position : batch.lengthBytes[row]
    audit.space.writeback(batch.file[row], position, length)
  }
  pages.visit(batch, row, (page) => {
    audit.folios.clean(page)
    audit.folios.writeback(page)
  })
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
    pages.visit(batch, row, (page, _from, _end, file, index) => audit.tasks.lock(page, file, index, waits))
  },
  unlock: eachPage((audit, page) => audit.tasks.unlock(page)),
  store,
  load: ({ audit, pages }, batch, row) => {
    const by = (batch.flags[row] & FLAG_KERNEL) === 0 ? BY_CPU : BY_KERNEL
    pages.visit(batch, row, (page, from, end) => audit.folios.load(page, from, end - from, by))
  },
  dma,
  dma_end: ({ audit }, batch, row) => {
    if (audit.devices.end(batch.id[row])) return
    audit.doubts.add(batch.line[row], 'dma_end', 'of an access that no dma row with its id began: nothing is stored')
  },
  dirty: eachPage((audit, page) => audit.folios.dirty(page)),
  clean: eachPage((audit, page) => audit.folios.clean(page)),
  writeback,
  writeback_end: ({ audit, pages }, batch, row) => {
    const result = orZero(batch.resultBytes[row])
    let isOfNone = true
    pages.visit(batch, row, (page) => {
      isOfNone = false
      audit.folios.writebackEnd(page, result)
    })
    if (isOfNone) audit.doubts.add(batch.line[row], 'writeback_end', 'of pages that no row brought into memory')
  },
  mkwrite: eachPage((audit, page) => audit.folios.mkwrite(page)),
  stable: eachPage((audit, page) => audit.folios.stable(page)),
  invalidate: eachPage((audit, page) => audit.folios.invalidate(page)),
  reclaim: eachPage((audit, page) => audit.folios.reclaim(page)),
  migrate: eachPage((audit, page) => audit.folios.migrate(page)),
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
