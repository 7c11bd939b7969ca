import { tellCopiedIn } from '../consumer/tell-copied-in.ts'
import type { Audit } from '../lifetime/audit.ts'
import { mayEnterFileSystems } from '../trace/call-words.ts'
import { NONE, type OpBatch } from '../trace/op-batch.ts'
import { PAGE_SIZE } from '../units.ts'
import type { Apply, ApplyByEvent, AuditRows } from './audit-rows.ts'
import { destinationFile, namesDestination, type RowPages } from './row-pages.ts'
import { rangeOf } from './row-range.ts'

/** An event about a range of a file. */
function ofRange(tell: (audit: Audit, file: number, position: number, length: number, result: number) => void): Apply {
  return ({ audit }, batch, row) => {
    audit.space.writes.name(batch.id[row])
    const position = Math.max(batch.offsetBytes[row], 0)
    const result = batch.resultBytes[row]
    const length = Math.max(batch.lengthBytes[row], 0)
    tell(audit, batch.file[row], position, length, Number.isNaN(result) ? length : result)
  }
}

/** The pages that a row names. */
function pagesAt(pages: RowPages, batch: OpBatch, row: number): readonly number[] {
  const all: number[] = []
  pages.visit(batch, row, (page) => all.push(page))
  return all
}

/** The layout changes from `offset` on: by `len`, or to the end of the file. */
function changeLayout({ audit, pages }: AuditRows, batch: OpBatch, row: number): void {
  const { position, length } = rangeOf(batch, row)
  audit.leases.changeLayout(batch.file[row], position, length, pagesAt(pages, batch, row))
}

/** The layout of both files changes: of the one whose blocks are shared, and of the one that gets them. */
function changeLayouts(rows: AuditRows, batch: OpBatch, row: number): void {
  if (batch.file[row] !== NONE) changeLayout(rows, batch, row)
  if (batch.segmentCount[row] === 0) return
  const { audit, pages } = rows
  const all: number[] = []
  if (namesDestination(batch, row)) pages.visitDestination(batch, row, (page) => all.push(page))
  else pages.visit(batch, row, (page) => all.push(page))
  const { addressBytes, lengthBytes } = batch.segments
  const at = batch.segmentFirst[row]
  const named = destinationFile(batch, row)
  const file = named === NONE ? leasedFileOf(audit, all) : named
  audit.leases.changeLayout(file, named === NONE ? 0 : addressBytes[at], lengthBytes[at], all)
}

/** The file of pages that are named by address, where it is one that somebody leased; else nobody asks which it is. */
function leasedFileOf(audit: Audit, all: readonly number[]): number {
  const leased = audit.leases.files()
  if (leased.size === 0) return NONE
  const places = all.map((page) => audit.lane.memory.cache.placeOf(page))
  return places.find((place) => place !== null && leased.has(place.file))?.file ?? NONE
}

/** Reservations are no layout: a write gives back its own. Blocks are, and what nobody told of may be blocks. */
function punch(rows: AuditRows, batch: OpBatch, row: number): void {
  const { audit, pages } = rows
  const { space, folios } = audit
  const file = batch.file[row]
  const position = Math.max(batch.offsetBytes[row], 0)
  const length = batch.lengthBytes[row]
  space.writes.name(batch.id[row])
  const going: { readonly head: number; readonly index: number }[] = []
  if (space.mayHaveBlocks(file, position, length)) {
    changeLayout(rows, batch, row)
    pages.visitFolios(batch, row, (head, _file, index) => {
      const start = index * PAGE_SIZE
      const bytes = folios.sizeOf(head) * PAGE_SIZE
      const isWhole = start >= position && start + bytes <= position + length
      if (isWhole && space.mayHaveBlocks(file, start, bytes)) going.push({ head, index })
    })
  }
  space.punch(file, position, length)
  // With their blocks. @kernel mm/truncate.c: truncate_pagecache_range
  for (const { head, index } of going) {
    detach(rows, head, file, index)
    pages.leave(file, index)
  }
}

/** A folio is no longer its file's; its name is kept for who has it still. @kernel mm/truncate.c: truncate_inode_folio */
function detach({ audit, pages }: AuditRows, head: number, file: number, index: number): void {
  if (audit.folios.isBusy(head)) pages.remember(head, file, index)
  audit.folios.truncate(head)
}

