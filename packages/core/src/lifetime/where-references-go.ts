import { RETAIN_NONE, RETENTION_NAMES, type Retention } from '../extract/retention.ts'
import { holding } from '../grown.ts'
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

/**
 * What keeps the pages of a kernel iterator alive: a pin or a reference that its user holds, their locks, a registration (of
 * an io_uring buffer), or nothing but whoever made the iterator. @kernel include/linux/uio.h: iov_iter_extract_will_pin
 */
export type KeptBy = 'pin' | 'ref' | 'lock' | 'registration' | 'owner'

/** Pages that iterators of one type named, and what kept them alive meanwhile. */
export interface IteratorPages {
  readonly iterator: string
  readonly keptBy: KeptBy
  operations: number
  pages: number
}

/** {@link PHASES} and, last, none: still held at the end. */
const PHASE_SLOTS = 8
const HELD_AT_END = PHASE_SLOTS - 1
const RETENTIONS = 4

/**
 * Two questions of an audit: where do the references go that extractions take, and who drops them; and what keeps the
 * pages alive that are put into iterators which take nothing.
 */
export class WhereReferencesGo {
  phase: Phase = 'event'
  /** By token: who took it (index of {@link holders}), and in which phase. */
  private holderOf = new Int32Array(1024)
  private takenIn = new Uint8Array(1024)
  private readonly holders: string[] = []
  private lastHolder = ''
  private lastHolderId = -1
  /** Pages by holder, retention, phase taken and phase dropped. */
  private pages = new Float64Array(1024)
  private readonly named = new Map<string, IteratorPages>()
  private readonly ledger: Ledger

  constructor(ledger: Ledger) {
    this.ledger = ledger
  }

  /** A token was taken by `holder`. */
  taken(token: number, holder: string): void {
    this.holderOf = holding(this.holderOf, token)
    this.takenIn = holding(this.takenIn, token)
    this.holderOf[token] = this.idOf(holder)
    this.takenIn[token] = PHASES.indexOf(this.phase)
  }

  /** `pages` pages of a token are dropped. */
  dropped(token: number, pages: number): void {
    this.count(token, pages, PHASES.indexOf(this.phase))
  }

  /** `pages` pages of a token are still held at the end. */
  left(token: number, pages: number): void {
    this.count(token, pages, HELD_AT_END)
  }

  /** A token was split: the new one was taken where the old one was. */
  split(from: number, to: number): void {
    this.holderOf = holding(this.holderOf, to)
    this.takenIn = holding(this.takenIn, to)
    this.holderOf[to] = this.holderOf[from]
    this.takenIn[to] = this.takenIn[from]
  }

  /** An iterator of that type names `pages` pages: the operation's own, or one that its consumer makes for the layer below. */
  iterated(iterator: string, keptBy: KeptBy, pages: number): void {
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
    const ways: ReferenceWay[] = []
    this.pages.forEach((pages, code) => {
      if (pages > 0) ways.push({ ...this.wayOf(code), pages })
    })
    return ways.sort((a, b) => b.pages - a.pages)
  }

  /** What iterators named, most pages first. */
  iterators(): readonly IteratorPages[] {
    return [...this.named.values()].sort((a, b) => b.pages - a.pages)
  }

  private count(token: number, pages: number, droppedIn: number): void {
    const retention = this.ledger.holds.retention[token]
    if (retention === RETAIN_NONE || token >= this.holderOf.length) return
    const code =
      ((this.holderOf[token] * RETENTIONS + retention) * PHASE_SLOTS + this.takenIn[token]) * PHASE_SLOTS + droppedIn
    this.pages = holding(this.pages, code)
    this.pages[code] += pages
  }

  private wayOf(code: number): Omit<ReferenceWay, 'pages'> {
    const droppedIn = code % PHASE_SLOTS
    const takenIn = Math.floor(code / PHASE_SLOTS) % PHASE_SLOTS
    const rest = Math.floor(code / (PHASE_SLOTS * PHASE_SLOTS))
    return {
      holder: this.holders[Math.floor(rest / RETENTIONS)],
      retention: RETENTION_NAMES[(rest % RETENTIONS) as Retention] as 'pin' | 'ref',
      taken: PHASES[takenIn],
      dropped: droppedIn === HELD_AT_END ? null : PHASES[droppedIn],
    }
  }

  /** One holder takes many times in a row. */
  private idOf(holder: string): number {
    if (holder === this.lastHolder && this.lastHolderId >= 0) return this.lastHolderId
    const known = this.holders.indexOf(holder)
    this.lastHolderId = known < 0 ? this.holders.push(holder) - 1 : known
    this.lastHolder = holder
    return this.lastHolderId
  }
}
