import type { LaneReport } from '../../src/report/report.ts'
import type { SlowRow } from './slow-row.ts'

const PAGE = 4096

interface Piece {
  readonly kind: 'kernel' | 'page'
  readonly offset: number
  readonly length: number
}

/** What splitting heterogeneous buffers costs, of the rows that have one; the lanes here refuse them all. */
export function slowMixed(rows: readonly SlowRow[]): Pick<LaneReport, 'mixed'> {
  if (rows.length === 0) return {}
  const perRow = rows.map(piecesOf)
  const all = perRow.flat()
  const sum = (kind: Piece['kind']) => all.reduce((bytes, one) => bytes + (one.kind === kind ? one.length : 0), 0)
  const parts = perRow.map((pieces) => pieces.filter((one, i) => i === 0 || pieces[i - 1]!.kind !== one.kind).length)
  const pages = all.filter(({ kind }) => kind === 'page').map(({ offset, length }) => pagesOf(offset, length))
  return {
    mixed: {
      operations: rows.length,
      refused: rows.length,
      parts: total(parts),
      extraCalls: total(parts.map((count) => (count === 0 ? 0 : count - 1))),
      kernelBytes: sum('kernel'),
      pageBytes: sum('page'),
      kmaps: total(pages),
    },
  }
}

/** Those with a byte in them, as far as the row's length goes. */
function piecesOf(row: SlowRow): Piece[] {
  const pieces: Piece[] = []
  let left = row.length
  for (const { offset, length } of row.segments) {
    const taken = Math.min(length, left)
    left -= taken
    if (taken > 0) pieces.push({ kind: offset === -1 ? 'kernel' : 'page', offset, length: taken })
  }
  return pieces
}

const total = (numbers: readonly number[]) => numbers.reduce((sum, one) => sum + one, 0)

function pagesOf(offset: number, length: number): number {
  return Math.floor((offset + length - 1) / PAGE) - Math.floor(offset / PAGE) + 1
}
