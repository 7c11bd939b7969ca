import { type PartialReport, replayPart } from '../../src/replay/parts/replay-part.ts'
import type { ReplayOptions } from '../../src/replay/replay-options.ts'
import type { TraceHeader } from '../../src/trace/trace-reader.ts'
import { type RowSpec, traceOf } from '../support/rows.ts'

/** `map` rows at the beginning. */
export function mapRowsOf(rows: readonly RowSpec[]): number {
  const first = rows.findIndex(({ event = 'io' }) => event !== 'map')
  return first < 0 ? rows.length : first
}

/** Replays the rows cut before each of `cuts`, each part by itself, every one but the first behind the map rows. */
export async function replayCut(
  rows: readonly RowSpec[],
  cuts: readonly number[],
  options: ReplayOptions,
  header: Partial<TraceHeader> = {},
): Promise<PartialReport[]> {
  const timed = rows.map((row, index) => ({ ts: index * 1000, ...row }))
  const mapRows = mapRowsOf(rows)
  const ends = [...cuts, rows.length]
  const parts: PartialReport[] = []
  for (const [index, to] of ends.entries()) {
    const isFirst = index === 0
    const from = isFirst ? 0 : ends[index - 1]!
    // traceOf counts lines from 3.
    const head = { mapRows, rows: mapRows, lines: mapRows + 2 }
    const read = isFirst ? timed.slice(0, to) : [...timed.slice(0, mapRows), ...timed.slice(from, to)]
    parts.push(await replayPart(traceOf(read, header), head, isFirst, options, () => {}))
  }
  return parts
}
