import { HOLD_NONE, type Hold, isHold, type Ledger, type Operation, PAGE_FRAG_BYTES } from '@pinscope/core'
import { FRAG_REFERENCES, SKB_FRAGS, SKBS } from './counters.ts'
import { MAX_SKB_FRAGS, PAGE_FRAG_LEFT_MIN } from './sizes.ts'

/** Whose a page is: the row's, one that the consumer allocated, or memory that is no page of the model. */
export const OF_ROW = 0
export const OF_CONSUMER = 1
export const OF_NOBODY = 2

/** In place of page rows, for memory of nobody's: a marker's page fragment, a kmalloc'ed head, and what TCP copies into. */
export const MARKER_PAGE = -1
export const KMALLOC_PAGE = -2
const COPY_PAGE = -3
const NO_PAGE = -4

/**
 * The skbs of a message, as TCP fills them. A piece of a page is a fragment, with a reference; one that goes on where the
 * last fragment ends, in the same page, makes that one longer and takes none. An skb is full with `sizeGoal` bytes, or
 * with 17 fragments; a piece that no longer fits goes on in the next skb, as a fragment with a reference of its own.
 *
 * A message begins an skb: what came before it has been sent. What is copied begins with an empty page of 32 KiB: what was
 * in it has been acknowledged. The memory of skbs is not counted.
 *
 * @kernel net/core/skbuff.c: skb_append_pagefrags (6.1: net/ipv4/tcp.c: tcp_build_frag); include/linux/skbuff.h:
 *   skb_can_coalesce; net/ipv4/tcp.c: tcp_sendmsg_locked. The same in 6.1, 6.12 and 7.3.
 */
export class TcpFrags {
  /** References on pages of the row. */
  hold: Hold = HOLD_NONE
  /** Fragments of the operation so far. */
  frags = 0
  /** {page row, offset, bytes} of each fragment of the row's pages, in order; only where somebody watches. */
  readonly told: number[] = []

  private readonly ledger: Ledger
  private readonly counts: Float64Array
  private readonly sizeGoal: number
  // The skb at work, its last fragment's page, and where that ends.
  private skbBytes = 0
  private skbFrags = 0
  private lastPage = NO_PAGE
  private lastEndBytes = 0
  private copyOffsetBytes = 0

  constructor(ledger: Ledger, counts: Float64Array, sizeGoal: number) {
    this.ledger = ledger
    this.counts = counts
    this.sizeGoal = sizeGoal
  }

  /** A new operation. */
  begin(): void {
    this.hold = HOLD_NONE
    this.frags = 0
    this.told.length = 0
  }

  /** A new message. */
  beginMessage(): void {
    this.skbBytes = this.sizeGoal
    this.copyOffsetBytes = 0
  }

  /** Bytes that the skb at work still takes; a full one makes room for the next. */
  roomBytes(): number {
    return this.skbBytes < this.sizeGoal ? this.sizeGoal - this.skbBytes : this.sizeGoal
  }

  /** Fragments that it still takes. */
  roomFrags(): number {
    return this.skbBytes < this.sizeGoal ? MAX_SKB_FRAGS - this.skbFrags : MAX_SKB_FRAGS
  }

  /** Appends a piece of a page, or of pages that follow each other, by reference; returns the references taken. */
  append(io: Operation, page: number, offsetBytes: number, bytes: number, whose: number): number {
    let taken = 0
    let at = offsetBytes
    for (let left = bytes; left > 0; ) {
      const joins = this.makeRoom(page, at)
      const part = Math.min(left, this.sizeGoal - this.skbBytes)
      if (!joins) {
        this.reference(io, page, whose)
        taken++
      }
      if (io.observer !== null && whose === OF_ROW) this.tell(page, at, part, joins)
      this.extend(page, at, part)
      at += part
      left -= part
    }
    this.counts[FRAG_REFERENCES] += taken
    return taken
  }

  /** Appends bytes that were copied into TCP's own pages. @kernel net/ipv4/tcp.c: tcp_sendmsg_locked, skb_copy_to_page_nocache */
  appendCopied(bytes: number): void {
    for (let left = bytes; left > 0; ) {
      if (this.copyOffsetBytes + PAGE_FRAG_LEFT_MIN > PAGE_FRAG_BYTES) {
        this.copyOffsetBytes = 0
        this.lastPage = NO_PAGE
      }
      this.makeRoom(COPY_PAGE, this.copyOffsetBytes)
      const part = Math.min(left, this.sizeGoal - this.skbBytes, PAGE_FRAG_BYTES - this.copyOffsetBytes)
      this.extend(COPY_PAGE, this.copyOffsetBytes, part)
      this.copyOffsetBytes += part
      left -= part
    }
  }

  /** An skb with room for a byte there; true when the last fragment goes on with it. */
  private makeRoom(page: number, offsetBytes: number): boolean {
    if (this.skbBytes >= this.sizeGoal) this.newSkb()
    if (this.lastPage === page && this.lastEndBytes === offsetBytes) return true
    if (this.skbFrags === MAX_SKB_FRAGS) this.newSkb()
    this.skbFrags++
    this.frags++
    this.counts[SKB_FRAGS]++
    return false
  }

  private extend(page: number, offsetBytes: number, bytes: number): void {
    this.lastPage = page
    this.lastEndBytes = offsetBytes + bytes
    this.skbBytes += bytes
  }

  private newSkb(): void {
    this.counts[SKBS]++
    this.skbBytes = 0
    this.skbFrags = 0
    this.lastPage = NO_PAGE
  }

  /** @kernel include/linux/mm.h: get_page */
  private reference(io: Operation, page: number, whose: number): void {
    if (whose === OF_CONSUMER) io.owned.get(page)
    if (whose !== OF_ROW) return
    const hold = io.referencePage(page)
    if (isHold(hold)) this.hold = this.ledger.join(this.hold, hold)
  }

  private tell(page: number, offsetBytes: number, bytes: number, joins: boolean): void {
    if (joins) this.told[this.told.length - 1] += bytes
    else this.told.push(page, offsetBytes, bytes)
  }
}
