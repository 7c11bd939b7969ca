import type { Operation } from '../consumer/operation.ts'
import { extractPages } from '../extract/extract-pages.ts'
import { PAGE_LIST_MAX } from '../extract/page-list.ts'
import { type ExtractionPolicy, findPolicy } from '../extract/policy.ts'
import { RETAIN_NONE, RETAIN_PIN, RETAIN_REF, type Retention } from '../extract/retention.ts'
import { invariant } from '../invariant.ts'
import { ITER_DEST, ITER_FOLIOQ, ITER_SOURCE, ITER_XARRAY } from '../iter/iter-type.ts'
import { FLAG_DIRTY, FLAG_LONGTERM, FLAG_RAW } from '../iter/row-flags.ts'
import { HOLD_NONE, type Hold, isHold, isPinned, makeHold, retentionOf } from '../ledger/hold.ts'
import { REASON_LONG_TERM } from '../ledger/hold-table.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { EVENT_GET, EVENT_PIN, EVENT_UNPIN, NONE, type OpBatch } from '../trace/op-batch.ts'
import { MAX_RW_COUNT } from '../units.ts'
import { ID_HOLD, ID_OPERATION, ID_REGISTRATION, ID_UNUSED, type IdTable } from './id-table.ts'
import type { InFlight } from './in-flight.ts'
import { startIter } from './load-operation.ts'

/**
 * Recorded reference events: `pin` and `get` take, `unpin` and `put` let go, whatever the policy. They pair by `id`, or
 * where a row has none by their first page and number of pages.
 * @kernel mm/gup.c: pin_user_pages, get_user_pages, unpin_user_pages; include/linux/mm.h: put_page
 */
export class ReferenceEvents {
  private readonly io: Operation
  private readonly ledger: Ledger
  private readonly ids: IdTable
  private readonly inFlight: InFlight
  /** Holds of rows without id, by first page row and page count; the last taken is let go first. */
  private readonly unnamed = new Map<number, Taken[]>()

  constructor(io: Operation, ledger: Ledger, ids: IdTable, inFlight: InFlight) {
    this.io = io
    this.ledger = ledger
    this.ids = ids
    this.inFlight = inFlight
  }

  /** `pin` or `get`; where `op` is `read`, for writing to the memory. */
  take(batch: OpBatch, row: number): void {
    const isRaw = (batch.flags[row] & FLAG_RAW) !== 0
    if (isRaw && batch.event[row] === EVENT_GET) return
    const retention = batch.event[row] === EVENT_PIN ? RETAIN_PIN : RETAIN_REF
    this.startIter(batch, row)
    // What is pinned as it is gets no write fault either.
    if (!isRaw && batch.direction[row] === ITER_DEST) this.io.iter.direction = ITER_DEST
    let hold: Hold = HOLD_NONE
    let key = -1
    for (;;) {
      const bytes = this.list(isRaw ? RETAIN_NONE : retention)
      if (bytes <= 0) break
      this.io.list.retention = retention
      if (key < 0) key = this.io.list.page[0]
      const taken = this.ledger.acquire(this.io.list)
      if (!isHold(taken)) break
      hold = this.ledger.join(hold, taken)
    }
    if ((batch.flags[row] & FLAG_LONGTERM) !== 0) this.ledger.mark(hold, REASON_LONG_TERM)
    const pages = this.ledger.pagesHeld(hold)
    const id = batch.id[row]
    if (id !== NONE) {
      this.ids.set(id, ID_HOLD, batch.firstRow + row, retention, pages)
      this.ids.hold[id] = hold
    } else if (key >= 0) {
      const name = nameOf(key, this.ledger.entriesHeld(hold))
      const taken: Taken = { hold, retention, row: batch.firstRow + row, pages }
      const all = this.unnamed.get(name)
      if (all === undefined) this.unnamed.set(name, [taken])
      // Of those let go only the last is remembered.
      else all.splice(0, all.length, ...all.filter((one) => this.ledger.isOpen(one.hold)), taken)
    }
  }

