import { type Page, refcountOf, type SlowMemory } from './slow-memory.ts'

export type Kind = 'pin' | 'ref'

/** One reference on one page (under the folio policy: on one run of pages of a folio). */
export interface Reference {
  readonly pages: readonly Page[]
  readonly kind: Kind
  /** False for a pin of the zero page, which moves nothing. */
  readonly counts: boolean
  readonly row: number
  readonly line: number
  readonly op: number
  readonly since: number
  why: 'not released' | 'no completion' | 'lost' | 'wrong kind' | 'long-term' | 'in flight' | 'nobody told'
}

const PIN_BIAS = 1024
const REFCOUNT_MAX = 0x7fffffff

/** Every reference that is held, one by one. */
export class SlowLedger {
  readonly held = new Set<Reference>()
  readonly pins = { acquired: 0, released: 0, open: 0, peak: 0 }
  readonly refs = { acquired: 0, released: 0, open: 0, peak: 0 }
  refOps = 0
  /** The row at work. */
  now = { row: 0, line: 0, op: 0, since: 0 }
  private readonly memory: SlowMemory

  constructor(memory: SlowMemory) {
    this.memory = memory
  }

  /** One reference on each entry, or null when a count would overflow. */
  take(entries: readonly (readonly Page[])[], kind: Kind): Reference[] | null {
    const taken: Reference[] = []
    for (const pages of entries) {
      const counts = !(kind === 'pin' && pages[0]!.folio.isZero)
      const reference: Reference = { pages, kind, counts, ...this.now, why: 'not released' }
      const refcount = refcountOf(pages[0]!.folio)
      if (counts && (refcount <= 0 || refcount > REFCOUNT_MAX)) {
        for (const one of taken) move(one, -1)
        return null
      }
      move(reference, 1)
      taken.push(reference)
    }
    for (const reference of taken) this.count(reference)
    const side = this.sideOf(kind)
    side.peak = Math.max(side.peak, side.open)
    return taken
  }

  drop(references: readonly Reference[]): void {
    for (const reference of references) {
      if (!this.held.delete(reference)) throw new Error('dropped what is not held')
      move(reference, -1)
      if (!reference.counts) continue
      const side = this.sideOf(reference.kind)
      side.released++
      side.open--
      this.refOps++
    }
  }

  /** With nothing held every folio has the references of mappings alone. */
  check(): void {
    this.memory.check()
    const kinds = [this.pins, this.refs]
    if (kinds.some(({ acquired, released, open }) => acquired - released !== open)) throw new Error('sums')
    if (this.held.size > 0) return
    if (this.memory.folios.some(({ held, pincount }) => held !== 0 || pincount !== 0)) throw new Error('counts')
  }

  private count(reference: Reference): void {
    this.held.add(reference)
    if (!reference.counts) return
    const side = this.sideOf(reference.kind)
    side.acquired++
    side.open++
    this.refOps++
  }

  private sideOf(kind: Kind) {
    return kind === 'pin' ? this.pins : this.refs
  }
}

/** reference 5.1, the table of formulas. */
function move({ pages, kind, counts }: Reference, sign: 1 | -1): void {
  if (!counts) return
  const { folio } = pages[0]!
  const isLarge = folio.order > 0
  folio.held += sign * (kind === 'pin' && !isLarge ? PIN_BIAS : 1)
  if (kind === 'pin' && isLarge) folio.pincount += sign
}

/** References that move a count. */
export function counted(references: readonly Reference[]): number {
  return references.filter(({ counts }) => counts).length
}
