import { HEADER_KEYS } from '../header.ts'
import type { TraceHeader, TraceLayout } from '../trace-reader.ts'

/** `# key value` lines by key; a value of several lines has one for each. */
export type Attributes = ReadonlyMap<string, string>

/** Keys whose values are numbers where there are any. */
export const NUMBER_KEYS: readonly string[] = ['logical-block-size', 'dma-alignment', 'folio-order']

const LAYOUT_KEY = 'layout'

/** The header lines of a trace as they are written again, with what `layout` says of its buffers. */
export function writtenAttributes({ attributes }: TraceHeader, layout: TraceLayout): Attributes {
  const written = new Map<string, string>()
  for (const [key, value] of attributes) if (key !== LAYOUT_KEY) written.set(key, storable(key, value))
  if (layout.assumed !== null) written.set(LAYOUT_KEY, `${layout.level} ${layout.assumed}`)
  return written
}

/** An importer takes values from its file: what no header line can hold becomes a blank. */
function storable(key: string, value: string): string {
  const isKnown = HEADER_KEYS.some((known) => known === key)
  return value.replaceAll(isKnown ? /[\0\r\n]/g : /[\0\r]/g, ' ')
}
