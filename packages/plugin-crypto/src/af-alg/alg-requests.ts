import {
  EBUSY,
  ENOMEM,
  grown,
  HOLD_NONE,
  type Hold,
  type Ledger,
  type Operation,
  RowPool,
  SCATTERLIST_BYTES,
  type Scatterlists,
  SG_NO_PAGE,
  SG_NONE,
} from '@pinscope/core'
import type { AlgSockets } from './alg-sockets.ts'
import { BUSY, REQUESTS, RSGLS, RSGLS_ALLOCATED } from './counters.ts'
import { ALG_MAX_PAGES, type AlgSizes } from './limits.ts'
import { socketOmem, sockKmalloc } from './sock-kmalloc.ts'
import type { TxLists } from './tx-lists.ts'
import { wentWell } from './unseen.ts'

/** No request, and no receive list. */
export const REQUEST_NONE = 0

/**
 * Cipher requests in flight: each with a chain of receive lists, and the part of the transmit list that it works on.
 * @kernel include/crypto/if_alg.h: struct af_alg_async_req, struct af_alg_rsgl; crypto/af_alg.c: af_alg_alloc_areq,
 *   af_alg_free_resources, af_alg_free_areq_sgls
 */
export class AlgRequests {
  readonly lists: Scatterlists
  readonly sizes: AlgSizes
  private readonly sockets: AlgSockets
  private readonly tx: TxLists
  private readonly counts: Float64Array

  /** Of each request: its socket, its first and last receive list, entries and bytes of all of them. */
  socket = new Int32Array(16)
  firstRsgl = new Int32Array(16)
  lastRsgl = new Int32Array(16)
  entries = new Int32Array(16)
  /** Array of transmit entries, or SG_NONE, and its length. @kernel af_alg_async_req.tsgl, tsgl_entries */
  tsgl = new Int32Array(16)
  tsglEntries = new Int32Array(16)
  /** Bytes charged to the socket for it. */
  private omem = new Int32Array(16)
  private readonly requests = new RowPool(1)

  /** Of each receive list: its array of 17 entries, entries in use, what is held on their pages, and the next list. */
  sgl = new Int32Array(16)
  nents = new Int32Array(16)
  hold = new Int32Array(16)
  nextRsgl = new Int32Array(16)
  private readonly rsgls = new RowPool(1)

  constructor(lists: Scatterlists, sizes: AlgSizes, sockets: AlgSockets, tx: TxLists, counts: Float64Array) {
    this.lists = lists
    this.sizes = sizes
    this.sockets = sockets
    this.tx = tx
    this.counts = counts
  }

  /**
   * A request of a socket, with nothing in it; -EBUSY while another one of that socket is in flight, unless the result of the
   * row tells that it was not refused: then it was another socket's. -ENOMEM. @kernel crypto/af_alg.c: af_alg_alloc_areq
   */
  alloc(io: Operation, socket: number): number {
    const { sizes, sockets } = this
    if (sockets.inflight[socket] > 0 && !wentWell(io)) {
      this.counts[BUSY]++
      return EBUSY
    }
    const held = socketOmem(sockets, socket, sizes.ctxBytes)
    if (!sockKmalloc(io, held, sizes.areqBytes, sizes.optmemBytes)) return ENOMEM
    const request = this.takeRequest()
    this.socket[request] = socket
    this.omem[request] = sizes.areqBytes
    sockets.inflight[socket]++
    this.counts[REQUESTS]++
    return request
  }

  /** Adds an empty receive list to a request: its number, or -ENOMEM. The first one is part of the request. @kernel crypto/af_alg.c: af_alg_get_rsgl */
  addRsgl(io: Operation, request: number): number {
    const isFirst = this.firstRsgl[request] === REQUEST_NONE
    if (!isFirst && !this.kmalloc(io, request, this.sizes.rsglBytes)) return ENOMEM
    const rsgl = this.takeRsgl()
    if (isFirst) this.firstRsgl[request] = rsgl
    else {
      this.nextRsgl[this.lastRsgl[request]] = rsgl
      this.counts[RSGLS_ALLOCATED]++
    }
    this.lastRsgl[request] = rsgl
    this.counts[RSGLS]++
    return rsgl
  }

  /**
   * Takes `bytes` bytes of the socket's transmit list for the request, those before `dstOffset` being thrown away; the array
   * has room for `entries` entries, and for one where there is none. 0, or -ENOMEM with the list as it was.
   * @kernel crypto/algif_skcipher.c: _skcipher_recvmsg; crypto/algif_aead.c: _aead_recvmsg
   */
  pullTx(io: Operation, request: number, entries: number, bytes: number, dstOffset = 0): number {
    const length = entries > 0 ? entries : 1
    if (!this.kmalloc(io, request, length * SCATTERLIST_BYTES)) return ENOMEM
    const tsgl = this.lists.take(length)
    this.lists.initTable(tsgl, length)
    this.tsgl[request] = tsgl
    this.tsglEntries[request] = length
    this.tx.pull(io, this.socket[request], bytes, tsgl, dstOffset)
    return 0
  }

