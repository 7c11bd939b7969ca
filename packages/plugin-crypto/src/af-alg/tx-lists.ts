import { ENOMEM, grown, type Operation, RowPool, type Scatterlists, SG_NO_PAGE, SG_NONE } from '@pinscope/core'
import type { AlgSockets } from './alg-sockets.ts'
import { TX_BLOCKS, TX_PAGES } from './counters.ts'

import { type AlgSizes, MAX_SGL_ENTS, TSGL_BYTES } from './limits.ts'
import { socketOmem, sockKmalloc } from './sock-kmalloc.ts'

/** pinscope's own, in `Scatterlists.bits`: the page is one of the iterator, listed where it is, with a plain reference. */
const SG_SPLICED = 1 << 7

/** No block. */
const BLOCK_NONE = 0

/**
 * The transmit lists of all sockets: for each a chain of blocks of 126 entries. An entry has one reference on its page:
 * that with which the page was allocated, or one that was taken for it where pages are spliced.
 * @kernel crypto/af_alg.c: af_alg_alloc_tsgl, af_alg_count_tsgl, af_alg_pull_tsgl; include/crypto/if_alg.h: struct
 *   af_alg_tsgl. The same in 6.1.176, 6.12 and mainline.
 */
export class TxLists {
  readonly lists: Scatterlists
  private readonly sockets: AlgSockets
  private readonly sizes: AlgSizes
  private readonly counts: Float64Array

  /** First entry of each block's array, entries in use, and the next block. A block keeps its array when it is free. */
  private sgl = new Int32Array(16)
  private cur = new Int32Array(16)
  private next = new Int32Array(16)
  private readonly blocks = new RowPool(1)

  constructor(lists: Scatterlists, sockets: AlgSockets, sizes: AlgSizes, counts: Float64Array) {
    this.lists = lists
    this.sockets = sockets
    this.sizes = sizes
    this.counts = counts
  }

  /** Makes sure that the last block has a free entry: 0, or -ENOMEM. @kernel crypto/af_alg.c: af_alg_alloc_tsgl */
  allocTsgl(io: Operation, socket: number): number {
    const { lists, sockets, sizes } = this
    const last = sockets.lastBlock[socket]
    if (last !== BLOCK_NONE) {
      if (this.cur[last] < MAX_SGL_ENTS) return 0
      io.limitHit()
    }
    const held = socketOmem(sockets, socket, sizes.ctxBytes)
    if (!sockKmalloc(io, held, TSGL_BYTES, sizes.optmemBytes)) return ENOMEM
    const block = this.take()
    const sgl = this.sgl[block]
    lists.initTable(sgl, MAX_SGL_ENTS + 1)
    if (last === BLOCK_NONE) sockets.firstBlock[socket] = block
    else {
      lists.unmarkEnd(this.sgl[last] + MAX_SGL_ENTS - 1)
      lists.chain(this.sgl[last], MAX_SGL_ENTS + 1, sgl)
      this.next[last] = block
    }
    sockets.lastBlock[socket] = block
    sockets.blocks[socket]++
    this.counts[TX_BLOCKS]++
    return 0
  }

  /** Entries that the last block still takes. */
  entriesLeft(socket: number): number {
    return MAX_SGL_ENTS - this.cur[this.sockets.lastBlock[socket]]
  }

  /** First entry of the last block. */
  lastSgl(socket: number): number {
    return this.sgl[this.sockets.lastBlock[socket]]
  }

  /** Entries of the last block that are in use. */
  lastCur(socket: number): number {
    return this.cur[this.sockets.lastBlock[socket]]
  }

  /** The entry that was added last. */
  lastEntry(socket: number): number {
    return this.lastSgl(socket) + this.lastCur(socket) - 1
  }

  /** Adds a page of the socket's own, which comes with a reference, and that many bytes in it. */
  addPage(socket: number, page: number, bytes: number): void {
    const { lists, sockets } = this
    const block = sockets.lastBlock[socket]
    const sg = this.sgl[block] + this.cur[block]
    lists.setPage(sg, page, bytes, 0)
    lists.bits[sg] &= ~SG_SPLICED
    this.cur[block]++
    sockets.used[socket] += bytes
    this.counts[TX_PAGES]++
  }

  /** Takes over entries that were written behind those in use, up to `nents` in all, with a reference on the first page of each. */
  addSpliced(io: Operation, socket: number, nents: number, bytes: number): void {
    const { lists, sockets } = this
    const block = sockets.lastBlock[socket]
    while (this.cur[block] < nents) {
      const sg = this.sgl[block] + this.cur[block]++
      lists.bits[sg] |= SG_SPLICED
      io.ledger.getPage(lists.page[sg])
      // It was listed with nothing taken. The entry's pages behind it stay so.
      io.ledger.bare(-1)
    }
    sockets.used[socket] += bytes
  }

  /**
   * Entries that hold the first `bytes` bytes. Entries at the front that were taken before, and have no page any more, are
   * counted too. @kernel crypto/af_alg.c: af_alg_count_tsgl (6.1.176, 6.12.117, mainline)
   */
  countTsgl(socket: number, bytes: number): number {
    const { lengthBytes } = this.lists
    if (bytes === 0) return 0
    let left = bytes
    let entries = 0
    for (let block = this.sockets.firstBlock[socket]; block !== BLOCK_NONE; block = this.next[block]) {
      const end = this.sgl[block] + this.cur[block]
      for (let sg = this.sgl[block]; sg < end; sg++) {
        entries++
        if (lengthBytes[sg] >= left) return entries
        left -= lengthBytes[sg]
      }
    }
    return entries
  }

