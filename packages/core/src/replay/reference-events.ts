import type { Operation } from '../consumer/operation.ts'
import { extractPages, TAKE_LONGTERM } from '../extract/extract-pages.ts'
import { PAGE_LIST_MAX } from '../extract/page-list.ts'
import { type ExtractionPolicy, findPolicy } from '../extract/policy.ts'
import { RETAIN_NONE, RETAIN_PIN, RETAIN_REF, type Retention } from '../extract/retention.ts'
import { invariant } from '../invariant.ts'
import {
  ITER_BVEC,
  ITER_DEST,
  ITER_FOLIOQ,
  ITER_SOURCE,
  ITER_XARRAY,
  type IterType,
  isUserBacked,
} from '../iter/iter-type.ts'
import { FLAG_DIRTY, FLAG_LONGTERM, FLAG_RAW } from '../iter/row-flags.ts'
import { HOLD_NONE, type Hold, isBorrowed, isHold, makeHold, retentionOf } from '../ledger/hold.ts'
import { REASON_LONG_TERM } from '../ledger/hold-table.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { EVENT_GET, EVENT_PIN, EVENT_UNPIN, NONE, type OpBatch } from '../trace/op-batch.ts'
import { MAX_RW_COUNT } from '../units.ts'
import { ID_HOLD, ID_OPERATION, ID_REGISTRATION, ID_UNUSED, type IdTable } from './id-table.ts'
import type { InFlight } from './in-flight.ts'
import { startIter } from './load-operation.ts'
import { NamedParts } from './named-parts.ts'
import { RefusedTakes } from './refused-takes.ts'
import { UnnamedReferences } from './unnamed-references.ts'

/**
 * Recorded reference events: `pin` and `get` take, `unpin` and `put` let go, whatever the policy. They pair by `id`, or
 * where a row has none by their pages ({@link UnnamedReferences}). What get_user_pages of the modelled kernel refuses, it
 * refuses here too: a row asks for pages, and the kernel that it was recorded on gave them by the same rules.
 * @kernel mm/gup.c: pin_user_pages, get_user_pages, unpin_user_pages; include/linux/mm.h: put_page
 */
export class ReferenceEvents {
  private readonly io: Operation
  private readonly ledger: Ledger
  private readonly ids: IdTable
  private readonly inFlight: InFlight
  private readonly unnamed: UnnamedReferences
  private readonly parts: NamedParts
  private readonly refused = new RefusedTakes()
  /** The row that lets go makes dirty first. */
  private makesDirty = false
  /** Pages of the row at work. */
  private readonly pages: number[] = []

  constructor(io: Operation, ledger: Ledger, ids: IdTable, inFlight: InFlight) {
    this.io = io
    this.ledger = ledger
    this.ids = ids
    this.inFlight = inFlight
    this.parts = new NamedParts(ledger, io.pages, ids)
    this.unnamed = new UnnamedReferences(ledger, (hold, as) => this.release(hold, as, this.makesDirty))
  }

