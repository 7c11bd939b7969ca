import {
  PINS_ACQUIRED,
  PINS_OPEN,
  PINS_RELEASED,
  REFS_ACQUIRED,
  REFS_OPEN,
  REFS_RELEASED,
} from '../../src/ledger/totals.ts'
import { GUP_PIN_COUNTING_BIAS } from '../../src/memory/maybe-dma-pinned.ts'
import { differ } from './iov-difference.ts'
import type { IovPair } from './iov-pair.ts'

interface Out {
  refs: number
  pins: number
}

const NOTHING_OUT: Out = { refs: 0, pins: 0 }

/**
 * What is out on each folio of a case, as the twin says what was taken: the counts of the fast side must be those of the
 * owner and that.
 */
export class OutCounts {
  private readonly pair: IovPair
  /** By head page. */
  private readonly out = new Map<number, Out>()

  constructor(pair: IovPair) {
    this.pair = pair
  }

  /** So many were taken, or let go, on each of these pages. */
  add(names: readonly string[], kind: 'ref' | 'pin', by: 1 | -1): void {
    const { memory, rowOf } = this.pair.host
    for (const name of names) {
      const head = memory.pages.headOf(rowOf.get(name)!)
      const out = this.out.get(head) ?? { refs: 0, pins: 0 }
      if (kind === 'pin') out.pins += by
      else out.refs += by
      this.out.set(head, out)
    }
  }

  compare(what: string): void {
    const { host, slow } = this.pair
    const { pages } = host.memory
    let pinsOut = 0
    let refsOut = slow.ring === null ? 0 : slow.ring.got.length
    for (const [head, base] of host.baseOf) {
      const { refs, pins } = this.out.get(head) ?? NOTHING_OUT
      const isSmall = pages.orderOf(head) === 0
      const name = host.nameOf[head]!
      const inPipe = slow.ring === null ? 0 : timesIn(slow.ring.got, name) - timesIn(slow.ring.put, name)
      // A page of the pipe's own goes with the reference that it was allocated with.
      if (slow.ring !== null && !name.startsWith('p')) refsOut -= timesIn(slow.ring.put, name)
      pinsOut += pins
      refsOut += refs
      const expected = base + inPipe + refs + (isSmall ? GUP_PIN_COUNTING_BIAS * pins : pins)
      if (pages.refcountOf(head) !== expected) differ(`${what}: refcount of ${name}`, pages.refcountOf(head), expected)
      if (pages.pincountOf(head) !== (isSmall ? 0 : pins))
        differ(`${what}: pincount of ${name}`, pages.pincountOf(head), pins)
    }
    this.compareTotals(what, pinsOut, refsOut)
  }

  /** Everything was let go: every folio has the references of its owner, and a page of the pipe none. */
  compareEnd(): void {
    const { host, one } = this.pair
    const { pages } = host.memory
    for (const [head, base] of host.baseOf) {
      const name = host.nameOf[head]!
      const expected = one.type === 'pipe' && name.startsWith('p') ? 0 : base
      if (pages.refcountOf(head) !== expected || pages.pincountOf(head) !== 0) {
        differ(`at the end: ${name}`, [pages.refcountOf(head), pages.pincountOf(head)], [expected, 0])
      }
    }
    this.compareTotals('at the end', 0, 0)
    if (host.ledger.violationCount > 0) differ('at the end: violations', host.ledger.violations, [])
  }

  /** What was acquired and not released is what is out. */
  private compareTotals(what: string, pinsOut: number, refsOut: number): void {
    const { totals } = this.pair.host.ledger
    const pins = totals[PINS_ACQUIRED]! - totals[PINS_RELEASED]!
    const refs = totals[REFS_ACQUIRED]! - totals[REFS_RELEASED]!
    const found = [pins, totals[PINS_OPEN], refs, totals[REFS_OPEN]]
    if (found.join() !== [pinsOut, pinsOut, refsOut, refsOut].join()) {
      differ(`${what}: pins and references acquired less released, and open`, found, [pinsOut, refsOut])
    }
  }
}

function timesIn(names: readonly string[], name: string): number {
  let times = 0
  for (const one of names) if (one === name) times++
  return times
}
