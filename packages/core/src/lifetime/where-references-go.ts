import { RETAIN_NONE, RETENTION_NAMES, type Retention } from '../extract/retention.ts'
import type { Ledger } from '../ledger/ledger.ts'

/** What runs when references are taken or dropped. */
export const PHASES = ['submit', 'abort', 'complete', 'register', 'unregister', 'event', 'close'] as const
/** One of {@link PHASES}. */
export type Phase = (typeof PHASES)[number]

/** Pages whose references were taken by one holder in one phase and dropped in another. */
export interface ReferenceWay {
  /** The consumer, or the event of the trace. */
  readonly holder: string
  readonly retention: 'pin' | 'ref'
  readonly taken: Phase
  /** Null: still held at the end. */
  readonly dropped: Phase | null
  pages: number
}

/** Pages that iterators of one type named, and what kept them alive meanwhile. */
export interface IteratorPages {
  readonly iterator: string
  /** `pin`, `ref`, `lock`, `owner` (nothing but whoever made the iterator), or `not told`. */
  readonly keptBy: string
  operations: number
  pages: number
}

/**
 * Two questions of an audit: where do the references go that extractions take, and who drops them; and what keeps the
 * pages alive that are put into iterators which take nothing.
 */
export class WhereReferencesGo {
  phase: Phase = 'event'
  private readonly takenIn: Phase[] = []
  private readonly ways = new Map<string, ReferenceWay>()
  private readonly named = new Map<string, IteratorPages>()
  private readonly ledger: Ledger

  constructor(ledger: Ledger) {
    this.ledger = ledger
  }

  /** A token was taken. */
  taken(token: number): void {
    this.takenIn[token] = this.phase
  }

  /** `pages` pages of a token are dropped, or (phase null) left at the end. */
  dropped(token: number, holder: string, pages: number, phase: Phase | null = this.phase): void {
    const retention = this.ledger.holds.retention[token] as Retention
    if (retention === RETAIN_NONE) return
    const taken = this.takenIn[token] ?? 'event'
    const key = `${holder} ${retention} ${taken} ${phase}`
    const way = this.ways.get(key)
    if (way !== undefined) way.pages += pages
    else
      this.ways.set(key, {
        holder,
        retention: RETENTION_NAMES[retention] as 'pin' | 'ref',
        taken,
        dropped: phase,
        pages,
      })
  }

  /** A token was split: the new one was taken where the old one was. */
  split(from: number, to: number): void {
    this.takenIn[to] = this.takenIn[from]
  }

  /** An operation with an iterator of that type named `pages` pages. */
  iterated(iterator: string, keptBy: string, pages: number): void {
    const key = `${iterator} ${keptBy}`
    const one = this.named.get(key)
    if (one === undefined) this.named.set(key, { iterator, keptBy, operations: 1, pages })
    else {
      one.operations++
      one.pages += pages
    }
  }

  /** Every way that references went, most pages first. */
  all(): readonly ReferenceWay[] {
    return [...this.ways.values()].sort((a, b) => b.pages - a.pages)
  }

  /** What iterators named, most pages first. */
  iterators(): readonly IteratorPages[] {
    return [...this.named.values()].sort((a, b) => b.pages - a.pages)
  }
}
