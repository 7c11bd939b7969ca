import { grown, PAGE_SIZE } from '@pinscope/core'

/** Bytes of an element of a page list: the address of a page. @kernel drivers/infiniband/hw/mlx5/mr.c: mlx5_set_page (__be64) */
export const MR_PAGE_BYTES = 8

/** Bytes of an element that has a length of its own. @kernel include/linux/mlx5/device.h: struct mlx5_klm (bcount, key, va) */
export const MR_KLM_BYTES = 16

/** Slots of {@link MemoryRegion.figures}. @kernel include/rdma/ib_verbs.h: ib_mr.iova, ib_mr.length */
export const MR_IOVA = 0
export const MR_LENGTH = 1
/** Where the last entry ended: the next one may go on there. */
export const MR_END = 2

/**
 * A memory region for fast registration: a list of pages that a device shows as one range of addresses.
 *
 * Two kinds, by what the MR was allocated as:
 * - IB_MR_TYPE_MEM_REG: addresses of pages of one size. Gaps cannot be expressed.
 * - IB_MR_TYPE_SG_GAPS: an element for each entry, with a length of its own. mlx5 only, where they are called KLMs.
 *
 * rxe and irdma list pages as mlx5 does. siw makes an element of each run of contiguous entries and checks its room in
 * entries beforehand, but stops at the same gaps; its elements are counted as pages here.
 *
 * @kernel include/rdma/ib_verbs.h: struct ib_mr; drivers/infiniband/hw/mlx5/mr.c: mlx5_alloc_mem_reg_descs,
 *   mlx5_alloc_sg_gaps_descs; sw/siw/siw_verbs.c: siw_map_mr_sg. The same in 6.1, 6.12 and mainline.
 */
export class MemoryRegion {
  /** Elements that the list has room for. @kernel ib_alloc_mr (max_num_sg) */
  readonly entriesMax: number
  readonly hasGaps: boolean
  /** The device has the operation at all. @kernel include/rdma/ib_verbs.h: ib_device_ops.map_mr_sg */
  readonly isMappable: boolean
  /** Bytes of an element of the list. */
  readonly entryBytes: number
  /** @kernel ib_mr.page_size */
  pageSizeBytes = PAGE_SIZE
  /** Of each element: the page's address; with gaps, the entry's. */
  addressBytes = new Float64Array(256)
  /** Of each element, with gaps only. */
  lengthBytes = new Float64Array(256)
  /** Elements in use. */
  entries = 0
  /**
   * {@link MR_IOVA}: address of the first byte. {@link MR_LENGTH}: bytes; below zero where the kernel's u64 wraps.
   * {@link MR_END}.
   */
  readonly figures = new Float64Array(3)
  /** Where the first entry that was not mapped would have to go on. @kernel drivers/infiniband/core/verbs.c: ib_sg_to_pages (sg_offset_p) */
  sgOffsetBytes = 0

  constructor(entriesMax: number, hasGaps = false, isMappable = true) {
    this.entriesMax = entriesMax
    this.hasGaps = hasGaps
    this.isMappable = isMappable
    this.entryBytes = hasGaps ? MR_KLM_BYTES : MR_PAGE_BYTES
  }

  /** Makes room for one more element. */
  reserve(): void {
    if (this.entries < this.addressBytes.length) return
    this.addressBytes = grown(this.addressBytes, this.entries * 2)
    this.lengthBytes = grown(this.lengthBytes, this.entries * 2)
  }
}
