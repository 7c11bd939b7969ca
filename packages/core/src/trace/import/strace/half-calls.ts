import { LINE_BYTES_MAX, PENDING_MAX } from '../../limits.ts'
import type { ImportRow } from '../import-row.ts'

/** The first half of a call that strace cut in two because another task had something to tell in between. */
export interface HalfCall {
  readonly name: string
  /** The text up to the cut. */
  readonly text: string
  /** Line that it stands in, and the index in that line at which the text begins. */
  readonly line: number
  readonly textAt: number
  readonly tsNs: number
  /** What is held for it; null where it makes no row whatever follows. */
  readonly row: ImportRow | null
}

/** Bytes of all halves that wait. */
const HALVES_BYTES_MAX = 16 * LINE_BYTES_MAX

/** First halves by task. Of too many, or too long ones, the oldest are forgotten. */
export class HalfCalls {
  private readonly halves = new Map<number, HalfCall>()
  private bytes = 0

  add(task: number, half: HalfCall): void {
    this.take(task)
    this.halves.set(task, half)
    this.bytes += half.text.length
    while (this.halves.size > PENDING_MAX || this.bytes > HALVES_BYTES_MAX) {
      const oldest = this.halves.keys().next().value
      if (oldest === undefined) break
      this.take(oldest)
    }
  }

  take(task: number): HalfCall | undefined {
    const half = this.halves.get(task)
    if (half !== undefined) {
      this.halves.delete(task)
      this.bytes -= half.text.length
    }
    return half
  }
}
