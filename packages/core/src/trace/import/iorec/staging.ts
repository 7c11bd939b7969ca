import { PENDING_ROWS_MAX, REORDER_ROWS_MAX } from '../../limits.ts'
import type { ImportRows } from '../import-rows.ts'
import { PinBrackets } from './pin-brackets.ts'
import type { Staged } from './staged.ts'
import { StagedHeap, StagedQueue } from './staged-lines.ts'

/** Bytes of the lines that wait together: lines may be long. */
const BYTES_MAX = 1 << 25

const LATE =
  'calls began more than 4,096 rows before they stand in the recording: their pins, and those of calls beside them, may be told wrong'
const GIVEN_UP = 'operations without a recorded completion: none came in the rows that followed'

/**
 * Brings the rows of a recording into the order of time, and holds each back until all is known of it: version 1 has a call
 * when it returns, and the completion of an asynchronous operation on a row of its own. Bounded: after REORDER_ROWS_MAX rows
 * the earliest goes on, after PENDING_ROWS_MAX it is not waited for any more.
 */
export class Staging {
  private readonly rows: ImportRows
  private readonly brackets = new PinBrackets()
  /** Not in order yet. */
  private readonly unordered = new StagedHeap()
  /** In order; the first ones wait for a completion, or for the end of their bracket. */
  private readonly ordered = new StagedQueue()
  private nowNs = Number.NEGATIVE_INFINITY

  constructor(rows: ImportRows) {
    this.rows = rows
  }

  add(staged: Staged): void {
    if (staged.call.tsNs < this.nowNs) this.rows.doubt(LATE)
    this.unordered.push(staged)
    while (this.unordered.size > REORDER_ROWS_MAX || this.bytes > BYTES_MAX) {
      if (this.unordered.size > 0) this.orderFirst()
      else this.giveUpFirst()
    }
  }

  /** The completion of an asynchronous operation came to be known. */
  complete(staged: Staged, endNs: number, result: number): void {
    staged.endNs = endNs
    staged.result = result
    staged.isComplete = true
    if (staged.hasBegun) this.brackets.complete(staged)
    this.runOver()
  }

  /** No more rows will come. */
  end(): void {
    while (this.unordered.size > 0) this.orderFirst()
    this.nowNs = Number.POSITIVE_INFINITY
    while (this.ordered.size > 0) this.runFirst()
  }

  private get bytes(): number {
    return this.unordered.bytes + this.ordered.bytes
  }

  private orderFirst(): void {
    const staged = this.unordered.shift()
    this.nowNs = Math.max(this.nowNs, staged.call.tsNs)
    this.brackets.begin(staged)
    this.ordered.push(staged)
    this.runOver()
    if (this.ordered.size > PENDING_ROWS_MAX) this.giveUpFirst()
  }

  /** Runs those of which all is known. */
  private runOver(): void {
    const { ordered } = this
    while (ordered.size > 0 && ordered.first.isComplete && ordered.first.bracketEndNs <= this.nowNs) this.runFirst()
  }

  private giveUpFirst(): void {
    if (!this.ordered.first.isComplete) this.atLine(this.ordered.first, () => this.rows.skip(GIVEN_UP))
    this.runFirst()
  }

  private runFirst(): void {
    const staged = this.ordered.shift()
    // A call of another thread may have begun before the one that stands first in the recording.
    this.rows.originNs ??= Math.min(0, staged.call.tsNs)
    this.atLine(staged, () => staged.run())
  }

  /** What is said and made meanwhile is of that line. */
  private atLine({ call }: Staged, work: () => void): void {
    const { line } = this.rows
    this.rows.line = call.line
    work()
    this.rows.line = line
  }
}
