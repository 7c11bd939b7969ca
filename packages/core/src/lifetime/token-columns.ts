import { grown } from '../grown.ts'

/** What the next references taken are for: set by the lane before a consumer runs. */
export interface TokenPurpose {
  /** The memory is written to: ITER_DEST, FOLL_WRITE. */
  isDest: boolean
  /** It is a user's memory: only that is ever owed an unpin. @kernel include/linux/uio.h: user_backed_iter */
  isUser: boolean
  /** FOLL_LONGTERM. */
  isLongTerm: boolean
  mm: number
}

/**
 * What is known of each token: columns by row of the hold table, those of lifetime.md 1.2.
 */
export class TokenColumns {
  isDest = new Uint8Array(1024)
  isUser = new Uint8Array(1024)
  isLongTerm = new Uint8Array(1024)
  mm = new Int32Array(1024)
  /** Something was written through it. */
  wrote = new Uint8Array(1024)
  /** Its folios were made dirty after that. */
  dirtied = new Uint8Array(1024)
  /** The object that it belongs to, 0: none; and how many of its pages are in that object's list. */
  owner = new Int32Array(1024)
  attached = new Int32Array(1024)
  /** Pages when the first came into the list of an object, and how many did: of the whole, where it was split since. */
  whole = new Int32Array(1024)
  entered = new Int32Array(1024)
  /** The call in which it was taken: an iterator, 0: none that the trace tells of. */
  call = new Int32Array(1024)
  /** The call that took it returned this errno (positive) while it was open, 0: it did not. */
  errno = new Int32Array(1024)
  /** 1: the call that took it succeeded, and another one that fails later is not to blame. */
  settled = new Uint8Array(1024)
  /** Row in which its owner was freed while it was open. */
  ownerFreedRow = new Int32Array(1024)
  /** Row in which only a part of its pages was let go, 0: none was. */
  shortRow = new Int32Array(1024)
  /** The token that it was split from, 0: none. */
  splitFrom = new Int32Array(1024)
  /** 1: an object was freed that took others of its row or its call, but not it. */
  passedBy = new Uint8Array(1024)
  /** {@link EventBus.serial} when it was taken. */
  takenAt = new Float64Array(1024)

  /** A token begins: what it is for, and nothing else yet. */
  protected begin(slot: number, purpose: TokenPurpose): void {
    this.hold(slot)
    this.isDest[slot] = purpose.isDest ? 1 : 0
    this.isUser[slot] = purpose.isUser ? 1 : 0
    this.isLongTerm[slot] = purpose.isLongTerm ? 1 : 0
    this.mm[slot] = purpose.mm
    this.wrote[slot] = 0
    this.dirtied[slot] = 0
    this.owner[slot] = 0
    this.attached[slot] = 0
    this.whole[slot] = 0
    this.entered[slot] = 0
    this.call[slot] = 0
    this.errno[slot] = 0
    this.settled[slot] = 0
    this.ownerFreedRow[slot] = 0
    this.shortRow[slot] = 0
    this.splitFrom[slot] = 0
    this.passedBy[slot] = 0
    this.takenAt[slot] = 0
  }

  /** A part of a token becomes one of its own, with the history of the whole. */
  protected copy(from: number, to: number): void {
    this.hold(to)
    for (const column of [
      this.isDest,
      this.isUser,
      this.isLongTerm,
      this.wrote,
      this.dirtied,
      this.passedBy,
      this.settled,
    ])
      column[to] = column[from]
    for (const column of [this.mm, this.owner, this.errno, this.ownerFreedRow, this.whole, this.entered, this.call])
      column[to] = column[from]
    this.shortRow[to] = 0
    this.takenAt[to] = this.takenAt[from]
  }

  private hold(slot: number): void {
    while (slot >= this.isDest.length) this.grow()
  }

  private grow(): void {
    const capacity = this.isDest.length * 2
    this.isDest = grown(this.isDest, capacity)
    this.isUser = grown(this.isUser, capacity)
    this.isLongTerm = grown(this.isLongTerm, capacity)
    this.mm = grown(this.mm, capacity)
    this.wrote = grown(this.wrote, capacity)
    this.dirtied = grown(this.dirtied, capacity)
    this.owner = grown(this.owner, capacity)
    this.attached = grown(this.attached, capacity)
    this.whole = grown(this.whole, capacity)
    this.entered = grown(this.entered, capacity)
    this.call = grown(this.call, capacity)
    this.errno = grown(this.errno, capacity)
    this.settled = grown(this.settled, capacity)
    this.ownerFreedRow = grown(this.ownerFreedRow, capacity)
    this.shortRow = grown(this.shortRow, capacity)
    this.splitFrom = grown(this.splitFrom, capacity)
    this.passedBy = grown(this.passedBy, capacity)
    this.takenAt = grown(this.takenAt, capacity)
  }
}
