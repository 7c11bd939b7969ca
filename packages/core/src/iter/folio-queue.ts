import { grown } from '../grown.ts'
import { invariant } from '../invariant.ts'
import { PAGE_SIZE } from '../units.ts'

/** Slots of one segment of a folio queue. @kernel include/linux/pagevec.h: PAGEVEC_SIZE; folio_queue.h: folioq_nr_slots (6.12 and later) */
export const FOLIOQ_SLOTS = 31
/** A slot that holds no folio: cleared, or not yet added to. @kernel include/linux/folio_queue.h: folioq_clear, NULL */
export const FOLIOQ_NO_FOLIO = -1

/**
 * A chain of `struct folio_queue`: segments of 31 slots, one after the other. Slot s of segment q is element
 * `q * FOLIOQ_SLOTS + s` of the columns.
 *
 * The order of a folio is noted when it is appended, so that a later split is not seen. A slot never added to reads as
 * order 0 and no folio. Clearing a slot does not shorten the queue.
 *
 * @kernel include/linux/folio_queue.h: struct folio_queue (since 6.12; 6.1 has none)
 */
export class FolioQueue {
  /** Head page row, or {@link FOLIOQ_NO_FOLIO}. */
  folio = new Int32Array(FOLIOQ_SLOTS * 4).fill(FOLIOQ_NO_FOLIO)
  /** log2 of the folio's pages, as noted when it was appended. */
  order = new Uint8Array(FOLIOQ_SLOTS * 4)
  /** Segments linked so far. */
  segments = 1
  /** Slots added to in the last segment. */
  private filled = 0

  /** Empties the queue for another use. */
  clearAll(): void {
    const used = this.segments * FOLIOQ_SLOTS
    this.folio.fill(FOLIOQ_NO_FOLIO, 0, used)
    this.order.fill(0, 0, used)
    this.segments = 1
    this.filled = 0
  }

  /** Adds a folio at the end, in a new segment where the last is full. @kernel folioq_append; fs/netfs/rolling_buffer.c */
  append(head: number, order: number): void {
    if (this.filled === FOLIOQ_SLOTS) this.extend()
    const at = (this.segments - 1) * FOLIOQ_SLOTS + this.filled++
    this.folio[at] = head
    this.order[at] = order
  }

  /** Links a further segment, whatever room the last one has. @kernel fs/netfs/rolling_buffer.c: rolling_buffer_make_space */
  extend(): void {
    this.segments++
    this.filled = 0
    const slots = this.segments * FOLIOQ_SLOTS
    if (slots <= this.folio.length) return
    const before = this.folio.length
    this.folio = grown(this.folio, before * 2)
    this.folio.fill(FOLIOQ_NO_FOLIO, before)
    this.order = grown(this.order, before * 2)
  }

  /** Takes the folio out of a slot; the slot stays. @kernel folioq_clear */
  clear(segment: number, slot: number): void {
    invariant(segment < this.segments && slot < FOLIOQ_SLOTS, 'folioq_clear: no such slot')
    this.folio[segment * FOLIOQ_SLOTS + slot] = FOLIOQ_NO_FOLIO
  }

  /** Slots added to, over all segments: never less after {@link clear}. @kernel folioq_count */
  get count(): number {
    return (this.segments - 1) * FOLIOQ_SLOTS + this.filled
  }

  /** Bytes of the folio in a slot; a page where none was added. @kernel folioq_folio_size */
  sizeBytes(segment: number, slot: number): number {
    return PAGE_SIZE << this.order[segment * FOLIOQ_SLOTS + slot]
  }

  /** Head page row in a slot, or {@link FOLIOQ_NO_FOLIO}. @kernel folioq_folio */
  folioAt(segment: number, slot: number): number {
    return this.folio[segment * FOLIOQ_SLOTS + slot]
  }
}
