import { EAGAIN, EINVAL, type Operation, PAGE_SIZE } from '@pinscope/core'
import { IB_SGE_BYTES } from '../device/device.ts'
import type { DmaEntries } from '../mr/dma-entries.ts'
import { mapMrSg } from '../mr/map-mr-sg.ts'
import { MemoryRegion } from '../mr/memory-region.ts'
import { INV_WRS, MR_CONTEXTS, MR_PAGES, MR_POOL_EMPTY, MR_SHORT, MRS, RDMA_WRS, REG_WRS, SGES } from './counters.ts'
import { type MrPool, NO_MR } from './mr-pool.ts'
import type { RwContexts } from './rw-contexts.ts'
import type { RwDevice } from './rw-device.ts'

/**
 * Contexts whose memory is registered: an MR for as many entries as it has pages, with a work request to register it and
 * one to move its data, and before them one that invalidates what the MR was registered as before.
 *
 * The entries of an MR are counted, not their pages: where one is longer than a page, or two leave a gap, the MR cannot
 * show them all and the context fails.
 *
 * @kernel drivers/infiniband/core/rw.c: rdma_rw_init_mr_wrs, rdma_rw_init_one_mr, rdma_rw_inv_key, rdma_rw_update_lkey.
 *   The same in all versions.
 */
export class RwMrs {
  private readonly setup: RwDevice
  private readonly pool: MrPool
  private readonly contexts: RwContexts
  private readonly counts: Float64Array
  private readonly region: MemoryRegion

  constructor(setup: RwDevice, pool: MrPool, contexts: RwContexts, counts: Float64Array) {
    this.setup = setup
    this.pool = pool
    this.contexts = contexts
    this.counts = counts
    this.region = new MemoryRegion(setup.pagesPerMr)
  }

  /** What a context keeps of its MRs, allocated for `entries` entries; 0 bytes when that failed. */
  allocate(io: Operation, entries: number): number {
    const bytes = this.setup.regCtxBytes * Math.ceil(entries / this.setup.pagesPerMr)
    return io.allocate(bytes) ? bytes : 0
  }

  /**
   * Registers the mapped entries from `first` on, of the first of them the bytes from `offsetBytes` on. 0, or an errno
   * with all MRs given back: -EAGAIN for an empty pool, -EINVAL for what an MR cannot show.
   */
  init(io: Operation, row: number, sg: DmaEntries, first: number, offsetBytes: number, isWrite: boolean): number {
    const { pagesPerMr } = this.setup
    let last = NO_MR
    for (let at = first; at < sg.length; at += pagesPerMr) {
      const nents = Math.min(sg.length - at, pagesPerMr)
      const mr = this.initOne(io, sg, at, nents, at === first ? offsetBytes : 0)
      if (mr < 0) {
        this.contexts.putMrsBackwards(row)
        return mr
      }
      if (last === NO_MR) this.contexts.firstMr[row] = mr
      else this.pool.nextOfContext[last] = mr
      last = mr
    }
    this.post(row, isWrite)
    return 0
  }

  /** The MR, or an errno. @kernel drivers/infiniband/core/rw.c: rdma_rw_init_one_mr */
  private initOne(io: Operation, sg: DmaEntries, first: number, nents: number, offsetBytes: number): number {
    const { counts, pool, region } = this
    if (!io.fits(1, pool.available)) {
      counts[MR_POOL_EMPTY]++
      return EAGAIN
    }
    const mapped = mapMrSg(region, sg, first, nents, offsetBytes, PAGE_SIZE)
    if (mapped < nents) {
      counts[MR_SHORT]++
      return EINVAL
    }
    const mr = pool.get()
    pool.nextOfContext[mr] = NO_MR
    io.built(region.entries, region.entryBytes)
    io.built(1, IB_SGE_BYTES)
    counts[MRS]++
    counts[MR_PAGES] += region.entries
    counts[SGES]++
    return mr
  }

  /**
   * The work requests go out. An MR must be invalidated before its next use unless the read that filled it did so, as
   * reads of iWARP do.
   * @kernel drivers/infiniband/core/rw.c: rdma_rw_ctx_wrs, rdma_rw_update_lkey
   */
  private post(row: number, isWrite: boolean): void {
    const { counts, pool, setup } = this
    const invalidatesItself = !isWrite && setup.device.isIwarp
    counts[MR_CONTEXTS]++
    for (let mr = this.contexts.firstMr[row]; mr !== NO_MR; mr = pool.nextOfContext[mr]) {
      counts[INV_WRS] += pool.needsInval[mr]
      counts[REG_WRS]++
      counts[RDMA_WRS]++
      pool.needsInval[mr] = invalidatesItself ? 0 : 1
    }
  }
}
