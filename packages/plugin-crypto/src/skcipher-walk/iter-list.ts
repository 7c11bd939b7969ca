import {
  EFAULT,
  ENOMEM,
  HOLD_NONE,
  IterToSg,
  type Ledger,
  type Memory,
  type Operation,
  SCATTERLIST_BYTES,
  Scatterlists,
  SG_NONE,
  SgTable,
  SgViolations,
  tellScatterlist,
} from '@pinscope/core'

const PAGES_MAX = 0x7fffffff

/**
 * One scatterlist of all of an iterator, in one array. Reused from operation to operation.
 * @kernel crypto/af_alg.c: af_alg_get_rsgl (extract_iter_to_sg); 6.1: af_alg_make_sg (iov_iter_get_pages2)
 */
export class IterList {
  readonly lists = new Scatterlists()
  readonly table = new SgTable()
  private readonly toSg: IterToSg
  private readonly ledger: Ledger
  /** Entries of the array. */
  private room = 0

  constructor(memory: Memory, ledger: Ledger) {
    this.ledger = ledger
    this.toSg = new IterToSg(memory, ledger, this.lists, new SgViolations(ledger))
  }

  /**
   * Lists what is left of the iterator, with an entry to spare for each page of it. Returns the bytes listed: fewer where
   * the page cache has holes; or -errno with nothing held.
   */
  build(io: Operation): number {
    const { table, lists } = this
    const wanted = io.iter.countBytes
    this.room = Math.max(io.iter.npages(PAGES_MAX), 1)
    if (!io.allocate(SCATTERLIST_BYTES * this.room)) {
      this.room = 0
      return ENOMEM
    }
    table.clear()
    table.sgl = lists.take(this.room)
    lists.initTable(table.sgl, this.room)
    const listed = io.policy.isLegacy ? this.getPages(io, wanted) : this.toSg.extract(io, table, wanted, this.room)
    if (listed <= 0) {
      this.drop(io)
      return listed === 0 ? EFAULT : listed
    }
    lists.markEnd(table.sgl + table.nents - 1)
    tellScatterlist(io, lists, table.sgl, table.nents, 'scatterlist', listed)
    return listed
  }

  /** Lets go of the pages, and frees the array. */
  drop(io: Operation): void {
    const { table } = this
    if (table.hold !== HOLD_NONE) this.toSg.letGo(table)
    this.lists.give(table.sgl, this.room)
    io.free(SCATTERLIST_BYTES * this.room)
    table.sgl = SG_NONE
    this.room = 0
  }

  /** An entry a page, and a reference each, until all is listed. */
  private getPages(io: Operation, wanted: number): number {
    const { table, lists } = this
    const { list } = io
    let done = 0
    while (done < wanted && table.nents < this.room) {
      const bytes = io.extract(this.room - table.nents, wanted - done)
      if (bytes < 0) return bytes
      if (bytes === 0) break
      table.hold = this.ledger.join(table.hold, io.hold)
      for (let i = 0; i < list.length; i++) {
        lists.setPage(table.sgl + table.nents++, list.page[i], list.lengthBytes[i], list.offsetBytes[i])
      }
      done += bytes
    }
    return done
  }
}
