import type { ConsumerEnvironment } from '@pinscope/core'
import { type Device, deviceOf } from '../device/device.ts'
import { RW_MR_PAGES_MAX, RW_REG_CTX_BVEC_BYTES, RW_REG_CTX_BYTES, TARGET_TRANSFER_PAGES } from './sizes.ts'

/** What the options, the device and the version make of a queue pair that does RDMA READ and WRITE. */
export interface RwDevice {
  readonly device: Device
  /** Entries of an RDMA WRITE. @kernel include/rdma/ib_verbs.h: ib_qp.max_write_sge */
  readonly maxWriteSge: number
  /** Entries of an RDMA READ. @kernel include/rdma/ib_verbs.h: ib_qp.max_read_sge */
  readonly maxReadSge: number
  /** 0: no limit. @kernel include/rdma/ib_verbs.h: ib_device_attr.max_sgl_rd */
  readonly maxSglRd: number
  /** Everything is registered. @kernel drivers/infiniband/core/rw.c: rdma_rw_force_mr */
  readonly forcesMr: boolean
  /** @kernel drivers/infiniband/core/rw.c: rdma_rw_fr_page_list_len */
  readonly pagesPerMr: number
  /** MRs of the pool; 0 where nothing will ever be registered. @kernel drivers/infiniband/core/rw.c: rdma_rw_init_mrs */
  readonly poolMrs: number
  /** Bytes of the bookkeeping of one MR. */
  readonly regCtxBytes: number
  /** Callers hand bvecs down instead of a scatterlist. */
  readonly usesBvecs: boolean
  /** There is an IOMMU that gives ranges of device addresses. @kernel drivers/iommu/dma-iommu.c: dma_iova_try_alloc */
  readonly hasIova: boolean
}

/**
 * The pool is that of an NVMe target: for each request of the queue as many MRs as the largest transfer needs.
 *
 * Bvecs are taken only where the kernel has rdma_rw_ctx_init_bvec: mainline. 6.18: taken as 6.12, because the call came in 2026.
 * @kernel drivers/infiniband/core/verbs.c: ib_create_qp_kernel; drivers/infiniband/core/rw.c: rdma_rw_can_use_mr,
 *   rdma_rw_mr_factor; drivers/nvme/target/rdma.c: nvmet_rdma_create_queue_ib
 */
export function rwDeviceOf({ kernel, options }: Pick<ConsumerEnvironment, 'kernel' | 'options'>): RwDevice {
  const device = deviceOf(options)
  const maxSglRd = options['max-sgl-rd'] || device.maxSglRd
  const forcesMr = options['force-mr'] === 1
  const pagesPerMr = Math.min(device.maxFastRegPages, RW_MR_PAGES_MAX)
  const canUseMr = device.isIwarp || maxSglRd > 0 || forcesMr
  const isMainline = kernel === 'mainline'
  return {
    device,
    maxWriteSge: device.maxSendSge,
    maxReadSge: Math.min(device.maxSendSge, device.maxSgeRd),
    maxSglRd,
    forcesMr,
    pagesPerMr,
    poolMrs: canUseMr ? options['queue-size'] * Math.ceil(TARGET_TRANSFER_PAGES / pagesPerMr) : 0,
    regCtxBytes: isMainline ? RW_REG_CTX_BVEC_BYTES : RW_REG_CTX_BYTES,
    usesBvecs: isMainline && options.bvec === 1,
    hasIova: options.iova === 1 && !device.needsNoDma,
  }
}