  /** `unpin` or `put`. */
  letGo(batch: OpBatch, row: number): void {
    if ((batch.flags[row] & FLAG_RAW) !== 0) return
    const as = batch.event[row] === EVENT_UNPIN ? RETAIN_PIN : RETAIN_REF
    const id = batch.id[row]
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
    const part = retentionOf(hold) === as ? this.partOf(hold, batch, row) : hold
    this.release(part, as, (batch.flags[row] & FLAG_DIRTY) !== 0)
  }

  /** Where the row has segments too, only as many entries are let go as they have pages, the last ones: the rest stays. */
  private partOf(hold: Hold, batch: OpBatch, row: number): Hold {
    if (batch.segmentCount[row] === 0) return hold
    const held = this.ledger.entriesHeld(hold)
    this.startIter(batch, row)
    let named = 0
    for (let bytes = this.list(RETAIN_NONE); bytes > 0; bytes = this.list(RETAIN_NONE)) named += this.io.list.length
    return named > 0 && named < held ? this.ledger.split(hold, named) : hold
  }

  private release(hold: Hold, as: Retention, makesDirty: boolean): void {
    if (makesDirty && as === RETAIN_PIN && isPinned(hold)) this.ledger.unpinDirty(hold)
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
    this.startIter(batch, row)
    let first = -1
    let entries = 0
    for (let bytes = this.list(RETAIN_NONE); bytes > 0; bytes = this.list(RETAIN_NONE)) {
      if (first < 0) first = this.io.list.page[0]
      entries += this.io.list.length
    }
    const all = first < 0 ? undefined : this.unnamed.get(nameOf(first, entries))
    if (all === undefined) {
      this.ledger.violate('unknown-release', 0, as, as, entries, 'no row of this trace took these pages')
      return
    }
    const isOpen = ({ hold }: Taken) => this.ledger.isOpen(hold)
    // The last one taken the same way; failing that the last one still held, which is then let go the wrong way.
    const taken = all.findLast((one) => one.retention === as && isOpen(one)) ?? all.findLast(isOpen)
    if (taken === undefined) {
      const { row: takenRow, retention, pages } = all[all.length - 1]
      this.ledger.violate('double-release', takenRow, retention, as, pages, RELEASED_BEFORE)
      return
    }
    this.release(taken.hold, as, (batch.flags[row] & FLAG_DIRTY) !== 0)
    // The last one stays, so that a further release is recognised.
    if (all.length > 1 && !isOpen(taken)) all.splice(all.indexOf(taken), 1)
  }

  private startIter(batch: OpBatch, row: number): void {
    const ofFile = batch.iterType[row] === ITER_FOLIOQ || batch.iterType[row] === ITER_XARRAY
    const bytes = totalLength(batch, row)
    startIter(this.io, batch, row, ofFile ? Math.min(bytes, FILE_BYTES_MAX) : bytes)
    this.io.iter.direction = ITER_SOURCE
  }

  private list(retention: Retention): number {
    const { iter, memory, list } = this.io
    return extractPages(iter, TAKING[retention], memory, list, PAGE_LIST_MAX, MAX_RW_COUNT)
  }
}

/** What a row without id took. */
interface Taken {
  readonly hold: Hold
  readonly retention: Retention
  readonly row: number
  readonly pages: number
}

/** Most bytes of a file that one event names: its pages are made present first. */
const FILE_BYTES_MAX = MAX_RW_COUNT

const RELEASED_BEFORE = 'everything that it took was released before'

/** Extraction that takes what an event says, of every type of iterator: by `RETAIN_*`. */
const TAKING = [RETAIN_NONE, RETAIN_REF, RETAIN_PIN].map((retention) => ({
  ...(findPolicy('extract') as ExtractionPolicy),
  retention: () => retention,
}))

function nameOf(firstPage: number, entries: number): number {
  return firstPage * 2 ** 24 + entries
}

function totalLength(batch: OpBatch, row: number): number {
  const { lengthBytes } = batch.segments
  let total = 0
  for (let i = 0; i < batch.segmentCount[row]; i++) total += lengthBytes[batch.segmentFirst[row] + i]
  return total
}
