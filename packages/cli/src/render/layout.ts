import type { Report } from '@pinscope/core'
import { grouped } from './text.ts'

type Layout = Report['trace']['layout']

const LEVELS: Readonly<Record<Layout['level'], string>> = {
  L3: 'address and length of every segment',
  L2: 'lengths of the segments, no addresses',
  L1: 'a number of segments, no lengths',
  L0: 'a byte count only',
  R: 'reference events',
}

/** What was known of the buffers; how they were laid out where that was not enough, and what pinning them takes however they are. */
export function layoutFacts({ level, assumed, pins }: Layout): string[] {
  const known = `layout ${level}: ${LEVELS[level]}`
  if (assumed === null) return [known]
  if (pins === undefined) return [known, `buffer layout assumed: ${assumed}`]
  const range = `${grouped(pins.min)} / ${grouped(Math.round(pins.expected))} / ${grouped(pins.max)}`
  return [known, `buffer layout assumed: ${assumed}; pinning every page takes min / expected / max ${range} pins`]
}
