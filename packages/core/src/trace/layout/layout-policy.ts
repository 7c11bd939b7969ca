import type { ImportRow } from '../import/import-row.ts'
import { alignedLayout } from './aligned.ts'
import { mallocLayout } from './malloc.ts'
import { nsgLayout } from './nsg.ts'
import { offsetLayout } from './offset.ts'
import { randomLayout } from './random.ts'
import { worstLayout } from './worst.ts'

/** Gives the buffers of operations addresses where a recording has none. */
export interface Layout {
  /** As it was chosen: `aligned`, `random:7`. */
  readonly name: string
  /**
   * Fills in the addresses of the row's segments, and the segments themselves where only a number of bytes, or of elements,
   * was recorded (`lengthBytes` > 0 then). What stands in memory before, it asks for with `map`. Returns the elements that a
   * scatter-gather list of them has: runs of physically contiguous memory.
   */
  place(row: ImportRow, map: MapMemory): number
}

/** Memory that the layout needs: a `map` row before the one at work. `order`: folios of 2^order pages. */
export type MapMemory = (addressBytes: number, lengthBytes: number, order: number) => void

/** One way to lay buffers out. */
export interface LayoutPolicy {
  /** As `--layout` takes it: `offset=N`. */
  readonly usage: string
  readonly summary: string
  /** The layout of that name; null when the name is not of this policy. A string says what is wrong with the rest of it. */
  make(text: string): Layout | string | null
}

/** Every policy of `--layout`. A new one is a file here and a line in this list. */
export const LAYOUT_POLICIES: readonly LayoutPolicy[] = [
  alignedLayout,
  offsetLayout,
  mallocLayout,
  randomLayout,
  worstLayout,
  nsgLayout,
]
