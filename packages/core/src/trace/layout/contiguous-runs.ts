import { PAGE_SIZE } from '../../units.ts'
import { ORDER_MAX } from '../limits.ts'
import type { MapMemory } from './layout-policy.ts'

/** Where these buffers begin, away from all others. */
const BASE = 0x6000_0000_0000
/** Memory of all of them together, pages. */
const PAGES_MAX = 1 << 20
/** Buffers of one shape: so many may be in flight and each have its own memory. */
const BUFFERS_OF_SHAPE = 8
/** Different shapes; each is memory that stays. */
const SHAPES_MAX = 2048

/** The pages of a buffer: `tail` pages at the end of a folio, `folios` whole ones, and `small` single pages. All folios are of one order. */
interface Shape {
  readonly order: number
  readonly tail: number
  readonly folios: number
  readonly small: number
}

interface ShapeBuffers {
  readonly shape: Shape
  readonly starts: number[]
  next: number
}

/**
 * Buffers whose pages come in a given number of physically contiguous runs. A run is a folio: its pages follow each
 * other in memory, those of two folios never do. Memory of a shape is mapped once and used again.
 */
export class ContiguousRuns {
  private readonly known = new Map<string, ShapeBuffers>()
  private pagesUsed = 0

  /** Start of a buffer of `pages` pages in `runs` runs, fewer than pages; null where folios cannot give that, or there were too many shapes. */
  take(mm: number, pages: number, runs: number, map: MapMemory): number | null {
    const key = `${mm} ${pages} ${runs}`
    const buffers = this.known.get(key) ?? this.add(key, pages, runs)
    if (buffers === null) return null
    const start = buffers.starts.length < BUFFERS_OF_SHAPE ? this.allocate(buffers.shape, map) : null
    if (start !== null) buffers.starts.push(start)
    if (buffers.starts.length === 0) return null
    const at = buffers.next % buffers.starts.length
    buffers.next = at + 1
    return buffers.starts[at]!
  }

  private add(key: string, pages: number, runs: number): ShapeBuffers | null {
    const shape = this.known.size < SHAPES_MAX ? shapeOf(pages, runs) : null
    if (shape === null) return null
    const buffers = { shape, starts: [], next: 0 }
    this.known.set(key, buffers)
    return buffers
  }

  /** New memory of that shape; null when there is none left. */
  private allocate({ order, tail, folios, small }: Shape, map: MapMemory): number | null {
    const folioPages = 2 ** order
    const first = Math.ceil(this.pagesUsed / folioPages) * folioPages
    const large = (folios + (tail > 0 ? 1 : 0)) * folioPages
    if (first + large + small > PAGES_MAX) return null
    this.pagesUsed = first + large + small
    const address = BASE + first * PAGE_SIZE
    map(address, large * PAGE_SIZE, order)
    if (small > 0) map(address + large * PAGE_SIZE, small * PAGE_SIZE, 0)
    return address + (tail > 0 ? folioPages - tail : 0) * PAGE_SIZE
  }
}

/** The smallest folios with which `pages` pages are `runs` runs; null when the largest do not do. */
function shapeOf(pages: number, runs: number): Shape | null {
  // A folio of 2^order pages is one run and saves all but one of them.
  const saved = pages - runs
  for (let order = 1; order <= ORDER_MAX; order++) {
    const savedByFolio = 2 ** order - 1
    const folios = Math.floor(saved / savedByFolio)
    const rest = saved - folios * savedByFolio
    const tail = rest > 0 ? rest + 1 : 0
    const small = runs - folios - (tail > 0 ? 1 : 0)
    if (small >= 0) return { order, tail, folios, small }
  }
  return null
}
