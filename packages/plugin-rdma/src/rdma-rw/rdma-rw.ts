import {
  BIO_VEC_BYTES,
  type Consumer,
  type ConsumerEnvironment,
  countersOf,
  ITER_BVEC,
  ITER_DEST,
  type Operation,
  type OperationShape,
  type PageStore,
  SCATTERLIST_BYTES,
} from '@pinscope/core'
import { DmaEntries } from '../mr/dma-entries.ts'
import { Payload } from '../payload/payload.ts'
import { Pieces } from '../payload/pieces.ts'
import { BvecContexts } from './bvec-contexts.ts'
import { BVECS, RW_COUNTERS, SG_ENTRIES } from './counters.ts'
import { MrPool } from './mr-pool.ts'
import { NO_CONTEXT, RwContexts } from './rw-contexts.ts'
import { type RwDevice, rwDeviceOf } from './rw-device.ts'
import { RwMrs } from './rw-mrs.ts'
import { SgContexts } from './sg-contexts.ts'

const PIECES_UNLIMITED = 0x7fffffff

/**
 * The target's side of storage and NFS over RDMA: one RDMA READ or WRITE context for each row.
 *
 * The iterator is the target's own buffer. A `write` row has a data source: the target sends it, an RDMA WRITE
 * (DMA_TO_DEVICE). A `read` row has a data destination: the target fetches into it, an RDMA READ (DMA_FROM_DEVICE). So the
 * row is named by what happens to the buffer, not by what the initiator asked for, which is the opposite.
 *
 * The caller owns the pages and nothing is taken here: kernel memory is bare. User memory is held under the lane's policy,
 * as a target whose buffers are a process's would hold it, from before the context is made until after it is gone. The
 * list that the caller hands down is counted by its elements, but is no allocation of this code. One queue pair serves the
 * lane.
 *
 * @kernel drivers/infiniband/core/rw.c: rdma_rw_ctx_init, rdma_rw_ctx_init_bvec (mainline), rdma_rw_ctx_post,
 *   rdma_rw_ctx_destroy; include/rdma/rw.h: struct rdma_rw_ctx
 */
export class RdmaRw implements Consumer {
  /** Alone only: contexts share the regions of their queue pair. With iWARP it matters which way a region was used before. */
  readonly operationShape?: OperationShape
  private readonly pages: PageStore
  private readonly offsetBytes: number
  private readonly setup: RwDevice
  private readonly payload: Payload
  private readonly pieces = new Pieces()
  private readonly sg = new DmaEntries()
  private readonly contexts: RwContexts
  private readonly sgContexts: SgContexts
  private readonly bvecContexts: BvecContexts
  private readonly counts = new Float64Array(RW_COUNTERS.length)

  constructor(environment: ConsumerEnvironment) {
    const { counts } = this
    const setup = rwDeviceOf(environment)
    if (!setup.device.isIwarp) {
      const addressAlignmentBytes = environment.options.offset === 0 ? 1 : 0
      this.operationShape = { positionAlignmentBytes: 1, addressAlignmentBytes, aloneOnly: true }
    }
    const pool = new MrPool(setup.poolMrs)
    const contexts = new RwContexts(pool)
    const mrs = new RwMrs(setup, pool, contexts, counts)
    this.pages = environment.pages
    this.offsetBytes = environment.options.offset
    this.setup = setup
    this.payload = new Payload(environment)
    this.contexts = contexts
    this.sgContexts = new SgContexts(setup, contexts, mrs, counts)
    this.bvecContexts = new BvecContexts(setup, contexts, mrs, counts)
  }

  submit(io: Operation): number {
    const { usesBvecs } = this.setup
    const { iter } = io
    const isListed = iter.type === ITER_BVEC && usesBvecs
    this.pieces.clear()
    if (iter.countBytes === 0) return 0
    if (usesBvecs) iter.advance(Math.min(this.offsetBytes, iter.countBytes))
    const listed = iter.countBytes === 0 ? 0 : this.payload.list(io, this.pieces, iter.countBytes, PIECES_UNLIMITED)
    if (listed < 0) return listed
    this.countList(io, isListed)
    const row = this.init(io, usesBvecs, iter.direction !== ITER_DEST)
    if (row < 0) return row
    io.scratch = row
    const bytes = usesBvecs ? listed : listed - this.offsetBytes
    io.reachedInPlace(bytes)
    this.tell(io, listed)
    return bytes
  }

  /** No context was made, or none is left; the caller's pages go. */
  abort(io: Operation): void {
    io.letGoOfKept()
  }

  /** The last work request is done: the context goes, then the caller's pages. */
  complete(io: Operation): void {
    if (io.scratch !== NO_CONTEXT) this.contexts.destroy(io, io.scratch)
    io.letGoOfKept()
  }

  counters(): Readonly<Record<string, number>> {
    return countersOf(RW_COUNTERS, this.counts)
  }

  private init(io: Operation, usesBvecs: boolean, isWrite: boolean): number {
    const { pieces, sg } = this
    sg.clear()
    sg.addPieces(this.pages, pieces, 0, pieces.length)
    return usesBvecs
      ? this.bvecContexts.init(io, pieces, sg, isWrite)
      : this.sgContexts.init(io, sg, this.offsetBytes, isWrite)
  }

  /** The list that the caller made of its memory; a BVEC iterator is one already. */
  private countList(io: Operation, isListed: boolean): void {
    const { counts, pieces } = this
    const slot = this.setup.usesBvecs ? BVECS : SG_ENTRIES
    counts[slot] += pieces.length
    if (!isListed) io.built(pieces.length, this.setup.usesBvecs ? BIO_VEC_BYTES : SCATTERLIST_BYTES)
  }

  private tell({ observer }: Operation, bytes: number): void {
    if (observer === null) return
    const { length, page, offsetBytes, lengthBytes } = this.pieces
    const list = this.setup.usesBvecs ? 'bvecs' : 'scatterlist'
    observer.listBuilt(list, bytes, length, page, offsetBytes, lengthBytes, '')
  }
}
