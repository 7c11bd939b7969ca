import {
  EINVAL,
  EIO,
  HOLD_NONE,
  type Hold,
  IterToSg,
  isUserBacked,
  type Ledger,
  type Memory,
  type Operation,
  SCATTERLIST_BYTES,
  Scatterlists,
  SgTable,
  SgViolations,
  tellScatterlist,
} from '@pinscope/core'
import { ALG_MAX_PAGES } from './limits.ts'

/**
 * The one list of a hash socket: the chunk of memory that is hashed next, at most 16 entries. It is let go before the next
 * chunk, and before the call returns.
 * @kernel include/crypto/if_alg.h: struct af_alg_sgl, in struct hash_ctx
 */
export class HashChunk {
  /** Entries of the chunk. */
  nents = 0
  private readonly lists = new Scatterlists()
  private readonly sgl: number
  private readonly iterToSg: IterToSg
  private readonly table = new SgTable()
  private hold: Hold = HOLD_NONE

  constructor(memory: Memory, ledger: Ledger) {
    this.sgl = this.lists.take(ALG_MAX_PAGES + 1)
    this.iterToSg = new IterToSg(memory, ledger, this.lists, new SgViolations(ledger))
  }

  /**
   * Lists the next part of the iterator: at most `entriesMax` entries and `bytesMax` bytes. Returns the bytes, or an errno
   * with nothing held. @kernel crypto/af_alg.c: af_alg_make_sg (6.1), lib/scatterlist.c: extract_iter_to_sg
   */
  take(io: Operation, entriesMax: number, bytesMax: number): number {
    const bytes = io.policy.isLegacy ? this.makeSg(io, entriesMax, bytesMax) : this.extract(io, entriesMax, bytesMax)
    if (bytes <= 0) return bytes
    io.built(this.nents, SCATTERLIST_BYTES)
    io.reachedInPlace(bytes)
    tellScatterlist(io, this.lists, this.sgl, this.nents, 'hash list', bytes)
    return bytes
  }

  /** The next bvec as it is, with nothing taken on it: whoever calls holds the page. Bytes. @kernel crypto/algif_hash.c: hash_sendpage (6.1) */
  takePage(io: Operation): number {
    const bytes = this.extract(io, 1, io.iter.countBytes)
    if (bytes <= 0) return bytes
    io.built(1, SCATTERLIST_BYTES)
    io.reachedInPlace(bytes)
    tellScatterlist(io, this.lists, this.sgl, 1, 'hash list', bytes)
    return bytes
  }

  /** Unpins, puts, or does nothing, as the pages were taken. @kernel crypto/af_alg.c: af_alg_free_sg */
  letGo(ledger: Ledger): void {
    ledger.letGo(this.hold)
    this.hold = HOLD_NONE
  }

  private makeSg(io: Operation, entriesMax: number, bytesMax: number): number {
    const { lists, sgl } = this
    const bytes = io.extract(entriesMax, bytesMax)
    // No page, and no error: the kernel warns.
    if (bytes <= 0) return bytes === 0 ? EINVAL : bytes
    const { list } = io
    lists.initTable(sgl, list.length + 1)
    for (let i = 0; i < list.length; i++) lists.setPage(sgl + i, list.page[i], list.lengthBytes[i], list.offsetBytes[i])
    lists.markEnd(sgl + list.length - 1)
    this.nents = list.length
    this.hold = io.hold
    return bytes
  }

  private extract(io: Operation, entriesMax: number, bytesMax: number): number {
    const { lists, table } = this
    table.sgl = this.sgl
    table.nents = 0
    table.origNents = 0
    table.hold = HOLD_NONE
    lists.initTable(this.sgl, entriesMax)
    // Entries over kernel memory are made without a look at the iterator's count, which never ends inside a segment in a
    // kernel; in a trace it may.
    const { countBytes, type } = io.iter
    const most = isUserBacked(type) || bytesMax < countBytes ? bytesMax : countBytes
    const bytes = this.iterToSg.extract(io, table, most, entriesMax)
    // Nothing listed, and no error: the kernel would ask again without end.
    if (bytes <= 0) return bytes === 0 ? EIO : bytes
    lists.markEnd(this.sgl + table.nents - 1)
    this.nents = table.nents
    this.hold = table.hold
    return bytes
  }
}