  /** `pin` or `get`; where `op` is `read`, for writing to the memory. */
  take(batch: OpBatch, row: number): void {
    const isRaw = (batch.flags[row] & FLAG_RAW) !== 0
    if (isRaw && batch.event[row] === EVENT_GET) return
    const retention = batch.event[row] === EVENT_PIN ? RETAIN_PIN : RETAIN_REF
    this.startIter(batch, row)
    // What is pinned as it is gets no write fault either.
    if (!isRaw && batch.direction[row] === ITER_DEST) this.io.iter.direction = ITER_DEST
    const flags = (batch.flags[row] & FLAG_LONGTERM) !== 0 ? TAKE_LONGTERM : 0
    let hold: Hold = HOLD_NONE
    let error = 0
    for (;;) {
      const bytes = this.list(isRaw ? RETAIN_NONE : retention, isRaw ? 0 : flags)
      error = Math.min(bytes, 0)
      if (bytes <= 0) break
      this.io.list.retention = retention
      const taken = this.ledger.acquire(this.io.list)
      if (!isHold(taken)) break
      hold = this.ledger.join(hold, taken)
    }
    if (error < 0) this.io.audit?.takeRefused(error, this.ledger.entriesHeld(hold))
    if (error < 0 && hold === HOLD_NONE) {
      this.refused.add(batch, row)
      return
    }
    this.refused.forget(batch.id[row])
    if (flags !== 0) this.ledger.mark(hold, REASON_LONG_TERM)
    const id = batch.id[row]
    if (id !== NONE) {
      this.ids.set(id, ID_HOLD, batch.firstRow + row, retention, this.ledger.pagesHeld(hold))
      this.ids.hold[id] = hold
      this.parts.begin(id, batch, row)
    } else if (hold !== HOLD_NONE) {
      const mm = isUserBacked(batch.iterType[row] as IterType) ? batch.mm[row] : -1
      this.unnamed.add(hold, retention, batch.firstRow + row, mm)
    }
  }

  /** `unpin` or `put`. */
  letGo(batch: OpBatch, row: number): void {
    if ((batch.flags[row] & FLAG_RAW) !== 0) return
    const as = batch.event[row] === EVENT_UNPIN ? RETAIN_PIN : RETAIN_REF
    const id = batch.id[row]
    if (id !== NONE && this.refused.takeOut(batch, row)) return
    if (id === NONE) {
      this.letGoUnnamed(batch, row, as)
      return
    }
    switch (this.ids.kindOf(id)) {
      case ID_UNUSED:
        this.ledger.violate('unknown-release', 0, as, as, 0, 'nothing that this trace took has that id')
        return
      case ID_OPERATION:
        this.letGoOperation(id, as, batch.firstRow + row)
        return
      case ID_HOLD:
      case ID_REGISTRATION:
        this.letGoHold(batch, row, id, as)
        return
      default:
        invariant(false, 'an id refers to something unknown')
    }
  }

  private letGoHold(batch: OpBatch, row: number, id: number, as: Retention): void {
    const hold = this.ids.holdOf(id)
    if (!this.ledger.isOpen(hold)) {
      this.releasedBefore(id, as)
      return
    }
    this.makesDirty = (batch.flags[row] & FLAG_DIRTY) !== 0
    if (batch.segmentCount[row] > 0 && retentionOf(hold) === as) this.letGoPart(batch, row, id, hold)
    else this.release(hold, as, this.makesDirty)
  }

  /** Where the row has segments too, only what these name is let go: the rest stays. */
  private letGoPart(batch: OpBatch, row: number, id: number, hold: Hold): void {
    const { ledger, ids, pages } = this
    const as = retentionOf(hold)
    this.listPages(batch, row)
    if (pages.length === 0) {
      this.release(hold, as, this.makesDirty)
      return
    }
    const part = this.parts.takeOut(id, hold, batch, row, pages)
    if (part.hold !== HOLD_NONE) this.release(part.hold, as, this.makesDirty)
    if (part.gone > 0) ledger.violate('double-release', ids.row[id], as, as, part.gone, RELEASED_BEFORE)
    if (part.surplus > 0) ledger.violate('unknown-release', ids.row[id], as, as, part.surplus, MORE_THAN_TAKEN)
    if (part.unknown > 0) ledger.violate('unknown-release', 0, as, as, part.unknown, NOT_OF_ID)
  }

  private release(hold: Hold, as: Retention, makesDirty: boolean): void {
    if (makesDirty && retentionOf(hold) === as && !isBorrowed(hold)) this.ledger.letGoDirty(hold)
    else this.ledger.release(hold, as)
  }

