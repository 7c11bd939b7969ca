import { KnownPages } from './known-pages.ts'
import { Mappings } from './mapping.ts'
import { OldestKey } from './oldest-key.ts'

/** An address space as the recording tells it. */
export interface Space {
  readonly mm: number
  readonly mappings: Mappings
  /** What the rows of the trace told of its pages. */
  readonly known: KnownPages
  /** A row of the trace unmapped some of it: an access to memory that no `map` row tells faults since. */
  wasUnmapped: boolean
  /** Blocks and mappings counted in the sum of all. */
  weight: number
}

/** Address spaces, their blocks and their mappings together. */
const WEIGHT_MAX = 1 << 17
/** Numbers of address spaces that are gone, where a row unmapped some of them: a number may be used again. */
const GONE_MAX = 1 << 16

/** The address spaces of a recording. The oldest are forgotten when all of them know too much. */
export class Spaces {
  /** Some were forgotten. */
  wereForgotten = false
  private readonly byMm = new Map<number, Space>()
  private readonly oldest = new OldestKey(this.byMm)
  private readonly gone = new Set<number>()
  private weight = 0

  /** The address space of that number. */
  of(mm: number): Space {
    return this.byMm.get(mm) ?? this.add(mm, new Mappings(), new KnownPages())
  }

  /** `child` becomes a copy of `parent`. */
  fork(parent: Space, child: number): void {
    this.drop(child)
    const copy = this.add(child, parent.mappings.copy(), parent.known.copy())
    copy.wasUnmapped = parent.wasUnmapped
  }

  /** The address space is gone. */
  remove(mm: number): void {
    this.drop(mm)
  }

  /** It was changed: forgets others while they are too many. */
  weigh(space: Space): void {
    const weight = 1 + space.known.size + space.mappings.size
    this.weight += weight - space.weight
    space.weight = weight
    if (space.known.wereForgotten || space.mappings.wereForgotten) this.wereForgotten = true
    while (this.weight > WEIGHT_MAX && this.byMm.size > 1) {
      this.drop(this.oldest.next(space.mm))
      this.wereForgotten = true
    }
  }

  private add(mm: number, mappings: Mappings, known: KnownPages): Space {
    const space = { mm, mappings, known, wasUnmapped: this.gone.has(mm), weight: 0 }
    this.byMm.set(mm, space)
    this.weigh(space)
    return space
  }

  private drop(mm: number): void {
    const space = this.byMm.get(mm)
    if (space === undefined) return
    this.weight -= space.weight
    this.byMm.delete(mm)
    if (space.wasUnmapped && this.gone.size < GONE_MAX) this.gone.add(mm)
  }
}
