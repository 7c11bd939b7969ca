import { EAGAIN, EIO, ENOMEM, type Operation } from '@pinscope/core'
import { IB_SGE_BYTES } from '../device/device.ts'
import type { DmaEntries } from '../mr/dma-entries.ts'
import { MR_FALLBACKS, MULTI_CONTEXTS, RDMA_WRS, SGES, SINGLE_CONTEXTS } from './counters.ts'
import type { RwContexts } from './rw-contexts.ts'
import type { RwDevice } from './rw-device.ts'
import type { RwMrs } from './rw-mrs.ts'
import { IB_RDMA_WR_BYTES } from './sizes.ts'

/**
 * Contexts over a scatterlist: what every target uses, but for NFS in mainline.
 * @kernel drivers/infiniband/core/rw.c: rdma_rw_ctx_init. The same in all versions: that an empty pool of MRs is got over
 *   came in 2026, and to the stable trees too.
 */
export class SgContexts {
  private readonly setup: RwDevice
  private readonly contexts: RwContexts
  private readonly mrs: RwMrs
  private readonly counts: Float64Array

  constructor(setup: RwDevice, contexts: RwContexts, mrs: RwMrs, counts: Float64Array) {
    this.setup = setup
    this.contexts = contexts
    this.mrs = mrs
    this.counts = counts
  }

  /**
   * Maps the whole list, and makes a context of what lies behind its first `offsetBytes` bytes. Its row, or an errno with
   * everything undone.
   *
   * -EIO for a list that ends before the offset: the kernel means to say so, but would run off the list before.
   */
  init(io: Operation, sg: DmaEntries, offsetBytes: number, isWrite: boolean): number {
    if (sg.length === 0 || !io.mapDma(sg.length)) return EIO
    let first = 0
    let offset = offsetBytes
    while (first < sg.length && offset >= sg.lengthBytes[first]) offset -= sg.lengthBytes[first++]
    const row = this.contexts.take(sg.length)
    const error = first === sg.length ? EIO : this.fill(io, row, sg, first, offset, isWrite)
    if (error === 0) return row
    this.contexts.destroy(io, row)
    return error
  }

  /** @kernel drivers/infiniband/core/rw.c: rdma_rw_io_needs_mr */
  private fill(io: Operation, row: number, sg: DmaEntries, first: number, offset: number, isWrite: boolean): number {
    const { device, forcesMr, maxSglRd } = this.setup
    const nents = sg.length - first
    const isTooLong = maxSglRd > 0 && nents > maxSglRd
    if (forcesMr || (!isWrite && (device.isIwarp || isTooLong))) {
      const error = this.register(io, row, sg, first, offset, isWrite)
      if (error !== EAGAIN || device.isIwarp || forcesMr) return error
      this.counts[MR_FALLBACKS]++
    }
    if (nents > 1) return this.multi(io, row, nents, isWrite)
    io.built(1, IB_SGE_BYTES)
    this.counts[SGES]++
    this.counts[RDMA_WRS]++
    this.counts[SINGLE_CONTEXTS]++
    return 0
  }

  private register(
    io: Operation,
    row: number,
    sg: DmaEntries,
    first: number,
    offset: number,
    isWrite: boolean,
  ): number {
    const bytes = this.mrs.allocate(io, sg.length - first)
    if (bytes === 0) return ENOMEM
    const error = this.mrs.init(io, row, sg, first, offset, isWrite)
    if (error === 0) this.contexts.firstBytes[row] = bytes
    else io.free(bytes)
    return error
  }

  /** @kernel drivers/infiniband/core/rw.c: rdma_rw_init_map_wrs */
  private multi(io: Operation, row: number, nents: number, isWrite: boolean): number {
    const { contexts, counts, setup } = this
    const ops = Math.ceil(nents / (isWrite ? setup.maxWriteSge : setup.maxReadSge))
    if (!io.allocate(nents * IB_SGE_BYTES)) return ENOMEM
    contexts.firstBytes[row] = nents * IB_SGE_BYTES
    if (!io.allocate(ops * IB_RDMA_WR_BYTES)) return ENOMEM
    contexts.secondBytes[row] = ops * IB_RDMA_WR_BYTES
    io.built(nents, IB_SGE_BYTES)
    counts[SGES] += nents
    counts[RDMA_WRS] += ops
    counts[MULTI_CONTEXTS]++
    return 0
  }
}
