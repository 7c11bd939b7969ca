import {
  type ConsumerEnvironment,
  type IovIter,
  ITER_BVEC,
  IterToSg,
  isUserBacked,
  type Kernel,
  type Operation,
  PAGE_SIZE,
  Scatterlists,
  SG_NONE,
  SgTable,
  SgViolations,
} from '@pinscope/core'
import type { Pieces } from './pieces.ts'

/**
 * Lists the next part of an operation's iterator as pieces, as the code above a transport does before it hands data down.
 *
 * - User memory: a piece a page, taken with `io.extract` under the lane's policy (under `folio` a piece a run of a folio).
 *   Every hold is given to `io.keep`.
 * - Kernel memory: a piece a bvec, a page of a kvec, a folio. Nothing is taken; the pages are counted as bare.
 * - A BVEC iterator by row: pages that somebody above took and holds. A piece a bvec, and nothing is counted.
 *
 * @kernel lib/scatterlist.c: extract_iter_to_sg; fs/netfs/iterator.c: netfs_extract_user_iter
 */
export class Payload {
  private readonly lists = new Scatterlists()
  private readonly table = new SgTable()
  private readonly toSg: IterToSg
  private readonly listing: Kernel
  private room = 0

  constructor({ memory, ledger, traits }: Pick<ConsumerEnvironment, 'memory' | 'ledger' | 'traits'>) {
    this.toSg = new IterToSg(memory, ledger, this.lists, new SgViolations(ledger))
    // No kernel makes a scatterlist at this place: the defects of those who do are not its own.
    this.listing = { ...traits, quirks: { ...traits.quirks, 'sg-xarray-start': false, 'sg-kvec-length': false } }
  }

  /**
   * Appends at most `piecesMax` pieces and `bytesMax` bytes, as far as the iterator goes, and advances it. Where user
   * memory cannot be had it ends short, and what was taken stays; where that is the first page of all the result is the
   * -errno. Returns the bytes; -EIO for DISCARD and PIPE.
   */
  list(io: Operation, pieces: Pieces, bytesMax: number, piecesMax: number): number {
    const { iter } = io
    const bytes = bytesMax < iter.countBytes ? bytesMax : iter.countBytes
    if (bytes <= 0 || piecesMax <= 0) return 0
    if (isUserBacked(iter.type)) return this.listUser(io, pieces, bytes, piecesMax)
    if (iter.type === ITER_BVEC && iter.byRow) return listHeld(iter, pieces, bytes, piecesMax)
    return this.listKernel(io, pieces, bytes, piecesMax)
  }

  private listUser(io: Operation, pieces: Pieces, bytesMax: number, piecesMax: number): number {
    const { list } = io
    let done = 0
    let left = piecesMax
    while (done < bytesMax && left > 0) {
      const bytes = io.extract(left, bytesMax - done)
      if (bytes <= 0) return done > 0 ? done : bytes
      io.keep(io.hold)
      for (let i = 0; i < list.length; i++) pieces.add(list.page[i], list.offsetBytes[i], list.lengthBytes[i])
      done += bytes
      left -= list.pages
    }
    return done
  }

  /** In one go, because a hole of the page cache is stepped over only inside one. */
  private listKernel(io: Operation, pieces: Pieces, bytesMax: number, piecesMax: number): number {
    const { table, lists } = this
    const entriesMax = entriesAtMost(io.iter, bytesMax)
    const sgMax = entriesMax < piecesMax ? entriesMax : piecesMax
    this.makeRoom(sgMax)
    table.nents = 0
    table.origNents = 0
    const { iter } = io
    const { kernel } = iter
    iter.kernel = this.listing
    const bytes = this.toSg.extract(io, table, bytesMax, sgMax)
    iter.kernel = kernel
    for (let sg = table.sgl; sg < table.sgl + table.nents; sg++) {
      pieces.add(lists.page[sg], lists.offsetBytes[sg], lists.lengthBytes[sg])
    }
    return bytes
  }

  private makeRoom(entries: number): void {
    const { table, lists } = this
    if (entries <= this.room) return
    if (table.sgl !== SG_NONE) lists.give(table.sgl, this.room)
    this.room = Math.max(entries, 2 * this.room)
    table.sgl = lists.take(this.room)
    lists.initTable(table.sgl, this.room)
  }
}

function listHeld(iter: IovIter, pieces: Pieces, bytesMax: number, piecesMax: number): number {
  const { addressBytes, offsetBytes, lengthBytes } = iter.table
  let done = 0
  let skip = iter.iovOffsetBytes
  let left = piecesMax
  const end = iter.segment + iter.segmentsLeft
  for (let s = iter.segment; s < end && done < bytesMax && left > 0; s++) {
    const rest = lengthBytes[s] - skip
    const part = rest < bytesMax - done ? rest : bytesMax - done
    if (part > 0) {
      pieces.add(addressBytes[s], offsetBytes[s] + skip, part)
      left--
    }
    done += part
    skip = 0
  }
  iter.advance(done)
  return done
}

/** Entries that `bytes` bytes can become: two parts of pages for each segment, and whole pages. */
function entriesAtMost(iter: IovIter, bytes: number): number {
  return Math.floor(bytes / PAGE_SIZE) + 2 * (iter.segmentsLeft + 1)
}
