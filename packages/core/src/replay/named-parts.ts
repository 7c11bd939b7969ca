import { ITER_BVEC, ITER_FOLIOQ, ITER_KVEC, ITER_XARRAY, type IterType } from '../iter/iter-type.ts'
import { HOLD_NONE, type Hold, slotOf } from '../ledger/hold.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { PageStore } from '../memory/page-store.ts'
import type { OpBatch } from '../trace/op-batch.ts'
import { PAGE_SIZE } from '../units.ts'
import { hasJust, placeOf } from './hold-pages.ts'
import type { IdTable } from './id-table.ts'

/** What a row with an id and segments lets go of. */
export interface NamedPart {
  /** A hold of its own; HOLD_NONE: nothing of what it names is held. */
  readonly hold: Hold
  /** Pages that it names which had been let go before. */
  readonly gone: number
  /** Pages that were never taken: those beyond the number that was held, and others. */
  readonly surplus: number
  readonly unknown: number
}

/** How segments name pages, from 1: what one names cannot be compared with what another does. */
const BY_ADDRESS = 1
const BY_FRAME = 2
const BY_KERNEL_ADDRESS = 3
const BY_FILE = 4

/**
 * Parts of what rows with an id took, found by the pages that a row with segments names: each page is let go once. References
 * are counted on folios, so another page of the same large folio stands for one that is not there. Where an address has
 * another page by now (copy-on-write), or frames are named of what was taken by address, nobody recorded which page it was:
 * then as many are let go, the last ones.
 * @kernel mm/gup.c: unpin_user_pages; include/linux/mm.h: put_page
 */
export class NamedParts {
  private readonly ledger: Ledger
  private readonly pages: PageStore
  private readonly ids: IdTable
  /** By name id, of what was let go in part: the pages of those parts. */
  private readonly gone = new Map<number, number[]>()

  constructor(ledger: Ledger, pages: PageStore, ids: IdTable) {
    this.ledger = ledger
    this.pages = pages
    this.ids = ids
  }

  /** The row takes, and its id stands for that from now on. */
  begin(id: number, batch: OpBatch, row: number): void {
    const { ids } = this
    this.gone.delete(id)
    const { from, end } = rangeOf(batch, row)
    ids.namedBy[id] = namesBy(batch.iterType[row] as IterType)
    ids.fromBytes[id] = from
    ids.endBytes[id] = end
  }

  /** Takes `named` pages, those of the row's segments, out of what `id` stands for. */
  takeOut(id: number, hold: Hold, batch: OpBatch, row: number, named: readonly number[]): NamedPart {
    const { ledger } = this
    if (hasJust(ledger, hold, named)) return { hold, gone: 0, surplus: 0, unknown: 0 }
    const held = ledger.entriesHeld(hold)
    const gone = this.goneOf(id)
    let part: Hold = HOLD_NONE
    let missing = 0
    let before = 0
    for (const page of named) {
      const place = part === hold ? -1 : this.placeOf(hold, page)
      if (place >= 0) part = this.move(part, ledger.takeOut(hold, place), gone)
      else if (gone.includes(page)) before++
      else missing++
    }
    const left = ledger.isOpen(hold) && hold !== part ? ledger.entriesHeld(hold) : 0
    const byNumber = this.isSure(id, batch, row) ? 0 : Math.min(missing, left)
    if (byNumber > 0) {
      part = this.move(part, byNumber < left ? ledger.split(hold, byNumber) : hold, gone)
      missing -= byNumber
    }
    const surplus = Math.min(missing, Math.max(named.length - before - held, 0))
    return { hold: part, gone: before, surplus, unknown: missing - surplus }
  }

  private goneOf(id: number): number[] {
    const known = this.gone.get(id)
    if (known !== undefined) return known
    const gone: number[] = []
    this.gone.set(id, gone)
    return gone
  }

  /** Adds `more` to the part, and remembers its pages. */
  private move(part: Hold, more: Hold, gone: number[]): Hold {
    this.ledger.eachRun(slotOf(more), (first, count) => {
      for (let page = first; page < first + count; page++) gone.push(page)
    })
    return this.ledger.join(part, more)
  }

  private placeOf(hold: Hold, page: number): number {
    const { ledger, pages } = this
    const place = placeOf(ledger, hold, page)
    const order = pages.orderOf(page)
    return place >= 0 || order === 0 ? place : placeOf(ledger, hold, pages.headOf(page), 2 ** order)
  }

  /** What the row names was not taken, if it is not found: it names it another way, or memory that is not in what was taken. */
  private isSure(id: number, batch: OpBatch, row: number): boolean {
    const { ids } = this
    const { from, end } = rangeOf(batch, row)
    if (ids.namedBy[id] !== namesBy(batch.iterType[row] as IterType)) return false
    return from < ids.fromBytes[id] || end > ids.endBytes[id]
  }
}

function namesBy(type: IterType): number {
  if (type === ITER_BVEC) return BY_FRAME
  if (type === ITER_KVEC) return BY_KERNEL_ADDRESS
  return type === ITER_FOLIOQ || type === ITER_XARRAY ? BY_FILE : BY_ADDRESS
}

/** From the first page to the last one of a row's segments: addresses, frames, or places in a file. */
function rangeOf(batch: OpBatch, row: number): { from: number; end: number } {
  const { addressBytes, offsetBytes, lengthBytes } = batch.segments
  const isByFrame = batch.iterType[row] === ITER_BVEC
  let from = Number.POSITIVE_INFINITY
  let end = 0
  const first = batch.segmentFirst[row]
  for (let s = first; s < first + batch.segmentCount[row]; s++) {
    const start = isByFrame ? addressBytes[s] * PAGE_SIZE + offsetBytes[s] : addressBytes[s]
    from = Math.min(from, start - (start % PAGE_SIZE))
    end = Math.max(end, Math.ceil((start + lengthBytes[s]) / PAGE_SIZE) * PAGE_SIZE)
  }
  return { from, end }
}
