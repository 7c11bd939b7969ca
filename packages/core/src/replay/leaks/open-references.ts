import type { HeldKind } from '../../report/leaks-report.ts'
import type { CallSite } from './call-sites.ts'

/** A reference that nobody has let go yet. */
export interface OpenReference {
  readonly site: CallSite
  /** What it is on. */
  readonly name: string
  readonly mm: number
  readonly tsNs: number
  readonly row: number
  readonly line: number
}

/** Who lets go. */
export interface Release {
  readonly kind: HeldKind
  readonly stack: number
  readonly mm: number
  readonly tsNs: number
}

/**
 * References by what they are on. An event that lets go says what, not whose: where several are open it is taken for one
 * of a call site whose references that stack was seen to let go before, then for one of the same task, then for the last.
 */
export class OpenReferences {
  /** References open now. */
  size = 0
  unmatched = 0
  wrongKind = 0
  ambiguous = 0
  private readonly byName = new Map<string, OpenReference[]>()

  take(reference: OpenReference): void {
    const { site, name } = reference
    site.taken++
    this.size++
    const held = this.byName.get(name)
    if (held === undefined) this.byName.set(name, [reference])
    else held.push(reference)
  }

  letGo(name: string, release: Release): void {
    const held = this.byName.get(name)
    if (held === undefined) {
      this.unmatched++
      return
    }
    const ofKind = held.filter(({ site }) => site.kind === release.kind)
    if (ofKind.length === 0) this.wrongKind++
    this.close(held, name, this.chosen(ofKind.length === 0 ? held : ofKind, release), release)
  }

  /** What is still open, in the order in which it was taken. */
  all(): OpenReference[] {
    return [...this.byName.values()].flat().sort((a, b) => a.row - b.row)
  }

  private chosen(candidates: readonly OpenReference[], { stack, mm }: Release): OpenReference {
    const last = candidates.at(-1)!
    if (candidates.every(({ site }) => site === last.site)) {
      last.site.releasedBy.add(stack)
      return candidates.findLast((one) => one.mm === mm) ?? last
    }
    const known = candidates.filter(({ site }) => site.releasedBy.has(stack))
    const sites = new Set(known.map(({ site }) => site))
    if (sites.size !== 1) this.ambiguous++
    const left = known.length === 0 ? candidates : known
    return left.findLast((one) => one.mm === mm) ?? left.at(-1)!
  }

  private close(held: OpenReference[], name: string, reference: OpenReference, { tsNs }: Release): void {
    const { site } = reference
    const heldNs = tsNs - reference.tsNs
    site.letGo++
    if (!(site.longestHoldNs >= heldNs)) site.longestHoldNs = heldNs
    this.size--
    if (held.length === 1) this.byName.delete(name)
    else held.splice(held.lastIndexOf(reference), 1)
  }
}
