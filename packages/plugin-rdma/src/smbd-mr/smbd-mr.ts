import {
  type ConsumerEnvironment,
  EAGAIN,
  EIO,
  HOLD_NONE,
  ITER_BVEC,
  IterToSg,
  isUserBacked,
  type Operation,
  PAGE_SIZE,
  SCATTERLIST_BYTES,
  Scatterlists,
  SgTable,
  SgViolations,
  tellScatterlist,
} from '@pinscope/core'
import { REFUSED, SG_ENTRIES } from '../cifs/counters.ts'
import type { Mount } from '../cifs/mount.ts'
import { DmaEntries } from '../mr/dma-entries.ts'
import { mapMrSg } from '../mr/map-mr-sg.ts'
import { Payload } from '../payload/payload.ts'
import { Pieces } from '../payload/pieces.ts'
import { PageArrays } from './page-arrays.ts'
import { RegisteredTransport } from './registered-transport.ts'

/**
 * Registers the memory of each request: iterator to scatterlist, scatterlist to page list. The scatterlist is one that
 * the memory region has had since the connection began.
 *
 * - 6.12, 6.18, mainline: extract_iter_to_sg: an entry a bvec, a page of a kvec, a folio. User memory, which cifs never
 *   passes, is pinned there, and nobody unpins it.
 * - 6.1, and every policy of get_pages2: arrays of pages, whose pages in the middle are whole; each is a registration, as
 *   each was a request in 6.1. The arrays themselves are the caller's and not counted here. An iterator over user memory
 *   cannot be given to it: -EIO.
 *
 * More pages than a region has room for: -EAGAIN, nothing taken. Every other failure gives the connection up as well.
 *
 * @kernel fs/smb/client/smbdirect.c: smbd_register_mr, smbd_iter_to_mr; mainline: fs/smb/smbdirect/mr.c:
 *   smbdirect_connection_register_mr_io, smbdirect_iter_to_sgt. 6.18: as mainline.
 */
export class SmbdMr extends RegisteredTransport {
  private readonly lists = new Scatterlists()
  private readonly table = new SgTable()
  private readonly toSg: IterToSg
  private readonly payload: Payload
  private readonly pieces = new Pieces()
  private readonly arrays: PageArrays
  private readonly entries = new DmaEntries()

  constructor(environment: ConsumerEnvironment, counts: Float64Array, mount: Mount) {
    super(environment, counts, mount, true)
    const { memory, ledger } = environment
    this.toSg = new IterToSg(memory, ledger, this.lists, new SgViolations(ledger))
    this.payload = new Payload(environment)
    this.arrays = new PageArrays(memory.pages)
    this.table.sgl = this.lists.take(mount.segsMax)
    this.lists.initTable(this.table.sgl, mount.segsMax)
  }

  protected register(io: Operation, operation: number): number {
    const { table, depth, regions } = this
    table.nents = 0
    table.origNents = 0
    if (io.policy.isLegacy) return this.registerArrays(io, operation)
    const pages = io.iter.npages(depth + 1)
    if (!this.fitsRegion(io, pages)) return EAGAIN
    regions.take(io, operation)
    const result = this.map(io, operation, this.extract(io))
    if (result > 0) this.avoided(io, pages)
    return result
  }

  /** Against 6.1: its array of pages, unless they were user pages, which are in a list of bvecs now; and an entry a page. */
  private avoided(io: Operation, pages: number): void {
    const entries = pages - this.table.nents
    if (io.iter.byRow || isUserBacked(io.iter.type)) io.avoided(entries, 0)
    else io.avoided(pages + entries, 1)
  }

  /** What cannot be extracted is only warned of: the list is mapped as far as it got, which is not at all. @kernel smbd_iter_to_mr */
  private extract(io: Operation): number {
    const { iter } = io
    const { table, pieces, toSg, depth } = this
    if (iter.type === ITER_BVEC && iter.byRow) {
      pieces.clear()
      const bytes = this.payload.list(io, pieces, iter.countBytes, depth)
      this.setPages(pieces)
      return bytes
    }
    const bytes = toSg.extract(io, table, iter.countBytes, depth)
    // Pins of a user-backed iterator: the contract of smbd_register_mr forbids it, so nothing is there to undo them.
    table.hold = HOLD_NONE
    return bytes
  }

  /** A region for each array of pages. @kernel fs/smb/client/smbdirect.c: smbd_register_mr (6.1) */
  private registerArrays(io: Operation, operation: number): number {
    const { iter } = io
    const { pieces, arrays } = this
    if (isUserBacked(iter.type)) {
      this.counts[REFUSED]++
      return EIO
    }
    pieces.clear()
    const listed = this.payload.list(io, pieces, iter.countBytes, PIECES_MAX)
    arrays.begin(pieces)
    for (let bytes = arrays.next(); bytes > 0; bytes = arrays.next()) {
      const error = this.registerArray(io, operation, bytes)
      if (error < 0) return error
    }
    return listed > 0 ? listed : EIO
  }

  /** One array: its bytes, or -EAGAIN with nothing of the request left. */
  private registerArray(io: Operation, operation: number, bytes: number): number {
    const { array } = this.arrays
    let result = EAGAIN
    if (this.fitsRegion(io, array.length)) {
      this.regions.take(io, operation)
      this.setPages(array)
      result = this.map(io, operation, bytes)
    }
    if (result < 0) this.undo(io, operation)
    return result
  }

  /** @kernel include/linux/scatterlist.h: sg_set_page */
  private setPages(pieces: Pieces): void {
    const { table, lists } = this
    for (let i = 0; i < pieces.length; i++) {
      lists.setPage(table.sgl + i, pieces.page[i], pieces.lengthBytes[i], pieces.offsetBytes[i])
    }
    table.nents = pieces.length
  }

  /** Maps the scatterlist for the device, and makes the page list of it. */
  private map(io: Operation, operation: number, bytes: number): number {
    const { table, lists, entries, list, counts } = this
    const { nents } = table
    io.built(nents, SCATTERLIST_BYTES)
    counts[SG_ENTRIES] += nents
    tellScatterlist(io, lists, table.sgl, nents, 'scatterlist', bytes)
    if (nents === 0 || !io.mapDma(nents)) return this.fail(operation)
    entries.clear()
    entries.addScatterlist(io.pages, lists, table.sgl, nents)
    if (mapMrSg(list, entries, 0, nents, 0, PAGE_SIZE) !== nents) {
      io.unmapDma(nents)
      return this.fail(operation)
    }
    return this.registered(io, operation, nents, bytes)
  }
}

const PIECES_MAX = 0x7fffffff
