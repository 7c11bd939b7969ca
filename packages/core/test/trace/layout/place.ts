import { ImportRow } from '../../../src/trace/import/import-row.ts'
import { LAYOUT_POLICIES, type Layout } from '../../../src/trace/layout/layout-policy.ts'

/** A `map` row that a layout asked for. */
export interface MapCall {
  readonly address: number
  readonly length: number
  readonly order: number
}

/** A row that was laid out. */
export interface Placed {
  /** Address and length of each segment. */
  readonly segments: readonly (readonly [number, number])[]
  /** Elements that the layout says it has. */
  readonly elements: number
  readonly maps: readonly MapCall[]
}

/** The layout of that name. */
export function layoutOf(text: string): Layout {
  for (const policy of LAYOUT_POLICIES) {
    const made = policy.make(text)
    if (typeof made === 'string') throw new Error(made)
    if (made !== null) return made
  }
  throw new Error(`no layout ${text}`)
}

/** What the layout makes of an operation of so many bytes (L0), with a number of elements (L1). */
export function placeBytes(layout: Layout, lengthBytes: number, elements?: number): Placed {
  const row = new ImportRow()
  row.lengthBytes = lengthBytes
  if (elements !== undefined) row.sgElements = elements
  return place(layout, row)
}

/** What it makes of an operation whose segments have these lengths (L2). */
export function placeLengths(layout: Layout, lengths: readonly number[]): Placed {
  const row = new ImportRow()
  for (const length of lengths) row.addLength(length)
  return place(layout, row)
}

function place(layout: Layout, row: ImportRow): Placed {
  const maps: MapCall[] = []
  const elements = layout.place(row, (address, length, order) => maps.push({ address, length, order }))
  const segments = Array.from(
    { length: row.segmentCount },
    (_, i) => [row.segmentAddress[i]!, row.segmentLength[i]!] as const,
  )
  return { segments, elements, maps }
}

/** Pages touched, each segment by itself: counted one by one. */
export function pagesTouched(segments: readonly (readonly [number, number])[]): number {
  let pages = 0
  for (const [address, length] of segments) {
    if (length === 0) continue
    for (let page = Math.floor(address / 4096); page <= Math.floor((address + length - 1) / 4096); page++) pages++
  }
  return pages
}
