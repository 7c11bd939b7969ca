import { NONE } from '../../op-batch.ts'
import type { Staged } from './staged.ts'

/** Calls at a time whose counts are watched; the oldest one beyond loses its counts. */
const OPEN_MAX = 1 << 12

/**
 * Takes the counts off operations that may not have them alone. The recorder reads counters of the whole machine before and
 * after each call: what another thread pinned in between is among them, and what asynchronous operations let go of.
 * Operations come in the order of time.
 */
export class PinBrackets {
  /** Operations whose bracket is not over. */
  private open: Staged[] = []
  /** The bracket of a pinning operation that ends last, whose thread that is, and the last end of all other threads. */
  private lastTid = NONE
  private lastEndNs = Number.NEGATIVE_INFINITY
  private otherEndNs = Number.NEGATIVE_INFINITY
  /** Last completion of an asynchronous pinning operation, and how many of them are still awaited. */
  private lastCompletionNs = Number.NEGATIVE_INFINITY
  private awaited = 0

  /** The next operation begins. */
  begin(staged: Staged): void {
    const { tid, tsNs } = staged.call
    staged.hasBegun = true
    this.open = this.open.filter((other) => other.bracketEndNs > tsNs && isCounted(other))
    if (this.open.length >= OPEN_MAX) share(this.open.shift()!)
    if ((tid === this.lastTid ? this.otherEndNs : this.lastEndNs) > tsNs) share(staged)
    if (this.awaited > 0 || this.lastCompletionNs > tsNs) staged.released = NONE
    if (staged.isPinning) this.disturb(staged)
    if (staged.isAsync) staged.released = NONE
    this.open.push(staged)
  }

  /** The completion of an asynchronous operation that began came to be known. */
  complete({ isPinning, endNs }: Staged): void {
    if (!isPinning) return
    this.awaited--
    this.lastCompletionNs = Math.max(this.lastCompletionNs, endNs)
  }

  /** The operation pins while others do not have their counts yet. */
  private disturb(staged: Staged): void {
    const { tid } = staged.call
    for (const other of this.open) {
      if (other.call.tid !== tid) share(other)
    }
    const end = staged.bracketEndNs
    if (tid === this.lastTid) this.lastEndNs = Math.max(this.lastEndNs, end)
    else if (end > this.lastEndNs) {
      this.otherEndNs = this.lastEndNs
      this.lastEndNs = end
      this.lastTid = tid
    } else this.otherEndNs = Math.max(this.otherEndNs, end)
    if (!staged.isAsync) return
    if (staged.isComplete && !Number.isNaN(staged.endNs)) {
      this.lastCompletionNs = Math.max(this.lastCompletionNs, staged.endNs)
    } else this.awaited++
  }
}

function isCounted({ acquired, released }: Staged): boolean {
  return acquired !== NONE || released !== NONE
}

function share(staged: Staged): void {
  staged.acquired = NONE
  staged.released = NONE
}