function truncate(rows: AuditRows, batch: OpBatch, row: number): void {
  const { audit, pages } = rows
  const size = Math.max(batch.offsetBytes[row], 0)
  const behind = Number.MAX_SAFE_INTEGER - size
  audit.leases.changeLayout(batch.file[row], size, behind, pagesAt(pages, batch, row))
  audit.space.truncate(batch.file[row], size)
  pages.visitFolios(batch, row, (head, file, index) => {
    // A folio that begins before the end of the file stays in it.
    if (index * PAGE_SIZE >= size) detach(rows, head, file, index)
  })
}

/** Data was copied into the page cache. */
function copyIn({ audit, pages }: AuditRows, batch: OpBatch, row: number): void {
  const file = batch.file[row]
  const position = Math.max(batch.offsetBytes[row], 0)
  const length = Math.max(batch.lengthBytes[row], 0)
  pages.used.add(file)
  audit.space.writes.name(batch.id[row])
  audit.space.copyIn(file, position, length)
  tellCopiedIn(audit, audit.lane.memory, file, position, length)
}

function pagesOf(batch: OpBatch, row: number): number {
  return Math.ceil(batch.lengthBytes[row] / PAGE_SIZE)
}

/** Rows about files, their space and leases, and about tasks. */
export const FILE_ROWS: ApplyByEvent = {
  truncate,
  reflink: (rows, batch, row) => {
    const { audit, pages } = rows
    changeLayouts(rows, batch, row)
    pages.visit(batch, row, (page) => audit.folios.reflink(page))
    pages.visitDestination(batch, row, (page) => audit.folios.reflink(page, true))
  },
  dedupe: (rows, batch, row) => {
    const { audit, pages } = rows
    changeLayouts(rows, batch, row)
    pages.visit(batch, row, (page) => audit.folios.dedupe(page))
    pages.visitDestination(batch, row, (page) => audit.folios.dedupe(page, true))
  },
  reserve: ofRange((audit, file, position, length) => audit.space.reserve(file, position, length)),
  unreserve: ofRange((audit, file, position, length) => audit.space.unreserve(file, position, length)),
  allocate: (rows, batch, row) => {
    rows.audit.space.writes.name(batch.id[row])
    changeLayout(rows, batch, row)
    const length = Math.max(batch.lengthBytes[row], 0)
    rows.audit.space.allocate(batch.file[row], Math.max(batch.offsetBytes[row], 0), length)
  },
  copy_in: copyIn,
  zero: ofRange((audit, file, position, length) => audit.space.zero(file, position, length)),
  punch,
  extend: ofRange((audit, file, position) => audit.space.extend(file, position)),
  write_end: ofRange((audit, file, position, length, result) => audit.space.writeEnd(file, position, length, result)),
  lease: ({ audit }, batch, row) => audit.leases.take(batch.file[row]),
  unlease: ({ audit }, batch, row) => {
    const isHeld = audit.leases.on(batch.file[row]).some(({ holder }) => holder === batch.mm[row])
    if (!isHeld)
      audit.doubts.add(batch.line[row], 'unlease', 'of a lease that its task does not hold: nothing is given back')
    audit.leases.drop(batch.file[row])
  },
  lease_break: ({ audit }, batch, row) => audit.leases.break(batch.file[row]),
  layout: changeLayout,
  lock_file: ofRange((audit, file, position, length) => audit.tasks.files.lock(file, position, length)),
  unlock_file: ({ audit }, batch, row) => audit.tasks.files.unlock(batch.file[row]),
  wait: (rows, batch, row) => rows.audit.tasks.wait(rows.call(batch, row), Math.max(batch.lengthBytes[row], 0)),
  allocation: (rows, batch, row) => rows.audit.tasks.allocate(mayEnterFileSystems(rows.call(batch, row))),
  account: ({ audit }, batch, row) => audit.tasks.account(batch.mm[row], pagesOf(batch, row)),
  unaccount: ({ audit }, batch, row) => audit.tasks.unaccount(batch.mm[row], pagesOf(batch, row)),
}
