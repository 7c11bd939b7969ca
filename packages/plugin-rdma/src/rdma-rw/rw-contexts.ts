import { grown, type Operation, RowPool } from '@pinscope/core'
import { type MrPool, NO_MR } from './mr-pool.ts'

/** No context. */
export const NO_CONTEXT = 0

/**
 * Contexts between their submission and the end of the transfer, a row each.
 * @kernel include/rdma/rw.h: struct rdma_rw_ctx
 */
export class RwContexts {
  /** Entries mapped for the device. */
  mappedEntries = new Int32Array(64)
  /** Bytes of what the context allocated, two arrays at most; 0 for none. */
  firstBytes = new Float64Array(64)
  secondBytes = new Float64Array(64)
  /** Its MRs, in the order of the work requests. */
  firstMr = new Int32Array(64)
  private readonly rows = new RowPool(NO_CONTEXT + 1)
  private readonly pool: MrPool

  constructor(pool: MrPool) {
    this.pool = pool
  }

  /** A context with `mappedEntries` entries that are mapped, and nothing else yet. */
  take(mappedEntries: number): number {
    const row = this.rows.take()
    if (row >= this.firstMr.length) this.grow()
    this.mappedEntries[row] = mappedEntries
    this.firstBytes[row] = 0
    this.secondBytes[row] = 0
    this.firstMr[row] = NO_MR
    return row
  }

  /**
   * The transfer is over, or the context could not be made: gives everything back that it has.
   * @kernel drivers/infiniband/core/rw.c: rdma_rw_ctx_destroy, rdma_rw_ctx_destroy_bvec (mainline)
   */
  destroy(io: Operation, row: number): void {
    this.putMrs(row)
    if (this.firstBytes[row] > 0) io.free(this.firstBytes[row])
    if (this.secondBytes[row] > 0) io.free(this.secondBytes[row])
    if (this.mappedEntries[row] > 0) io.unmapDma(this.mappedEntries[row])
    this.rows.give(row)
  }

  /** @kernel drivers/infiniband/core/mr_pool.c: ib_mr_pool_put */
  putMrs(row: number): void {
    const { pool } = this
    for (let mr = this.firstMr[row]; mr !== NO_MR; ) {
      const next = pool.nextOfContext[mr]
      pool.put(mr)
      mr = next
    }
    this.firstMr[row] = NO_MR
  }

  /** {@link putMrs}, the one taken last first: a context that could not be made. @kernel drivers/infiniband/core/rw.c: rdma_rw_init_mr_wrs (out_free) */
  putMrsBackwards(row: number): void {
    const { nextOfContext } = this.pool
    let before = NO_MR
    for (let mr = this.firstMr[row]; mr !== NO_MR; ) {
      const next = nextOfContext[mr]
      nextOfContext[mr] = before
      before = mr
      mr = next
    }
    this.firstMr[row] = before
    this.putMrs(row)
  }

  private grow(): void {
    const capacity = this.firstMr.length * 2
    this.mappedEntries = grown(this.mappedEntries, capacity)
    this.firstBytes = grown(this.firstBytes, capacity)
    this.secondBytes = grown(this.secondBytes, capacity)
    this.firstMr = grown(this.firstMr, capacity)
  }
}
