import type { Operation } from '../consumer/operation.ts'
import { isUserBacked } from '../iter/iter-type.ts'
import type { Audit } from '../lifetime/audit.ts'
import { GUARD_COUNT, GUARD_LOCK, GUARD_NONE } from '../lifetime/borrows.ts'
import { FOLIO_LOCKED, FOLIO_WRITEBACK } from '../lifetime/folio-flags.ts'
import type { OpBatch } from '../trace/op-batch.ts'
import { PAGE_SIZE } from '../units.ts'
import type { RowPages } from './row-pages.ts'

/** Told of the bytes from `from` to `end` of a page. */
export type TellPiece = (page: number, from: number, end: number) => void

/**
 * Which bytes of which pages the list of an operation names: what its consumer said that it borrows, else what it extracted,
 * else what its iterator points into.
 */
export class OperationPieces {
  private readonly audit: Audit
  private readonly pages: RowPages

  constructor(audit: Audit, pages: RowPages) {
    this.audit = audit
    this.pages = pages
  }

  /** The call has returned, and the I/O goes on: what its list names is borrowed, where its consumer has not said so. */
  borrow(io: Operation, batch: OpBatch, row: number): void {
    if (io.borrowed !== 0 || io.isBounced) return
    const { listed } = this.audit
    // A kernel iterator whose array became the list; or one that is walked only when there is something to copy.
    if (listed.length === 0 && !isUserBacked(io.iter.type)) this.list(batch, row)
    listed.cut(io.result)
    for (let i = 0; i < listed.length; i++) {
      const guard = listed.isHeld[i] === 1 || io.iter.fixed ? GUARD_COUNT : this.guardOf(listed.page[i])
      io.borrow(listed.page[i], listed.offsetBytes[i], listed.lengthBytes[i], guard)
    }
  }

  /** Tells of the pieces that the first `bytes` bytes are in; false where nobody knows. */
  each(io: Operation, bytes: number, tell: TellPiece): boolean {
    const { listed } = this.audit
    if (io.borrowed !== 0) {
      this.eachBorrowed(io, bytes, tell)
      return true
    }
    if (io.hasEnd || listed.length === 0) return false
    listed.cut(bytes)
    for (let i = 0; i < listed.length; i++) {
      const end = listed.offsetBytes[i] + listed.lengthBytes[i]
      for (let at = listed.offsetBytes[i], page = listed.page[i]; at < end; page++) {
        const part = Math.min(PAGE_SIZE - (at % PAGE_SIZE), end - at)
        tell(page, at % PAGE_SIZE, (at % PAGE_SIZE) + part)
        at += part
      }
    }
    return true
  }

  /** A chain has its last piece first. One that names other bytes too (headers, buffers) is told whole. */
  private eachBorrowed(io: Operation, bytes: number, tell: TellPiece): void {
    const { borrows } = this.audit.lane
    let total = 0
    borrows.each(io.borrowed, (_page, from, end) => {
      total += end - from
    })
    const isJustTheData = total === io.result || total === io.lengthBytes
    let at = total
    borrows.each(io.borrowed, (page, from, end) => {
      at -= end - from
      if (!isJustTheData) tell(page, from, end)
      else if (at < bytes) tell(page, from, Math.min(end, from + bytes - at))
    })
  }

  private list(batch: OpBatch, row: number): void {
    const { listed } = this.audit
    this.pages.makeFrames(batch, row)
    this.pages.visit(batch, row, (page, from, end) => listed.addPiece(page, from, end - from, 0))
  }

  private guardOf(page: number): 0 | 2 {
    return this.audit.folios.has(page, FOLIO_LOCKED | FOLIO_WRITEBACK) ? GUARD_LOCK : GUARD_NONE
  }
}

/** Bytes of an operation that is over that a device has moved: fewer than were submitted where it ended short. */
export function bytesMoved({ result, recordedResult }: Operation): number {
  return recordedResult >= 0 && recordedResult < result ? recordedResult : result
}
