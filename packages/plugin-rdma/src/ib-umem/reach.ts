import { type Operation, PAGE_OFFSET_MASK, type Scatterlists, SG_NONE } from '@pinscope/core'
import { UMEM_NONE, type UmemTable } from './umem-table.ts'

/**
 * Tells whoever watches which memory the elements of a work request reach: the pages that were registered, whatever is
 * mapped at their addresses now. `first`: of the registration's ranges. `firstSegment`: of the operation.
 */
export function tellReach(
  io: Operation,
  umems: UmemTable,
  lists: Scatterlists,
  first: number,
  firstSegment: number,
): void {
  const { observer } = io
  if (observer === null) return
  const { table } = io.iter
  const pieces: number[][] = []
  let left = io.lengthBytes
  for (let segment = firstSegment; left > 0; segment++) {
    const bytes = Math.min(table.lengthBytes[segment], left)
    pieces.push(...piecesOf(umems, lists, first, table.addressBytes[segment], bytes))
    left -= bytes
  }
  const column = (at: number) => Int32Array.from(pieces, (piece) => piece[at])
  observer.listBuilt('work request', io.lengthBytes, pieces.length, column(0), column(1), column(2), '')
}

/** Page row, offset and length of what an element reaches. */
function piecesOf(
  umems: UmemTable,
  lists: Scatterlists,
  first: number,
  address: number,
  bytes: number,
): readonly number[][] {
  const pieces: number[][] = []
  const row = rangeAround(umems, first, address, bytes)
  if (row === UMEM_NONE) return pieces
  const start = umems.addressBytes[row]
  let skip = address - start + (start & PAGE_OFFSET_MASK)
  let left = bytes
  for (let sg = umems.appendTable(row).sgt.sgl; sg !== SG_NONE && left > 0; sg = lists.next(sg)) {
    const length = lists.lengthBytes[sg]
    if (skip < length) {
      const reached = Math.min(length - skip, left)
      pieces.push([lists.page[sg], skip, reached])
      left -= reached
    }
    skip = Math.max(0, skip - length)
  }
  return pieces
}

function rangeAround(umems: UmemTable, first: number, address: number, bytes: number): number {
  for (let row = first; row !== UMEM_NONE; row = umems.next[row]) {
    const start = umems.addressBytes[row]
    if (address >= start && address + bytes <= start + umems.lengthBytes[row]) return row
  }
  return UMEM_NONE
}
