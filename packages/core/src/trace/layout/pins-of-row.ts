import { FLAG_ASSUMED } from '../../iter/row-flags.ts'
import { PAGE_SIZE, pageOffsetOf, pagesSpanned } from '../../units.ts'
import type { OpBatch } from '../op-batch.ts'

/** Pages that buffers touch, each segment by itself: at least, on average, and at most. */
export interface PinsSpread {
  min: number
  /** A sum of multiples of 1 / 4096: exact. */
  expected: number
  max: number
}

/**
 * Adds the pages of an operation's segments. Where its addresses are assumed they may begin on any byte of a page: a length
 * of n bytes touches ceil(n / 4096) pages at least, 1 + ceil((n - 1) / 4096) at most, and 1 + (n - 1) / 4096 on average.
 */
export function addPins(spread: PinsSpread, batch: OpBatch, row: number): void {
  const { addressBytes, lengthBytes } = batch.segments
  const isAssumed = (batch.flags[row]! & FLAG_ASSUMED) !== 0
  const first = batch.segmentFirst[row]!
  for (let i = first; i < first + batch.segmentCount[row]!; i++) {
    const length = lengthBytes[i]!
    if (length === 0) continue
    const pages = pagesSpanned(pageOffsetOf(addressBytes[i]!), length)
    spread.min += isAssumed ? Math.ceil(length / PAGE_SIZE) : pages
    spread.expected += isAssumed ? 1 + (length - 1) / PAGE_SIZE : pages
    spread.max += isAssumed ? 1 + Math.ceil((length - 1) / PAGE_SIZE) : pages
  }
}
