import { MAPPINGS_MAX } from '../../limits.ts'

/** A range of user memory that is more than private anonymous memory. */
export interface Mapping {
  readonly start: number
  readonly end: number
  /** Index into BACKING_NAMES. */
  readonly backing: number
  /** FLAG_PRIVATE, FLAG_PROT_READ. */
  readonly flags: number
  /** Name id of the mapped file, or NONE. */
  readonly file: number
  /** Position of `start` in that file, bytes. */
  readonly offsetBytes: number
  /** A `map` row told of it. */
  declared: boolean
}

/** A range of addresses. */
export interface Range {
  readonly start: number
  readonly end: number
}

/**
 * What the mappings of an address space are, as far as they are no private anonymous memory: that is what memory is which
 * nothing is told of. Rows tell of a mapping when an operation first reaches it, so that a recording without addresses
 * has none.
 */
export class Mappings {
  /** By address; they do not overlap. */
  private sorted: Mapping[] = []

  /** Replaces a range by `mapping`, or by anonymous memory. Returns what `map` rows had told of it before. */
  replace(start: number, end: number, mapping: Mapping | null): Range[] {
    const first = this.firstEndingAfter(start)
    let last = first
    const told: Range[] = []
    const kept: Mapping[] = []
    for (; last < this.sorted.length && this.sorted[last]!.start < end; last++) {
      const old = this.sorted[last]!
      if (old.declared) told.push({ start: Math.max(start, old.start), end: Math.min(end, old.end) })
      if (old.start < start) kept.push({ ...old, end: start })
      if (old.end > end) kept.push({ ...old, start: end, offsetBytes: old.offsetBytes + end - old.start })
    }
    const room = this.sorted.length - (last - first) + kept.length < MAPPINGS_MAX
    if (mapping !== null && room) kept.splice(kept[0] !== undefined && kept[0].start < start ? 1 : 0, 0, mapping)
    this.sorted.splice(first, last - first, ...kept)
    return told
  }

  /** Those that a range reaches and that no row has told of; they count as told from now on. */
  untold(start: number, end: number): Mapping[] {
    const found: Mapping[] = []
    for (let at = this.firstEndingAfter(start); at < this.sorted.length && this.sorted[at]!.start < end; at++) {
      const mapping = this.sorted[at]!
      if (mapping.declared) continue
      mapping.declared = true
      found.push(mapping)
    }
    return found
  }

  /** The mappings of a child. */
  copy(): Mappings {
    const child = new Mappings()
    child.sorted = this.sorted.map((mapping) => ({ ...mapping }))
    return child
  }

  private firstEndingAfter(address: number): number {
    let low = 0
    let high = this.sorted.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.sorted[middle]!.end <= address) low = middle + 1
      else high = middle
    }
    return low
  }
}