  /** First entry of the request's receive lists, which are one chain; SG_NONE where it has none. */
  rxSgl(request: number): number {
    const first = this.firstRsgl[request]
    return first === REQUEST_NONE ? SG_NONE : this.sgl[first]
  }

  /** Hands what is held over to the operation: the request is in flight until it completes. */
  keep(io: Operation, request: number): void {
    for (let rsgl = this.firstRsgl[request]; rsgl !== REQUEST_NONE; rsgl = this.nextRsgl[rsgl]) {
      io.keep(this.hold[rsgl] as Hold)
      this.hold[rsgl] = HOLD_NONE
    }
  }

  /**
   * Frees a request and what it has: the pages of the receive lists first (unpinned, put, or nothing, as they were taken),
   * then those of the transmit entries. @kernel crypto/af_alg.c: af_alg_free_resources, af_alg_free_areq_sgls
   */
  freeResources(io: Operation, request: number): void {
    const { sizes } = this
    const first = this.firstRsgl[request]
    for (let rsgl = first; rsgl !== REQUEST_NONE; ) {
      const next = this.nextRsgl[rsgl]
      this.freeSg(io.ledger, rsgl)
      if (rsgl !== first) io.free(sizes.rsglBytes)
      this.rsgls.give(rsgl)
      rsgl = next
    }
    if (this.tsgl[request] !== SG_NONE) this.freeTsgl(io, request)
    io.free(sizes.areqBytes)
    this.sockets.inflight[this.socket[request]]--
    this.requests.give(request)
  }

  /** @kernel crypto/af_alg.c: af_alg_free_sg */
  private freeSg(ledger: Ledger, rsgl: number): void {
    ledger.letGo(this.hold[rsgl] as Hold)
    this.hold[rsgl] = HOLD_NONE
  }

  private freeTsgl(io: Operation, request: number): void {
    const { lists, tx } = this
    const tsgl = this.tsgl[request]
    const entries = this.tsglEntries[request]
    for (let sg = tsgl; sg < tsgl + entries; sg++) if (lists.page[sg] !== SG_NO_PAGE) tx.putPage(io, sg)
    lists.give(tsgl, entries)
    io.free(entries * SCATTERLIST_BYTES)
  }

  private kmalloc(io: Operation, request: number, bytes: number): boolean {
    const { sizes } = this
    const held = socketOmem(this.sockets, this.socket[request], sizes.ctxBytes) + this.omem[request]
    if (!sockKmalloc(io, held, bytes, sizes.optmemBytes)) return false
    this.omem[request] += bytes
    return true
  }

  private takeRequest(): number {
    const request = this.requests.take()
    if (request >= this.socket.length) this.growRequests()
    this.firstRsgl[request] = REQUEST_NONE
    this.lastRsgl[request] = REQUEST_NONE
    this.entries[request] = 0
    this.tsgl[request] = SG_NONE
    this.tsglEntries[request] = 0
    return request
  }

  private takeRsgl(): number {
    const rsgl = this.rsgls.take()
    if (rsgl >= this.sgl.length) this.growRsgls()
    // A list keeps its array when it is free. One more than it holds, for the link.
    if (this.sgl[rsgl] === SG_NONE) this.sgl[rsgl] = this.lists.take(ALG_MAX_PAGES + 1)
    this.nents[rsgl] = 0
    this.hold[rsgl] = HOLD_NONE
    this.nextRsgl[rsgl] = REQUEST_NONE
    return rsgl
  }

  private growRequests(): void {
    const capacity = this.socket.length * 2
    this.socket = grown(this.socket, capacity)
    this.firstRsgl = grown(this.firstRsgl, capacity)
    this.lastRsgl = grown(this.lastRsgl, capacity)
    this.entries = grown(this.entries, capacity)
    this.tsgl = grown(this.tsgl, capacity)
    this.tsglEntries = grown(this.tsglEntries, capacity)
    this.omem = grown(this.omem, capacity)
  }

  private growRsgls(): void {
    const capacity = this.sgl.length * 2
    this.sgl = grown(this.sgl, capacity)
    this.nents = grown(this.nents, capacity)
    this.hold = grown(this.hold, capacity)
    this.nextRsgl = grown(this.nextRsgl, capacity)
  }
}