  /** Entries that hold `bytes` bytes, without what lies before `offset`. @kernel crypto/af_alg.c: af_alg_count_tsgl with an offset (before 2026) */
  countTsglFrom(socket: number, bytes: number, offset: number): number {
    const { lengthBytes } = this.lists
    if (bytes === 0) return 0
    let skip = offset
    let left = bytes
    let entries = 0
    for (let block = this.sockets.firstBlock[socket]; block !== BLOCK_NONE; block = this.next[block]) {
      const end = this.sgl[block] + this.cur[block]
      for (let sg = this.sgl[block]; sg < end; sg++) {
        if (skip >= lengthBytes[sg]) {
          skip -= lengthBytes[sg]
          left -= lengthBytes[sg]
          continue
        }
        entries++
        if (lengthBytes[sg] - skip >= left) return entries
        left -= lengthBytes[sg] - skip
        skip = 0
      }
    }
    return entries
  }

  /**
   * Takes `bytes` bytes off the front. What lies behind `dstOffset` of them goes into the array `dst`, each entry with a
   * reference of its own; SG_NONE throws everything away. An entry that is used up drops its page, a block that is used up
   * is freed. The message is over only when the list is empty.
   * @kernel crypto/af_alg.c: af_alg_pull_tsgl (before 2026 with `dst_offset`, which is 0 since)
   */
  pull(io: Operation, socket: number, bytes: number, dst: number, dstOffset = 0): void {
    const { lists, sockets } = this
    const { page, offsetBytes, lengthBytes } = lists
    let left = bytes
    let skip = dstOffset
    let to = dst
    for (let block = sockets.firstBlock[socket]; block !== BLOCK_NONE; block = sockets.firstBlock[socket]) {
      const end = this.sgl[block] + this.cur[block]
      for (let sg = this.sgl[block]; sg < end; sg++) {
        if (page[sg] === SG_NO_PAGE) continue
        const taken = lengthBytes[sg] < left ? lengthBytes[sg] : left
        if (skip >= taken) skip -= taken
        else if (dst !== SG_NONE) {
          this.getPage(io, sg)
          lists.setPage(to, page[sg], taken - skip, offsetBytes[sg] + skip)
          lists.bits[to] = (lists.bits[to] & ~SG_SPLICED) | (lists.bits[sg] & SG_SPLICED)
          to++
          skip = 0
        }
        lengthBytes[sg] -= taken
        offsetBytes[sg] += taken
        left -= taken
        this.settle(socket, taken)
        if (lengthBytes[sg] > 0) return
        this.putPage(io, sg)
      }
      this.freeFirst(io, socket)
    }
    if (sockets.used[socket] === 0) sockets.merge[socket] = 0
    sockets.init[socket] = sockets.more[socket]
  }

  /** Drops the entry's reference on its page, which it has no more. @kernel include/linux/mm.h: put_page */
  putPage(io: Operation, sg: number): void {
    const { lists } = this
    const page = lists.page[sg]
    if ((lists.bits[sg] & SG_SPLICED) !== 0) io.ledger.putPage(page)
    else io.owned.put(page)
    lists.page[sg] = SG_NO_PAGE
  }

  /** Entries of a socket's list, as `{page, offsetBytes, lengthBytes}`: for `explain` and tests. */
  entriesOf(socket: number): { page: number; offsetBytes: number; lengthBytes: number }[] {
    const { page, offsetBytes, lengthBytes } = this.lists
    const entries = []
    for (let block = this.sockets.firstBlock[socket]; block !== BLOCK_NONE; block = this.next[block]) {
      for (let i = 0; i < this.cur[block]; i++) {
        const sg = this.sgl[block] + i
        if (page[sg] === SG_NO_PAGE) continue
        entries.push({ page: page[sg], offsetBytes: offsetBytes[sg], lengthBytes: lengthBytes[sg] })
      }
    }
    return entries
  }

  private getPage(io: Operation, sg: number): void {
    const { lists } = this
    if ((lists.bits[sg] & SG_SPLICED) !== 0) io.ledger.getPage(lists.page[sg])
    else io.owned.get(lists.page[sg])
  }

  private settle(socket: number, bytes: number): void {
    const { sockets } = this
    sockets.used[socket] -= bytes
    const before = sockets.overtaken[socket] - bytes
    sockets.overtaken[socket] = before > 0 ? before : 0
  }

  private freeFirst(io: Operation, socket: number): void {
    const { sockets } = this
    const block = sockets.firstBlock[socket]
    sockets.firstBlock[socket] = this.next[block]
    if (this.next[block] === BLOCK_NONE) sockets.lastBlock[socket] = BLOCK_NONE
    sockets.blocks[socket]--
    if (sockets.blocksOvertaken[socket] > 0) sockets.blocksOvertaken[socket]--
    this.blocks.give(block)
    io.free(TSGL_BYTES)
  }

  private take(): number {
    const block = this.blocks.take()
    if (block >= this.sgl.length) this.grow()
    if (this.sgl[block] === SG_NONE) this.sgl[block] = this.lists.take(MAX_SGL_ENTS + 1)
    this.cur[block] = 0
    this.next[block] = BLOCK_NONE
    return block
  }

  private grow(): void {
    const capacity = this.sgl.length * 2
    this.sgl = grown(this.sgl, capacity)
    this.cur = grown(this.cur, capacity)
    this.next = grown(this.next, capacity)
  }
}
