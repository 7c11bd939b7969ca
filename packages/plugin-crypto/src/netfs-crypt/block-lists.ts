import {
  EIO,
  HOLD_NONE,
  type Hold,
  IterToSg,
  type Ledger,
  type Memory,
  type Operation,
  type Scatterlists,
  SgTable,
  SgViolations,
  tellScatterlist,
} from '@pinscope/core'
import type { FolioBuffers } from './folio-buffers.ts'

/** Entries of the list of one crypto block, source or destination. @kernel fs/netfs/crypto.c: source_sg[16], dest_sg[16] (proposal) */
export const BLOCK_ENTRIES_MAX = 16

/** The two lists that a cipher gets for one crypto block, used again for each block. @kernel fs/netfs/crypto.c: netfs_iter_to_sglist (proposal) */
export class BlockLists {
  readonly lists: Scatterlists
  readonly source = new SgTable()
  readonly dest = new SgTable()

  private readonly toSg: IterToSg
  private readonly buffers: FolioBuffers
  /** Where the next destination begins: folio of the buffer, and offset in it. */
  private folio = 0
  private offset = 0

  constructor(memory: Memory, ledger: Ledger, buffers: FolioBuffers) {
    this.lists = buffers.lists
    this.buffers = buffers
    this.toSg = new IterToSg(memory, ledger, this.lists, new SgViolations(ledger))
    this.source.sgl = this.lists.take(BLOCK_ENTRIES_MAX)
    this.dest.sgl = this.lists.take(BLOCK_ENTRIES_MAX)
  }

  /**
   * Lists the iterator's next block as the source, which takes over what is held ({@link takeHold}). Returns 0; -EIO where
   * the list is too short for the block, or the file's pages are not all there; or the errno of the extraction.
   *
   * The proposal goes on with the short list, and (as posted) lists the first block again for every further one: its
   * iterator is a copy that nobody steps on.
   */
  listSource(io: Operation, blockBytes: number): number {
    const { source, lists } = this
    lists.initTable(source.sgl, BLOCK_ENTRIES_MAX)
    source.nents = 0
    const listed = this.toSg.extract(io, source, blockBytes, BLOCK_ENTRIES_MAX)
    if (listed < 0) return listed
    const isFull = listed < blockBytes && source.nents === BLOCK_ENTRIES_MAX
    if (!io.fits(isFull ? BLOCK_ENTRIES_MAX + 1 : source.nents, BLOCK_ENTRIES_MAX) || listed < blockBytes) {
      this.toSg.letGo(source)
      return EIO
    }
    lists.markEnd(source.sgl + source.nents - 1)
    tellScatterlist(io, lists, source.sgl, source.nents, 'source list', blockBytes)
    return 0
  }

  /** What is held on the source's pages: the caller's from now on. */
  takeHold(): Hold {
    const { hold } = this.source
    this.source.hold = HOLD_NONE
    return hold
  }

  /** The next destination begins `offset` bytes into a buffer. */
  startDest(): void {
    this.folio = 0
    this.offset = 0
  }

  /** Lists a buffer's next block as the destination. Returns 0, or -EIO where the list is too short for it. */
  listDest(io: Operation, buffer: number, blockBytes: number): number {
    const { dest, lists } = this
    const from = this.buffers
    lists.initTable(dest.sgl, BLOCK_ENTRIES_MAX)
    dest.nents = 0
    let left = blockBytes
    while (left > 0) {
      if (!io.fits(dest.nents + 1, BLOCK_ENTRIES_MAX)) return EIO
      const entry = from.sgl[buffer] + this.folio
      const rest = from.lists.lengthBytes[entry] - this.offset
      const length = left < rest ? left : rest
      lists.setPage(dest.sgl + dest.nents++, from.lists.page[entry], length, this.offset)
      left -= length
      this.offset += length
      if (length === rest) {
        this.folio++
        this.offset = 0
      }
    }
    lists.markEnd(dest.sgl + dest.nents - 1)
    return 0
  }
}
