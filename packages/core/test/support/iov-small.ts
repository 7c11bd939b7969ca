import type { PolicyName } from '../../src/extract/policy.ts'
import { HOLE, type IovCase, type IovSegment } from './iov-case.ts'
import { IovDifference } from './iov-difference.ts'
import type { IovPair } from './iov-pair.ts'

// All small cases: what the values are, and the loops over them.

export const LENGTHS = [0, 1, 4095, 4096, 4097, 8192] as const
export const OFFSETS = [0, 1, 511, 4095] as const
const MAXPAGES = [0, 1, 2, 3, 4] as const
const HUGE = Number.MAX_SAFE_INTEGER
/** Pages from the start of one segment to that of the next: as many as it may have. */
const SEGMENT_PAGES = 3
/** Calls after which it is not seen to the end; of a few bytes each, they are alike before that. */
const CALLS_MAX = 10
const SHORT_CALLS_MAX = 4

/** Every list of `count` segments. */
export function* segmentLists(count: number): Generator<readonly IovSegment[]> {
  const each = LENGTHS.length * OFFSETS.length
  for (let n = 0; n < each ** count; n++) {
    const segments: IovSegment[] = []
    for (let k = 0, rest = n; k < count; k++, rest = Math.floor(rest / each)) {
      const offset = OFFSETS[rest % OFFSETS.length]!
      const length = LENGTHS[Math.floor(rest / OFFSETS.length) % LENGTHS.length]!
      segments.push([k * SEGMENT_PAGES, offset, length])
    }
    yield segments
  }
}

/** Every list of up to three folios of one page or two, and holes. */
export function* folioLists(): Generator<readonly number[]> {
  for (let count = 1; count <= 3; count++) {
    for (let n = 0; n < 3 ** count; n++) {
      yield Array.from({ length: count }, (_, k) => [0, 1, HOLE][Math.floor(n / 3 ** k) % 3]!)
    }
  }
}

export function totalOf(segments: readonly IovSegment[]): number {
  return segments.reduce((sum, segment) => sum + segment[2], 0)
}

/** The byte limits that make a difference for so many bytes. */
export function cutsOf(total: number): readonly number[] {
  const cuts = [0, 1, 511, 4095, 4096, 4097, total - 1, total, HUGE]
  return [...new Set(cuts)].filter((cut) => cut >= 0 && (cut <= total || cut === HUGE))
}

/** What was compared. */
export class Tally {
  /** Iterators with a byte limit and a page limit, each used up by repeated calls. */
  drains = 0
  calls = 0
  /** Iterators that were advanced, asked, and taken back. */
  moves = 0
}

/** What is done to an iterator before it is looked at. */
export type Prepare = (pair: IovPair) => void

/**
 * Takes pages out of an iterator under every limit, each time from the beginning to the end. `record` is told what each
 * call returned, and where the iterator was then.
 */
export function drainAll(
  pair: IovPair,
  one: IovCase,
  policy: PolicyName,
  tally: Tally,
  prepare?: Prepare,
  record?: (bytes: number) => void,
): void {
  for (const bytesMax of cutsOf(one.countBytes)) {
    for (const pagesMax of MAXPAGES) {
      // Without bytes, or without pages, the first call is like all others.
      if (bytesMax === 0 && pagesMax > 1) break
      try {
        pair.begin(one)
        prepare?.(pair)
        tally.drains++
        drain(pair, policy, bytesMax, pagesMax, tally, record)
      } catch (error) {
        throw explained(error, one, `${policy}, at most ${bytesMax} bytes and ${pagesMax} pages a call`)
      }
    }
  }
}

function drain(
  pair: IovPair,
  policy: PolicyName,
  bytesMax: number,
  pagesMax: number,
  tally: Tally,
  record?: (bytes: number) => void,
): void {
  const callsMax = pagesMax === 0 ? 2 : bytesMax < 4095 ? SHORT_CALLS_MAX : CALLS_MAX
  let failed = 0
  for (let call = 0; call < callsMax && failed < 2; call++) {
    const bytes = pair.extract(policy, bytesMax, pagesMax)
    record?.(bytes)
    tally.calls++
    // NaN: undefined.
    if (!(bytes > 0)) failed += bytes <= 0 ? 1 : 2
    if (pair.slow.count === 0) failed++
  }
}

/** Advances an iterator by every interesting amount, asks everything, and takes it back by every interesting amount. */
export function moveAll(pair: IovPair, one: IovCase, tally: Tally, prepare?: Prepare): void {
  for (const ahead of cutsOf(one.countBytes)) {
    for (const back of [0, 1, 511, 4095, 4096, 4097, ahead, ahead + 1]) {
      try {
        pair.begin(one)
        prepare?.(pair)
        tally.moves++
        // NaN: undefined.
        if (Number.isNaN(pair.advance(ahead))) break
        if (back === 0) pair.queries()
        pair.revert(back)
      } catch (error) {
        throw explained(error, one, `advanced by ${ahead}, reverted by ${back}`)
      }
    }
  }
}

/** Asks everything of an iterator that was advanced by every interesting amount. */
export function askAll(pair: IovPair, one: IovCase, tally: Tally): void {
  for (const ahead of cutsOf(one.countBytes)) {
    try {
      pair.begin(one)
      tally.moves++
      if (!Number.isNaN(pair.advance(ahead))) pair.queries()
    } catch (error) {
      throw explained(error, one, `advanced by ${ahead}`)
    }
  }
}

/** A difference with the case that it was found in. */
function explained(error: unknown, one: IovCase, what: string): unknown {
  if (!(error instanceof IovDifference)) return error
  return new IovDifference(`${error.message}\n${what}\n${JSON.stringify(one)}`)
}