  /** What an operation keeps is let go by an event, ahead of its completion. */
  private letGoOperation(id: number, as: Retention, row: number): void {
    const { ids, inFlight, ledger } = this
    const slot = ids.slot[id]
    if (slot === 0 || inFlight.number[slot] !== ids.number[id] || inFlight.keptFirst[slot] === 0) {
      this.releasedBefore(id, as)
      return
    }
    const isRightKind = as === ids.retention[id]
    let held = inFlight.keptFirst[slot]
    while (held !== 0) {
      const next = ledger.holds.nextOfOperation[held]
      ledger.release(makeHold(held, ledger.holds.generation[held], ledger.holds.retention[held] as Retention), as)
      held = next
    }
    if (!isRightKind) return
    inFlight.keptFirst[slot] = 0
    inFlight.keptLast[slot] = 0
    inFlight.releasedEarly[slot] = row
    inFlight.earlyRetention[slot] = as
    inFlight.earlyPages[slot] = ids.pages[id]
  }

  /** The completion of an operation releases what a recorded event had released already. */
  reportEarlyRelease(slot: number): void {
    const { row, releasedEarly, earlyRetention, earlyPages } = this.inFlight
    const kind = earlyRetention[slot] as Retention
    const detail = `its completion releases what row ${releasedEarly[slot]} had released`
    this.ledger.violate('double-release', row[slot], kind, kind, earlyPages[slot], detail)
  }

  private releasedBefore(id: number, as: Retention): void {
    const { ids } = this
    const { row, retention, pages } = ids
    this.ledger.violate('double-release', row[id], retention[id] as Retention, as, pages[id], RELEASED_BEFORE)
  }

  private letGoUnnamed(batch: OpBatch, row: number, as: Retention): void {
    const { pages } = this
    this.listPages(batch, row)
    if (!this.unnamed.hasAny(pages) && this.refused.takeOut(batch, row)) return
    this.makesDirty = (batch.flags[row] & FLAG_DIRTY) !== 0
    this.unnamed.letGo({ pages, as, isByFrame: batch.iterType[row] === ITER_BVEC, mm: batch.mm[row] })
  }

  /** Lists the pages of a row's segments. */
  private listPages(batch: OpBatch, row: number): void {
    const { pages } = this
    this.startIter(batch, row)
    pages.length = 0
    for (let bytes = this.list(RETAIN_NONE); bytes > 0; bytes = this.list(RETAIN_NONE)) {
      for (let i = 0; i < this.io.list.length; i++) pages.push(this.io.list.pageAt(i))
    }
  }

  private startIter(batch: OpBatch, row: number): void {
    const ofFile = batch.iterType[row] === ITER_FOLIOQ || batch.iterType[row] === ITER_XARRAY
    const bytes = totalLength(batch, row)
    startIter(this.io, batch, row, ofFile ? Math.min(bytes, FILE_BYTES_MAX) : bytes)
    this.io.iter.direction = ITER_SOURCE
  }

  private list(retention: Retention, flags = 0): number {
    const { iter, memory, list } = this.io
    return extractPages(iter, TAKING[retention], memory, list, PAGE_LIST_MAX, MAX_RW_COUNT, flags)
  }
}

/** Most bytes of a file that one event names: its pages are made present first. */
const FILE_BYTES_MAX = MAX_RW_COUNT

const RELEASED_BEFORE = 'everything that it took was released before'
const MORE_THAN_TAKEN = 'more pages than the row with that id took'
const NOT_OF_ID = 'the row with that id did not take these pages'

/** Extraction that takes what an event says, of every type of iterator: by `RETAIN_*`. */
const TAKING = [RETAIN_NONE, RETAIN_REF, RETAIN_PIN].map((retention) => ({
  ...(findPolicy('extract') as ExtractionPolicy),
  retention: () => retention,
}))

function totalLength(batch: OpBatch, row: number): number {
  const { lengthBytes } = batch.segments
  let total = 0
  for (let i = 0; i < batch.segmentCount[row]; i++) total += lengthBytes[batch.segmentFirst[row] + i]
  return total
}
