import { EINVAL, EIO, ENOMEM, type Operation, PAGE_OFFSET_MASK, SCATTERLIST_BYTES } from '@pinscope/core'
import { IB_SGE_BYTES } from '../device/device.ts'
import type { DmaEntries } from '../mr/dma-entries.ts'
import type { Pieces } from '../payload/pieces.ts'
import {
  IOVA_CONTEXTS,
  IOVA_UNALIGNED,
  MULTI_CONTEXTS,
  RDMA_WRS,
  SG_ENTRIES,
  SGES,
  SINGLE_CONTEXTS,
} from './counters.ts'
import type { RwContexts } from './rw-contexts.ts'
import type { RwDevice } from './rw-device.ts'
import type { RwMrs } from './rw-mrs.ts'
import { IB_RDMA_WR_BYTES } from './sizes.ts'

/**
 * Contexts over bvecs, with no scatterlist between but where memory is registered: iWARP reads and `force-mr`. What a read
 * of many entries would gain from registration is not asked here.
 * @kernel drivers/infiniband/core/rw.c: rdma_rw_ctx_init_bvec (mainline)
 */
export class BvecContexts {
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
   * A context of the bvecs `vecs`. Its row, or an errno with everything undone: -EINVAL for no bytes, -EIO for a list that
   * could not be mapped, -ENOMEM for a bvec that could not.
   */
  init(io: Operation, vecs: Pieces, sg: DmaEntries, isWrite: boolean): number {
    const { device, forcesMr, hasIova } = this.setup
    if (vecs.length === 0) return EINVAL
    if (forcesMr || (!isWrite && device.isIwarp)) return this.register(io, sg, isWrite)
    if (vecs.length === 1) return this.single(io)
    return hasIova ? this.iova(io, vecs) : this.multi(io, vecs.length, isWrite)
  }

  /** @kernel drivers/infiniband/core/rw.c: rdma_rw_init_single_wr_bvec */
  private single(io: Operation): number {
    const { contexts, counts } = this
    if (!io.mapDma(1)) return ENOMEM
    this.oneSge(io)
    counts[SINGLE_CONTEXTS]++
    return contexts.take(1)
  }

  /**
   * All bvecs behind each other in one range of device addresses, which is one ib_sge. Each is linked for itself, with one
   * flush at the end: it counts as one mapping.
   *
   * The IOMMU maps pages, so that only the first bvec may begin inside one and only the last may end inside one. Nobody
   * looks before: linking fails, with a warning (-EIO) where a bvec begins inside a page, and with -EINVAL where one ends so.
   * @kernel drivers/infiniband/core/rw.c: rdma_rw_init_iova_wrs_bvec; drivers/iommu/dma-iommu.c: dma_iova_link;
   *   drivers/iommu/iommu.c: iommu_map_nosync
   */
  private iova(io: Operation, vecs: Pieces): number {
    const { contexts, counts } = this
    const error = linkError(vecs)
    if (error !== 0) {
      counts[IOVA_UNALIGNED]++
      return error
    }
    if (!io.mapDma(vecs.length)) return ENOMEM
    this.oneSge(io)
    counts[IOVA_CONTEXTS]++
    return contexts.take(vecs.length)
  }

  /** One allocation for both arrays, one mapping a bvec. @kernel drivers/infiniband/core/rw.c: rdma_rw_init_map_wrs_bvec */
  private multi(io: Operation, nrBvec: number, isWrite: boolean): number {
    const { contexts, counts, setup } = this
    const ops = Math.ceil(nrBvec / (isWrite ? setup.maxWriteSge : setup.maxReadSge))
    const bytes = nrBvec * IB_SGE_BYTES + ops * IB_RDMA_WR_BYTES
    if (!io.allocate(bytes)) return ENOMEM
    const row = contexts.take(0)
    contexts.firstBytes[row] = bytes
    for (let mapped = 0; mapped < nrBvec; mapped++) {
      if (!io.mapDma(1)) {
        contexts.destroy(io, row)
        return ENOMEM
      }
      contexts.mappedEntries[row]++
    }
    io.built(nrBvec, IB_SGE_BYTES)
    counts[SGES] += nrBvec
    counts[RDMA_WRS] += ops
    counts[MULTI_CONTEXTS]++
    return row
  }

  /** Through a scatterlist after all. @kernel drivers/infiniband/core/rw.c: rdma_rw_init_mr_wrs_bvec */
  private register(io: Operation, sg: DmaEntries, isWrite: boolean): number {
    const { contexts } = this
    const row = contexts.take(0)
    contexts.firstBytes[row] = this.mrs.allocate(io, sg.length)
    const error = contexts.firstBytes[row] === 0 ? ENOMEM : this.registerList(io, row, sg, isWrite)
    if (error === 0) return row
    contexts.destroy(io, row)
    return error
  }

  private registerList(io: Operation, row: number, sg: DmaEntries, isWrite: boolean): number {
    const { contexts } = this
    const bytes = sg.length * SCATTERLIST_BYTES
    if (!io.allocate(bytes)) return ENOMEM
    contexts.secondBytes[row] = bytes
    io.built(sg.length, SCATTERLIST_BYTES)
    this.counts[SG_ENTRIES] += sg.length
    if (!io.mapDma(sg.length)) return EIO
    contexts.mappedEntries[row] = sg.length
    return this.mrs.init(io, row, sg, 0, 0, isWrite)
  }

  private oneSge(io: Operation): void {
    io.built(1, IB_SGE_BYTES)
    this.counts[SGES]++
    this.counts[RDMA_WRS]++
  }
}

/** 0, or what linking the first bvec that does not fit fails with. */
function linkError({ length, offsetBytes, lengthBytes }: Pieces): number {
  for (let i = 1; i < length; i++) {
    if ((offsetBytes[i] & PAGE_OFFSET_MASK) !== 0) return EIO
    if (((offsetBytes[i - 1] + lengthBytes[i - 1]) & PAGE_OFFSET_MASK) !== 0) return EINVAL
  }
  return 0
}
