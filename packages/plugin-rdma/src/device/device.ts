import type { ConsumerOption } from '@pinscope/core'
import { numberOption, wordOption } from '@pinscope/core'

/** What consumers ask of an RDMA device. @kernel include/rdma/ib_verbs.h: ib_device_attr */
export interface Device {
  /** Entries of a send or write work request. @kernel include/rdma/ib_verbs.h: max_send_sge */
  readonly maxSendSge: number
  /** Entries of a read work request; a queue pair takes the smaller of this and its send entries. @kernel max_sge_rd */
  readonly maxSgeRd: number
  /** Bytes that a work request of an RC queue pair can carry itself. @kernel include/rdma/ib_verbs.h: max_inline_data */
  readonly maxSendInlineBytes: number
  /** Pages of one fast registration. @kernel include/rdma/ib_verbs.h: max_fast_reg_page_list_len */
  readonly maxFastRegPages: number
  /** More DMA entries than this and rdma_rw registers what it reads from the wire; 0: as many as there are. @kernel max_sgl_rd */
  readonly maxSglRd: number
  /** Bytes of one entry once mapped. @kernel include/rdma/ib_verbs.h: ib_dma_max_seg_size */
  readonly maxSegmentBytes: number
  /**
   * Page sizes that a registration of user memory may have, a bit each; the lowest one is that of fast registration.
   * @kernel drivers/infiniband/core/umem.c: ib_umem_find_best_pgsz
   */
  readonly pageSizeBitmap: number
  /** Registers lists with gaps, an entry each. @kernel include/rdma/ib_verbs.h: IBK_SG_GAPS_REG */
  readonly hasSgGaps: boolean
  /** The sink of a read has to be registered. @kernel include/rdma/ib_verbs.h: rdma_protocol_iwarp */
  readonly isIwarp: boolean
  /** A "mapping" is the page's own address: the CPU does the transfer. @kernel include/rdma/ib_verbs.h: ib_uses_virt_dma */
  readonly needsNoDma: boolean
}

/** Bytes of an element of a work request. @kernel include/rdma/ib_verbs.h: struct ib_sge */
export const IB_SGE_BYTES = 16

/** Values of the option `device`, in this order. */
export const DEVICE_NAMES = ['mlx5', 'rxe', 'siw', 'irdma'] as const
/** A device that has a preset. */
export type DeviceName = (typeof DEVICE_NAMES)[number]

const U32_MAX = 2 ** 32 - 1
/** Every power of two from 4 KiB to 2 GiB. */
const FROM_4K_TO_2G = 2 ** 32 - 2 ** 12

/**
 * ConnectX-5. The driver has no figures of its own but MLX5_MAX_SGE_RD: firmware tells, and what it tells is here
 * (log_pg_sz 12, max_wqe_sz_sq 1024, log_max_klm_list_size 16, max_sgl_for_optimized_performance 3, imaicl 1; from the
 * dump of capabilities in the documentation of mlx5ctl). Entries of a send: (min(max_wqe_sz_sq, 512) - control segment 16
 * - address segment 16) / 16. Inline: max_wqe_sz_sq - overhead 132 of an RC queue pair - 4. Page sizes of user memory: 5
 * bits in 6.1; later 6 where firmware has umr_log_entity_size_5, which ConnectX-5 has not: 4 KiB to 2 GiB in all versions.
 * page_size_cap itself is open above: every size from 4 KiB on.
 * @kernel drivers/infiniband/hw/mlx5/main.c: mlx5_ib_query_device
 * @kernel drivers/infiniband/hw/mlx5/qp.c: calc_sq_size, sq_overhead
 * @kernel drivers/infiniband/hw/mlx5/mlx5_ib.h: mlx5_umem_find_best_pgsz (6.1), mlx5_umem_mkc_find_best_pgsz
 * @kernel drivers/net/ethernet/mellanox/mlx5/core/main.c: set_dma_caps
 */
const MLX5: Device = {
  maxSendSge: 30,
  maxSgeRd: 30,
  maxSendInlineBytes: 888,
  maxFastRegPages: 65536,
  maxSglRd: 3,
  maxSegmentBytes: 2 ** 31,
  pageSizeBitmap: FROM_4K_TO_2G,
  hasSgGaps: true,
  isIwarp: false,
  needsNoDma: false,
}

/**
 * Soft-RoCE, the same in all versions: RXE_MAX_SGE, RXE_MAX_SGE_RD, RXE_MAX_INLINE_DATA (the entries' room, 32 x 16),
 * RXE_MAX_FMR_PAGE_LIST_LEN, RXE_PAGE_SIZE_CAP. Registration of user memory does not look for larger pages
 * (rxe_mr_init_user): the bitmap is what the device says.
 * @kernel drivers/infiniband/sw/rxe/rxe_param.h: rxe_device_param
 * @kernel drivers/infiniband/sw/rxe/rxe.c: rxe_init_device_param
 */
const RXE: Device = {
  maxSendSge: 32,
  maxSgeRd: 32,
  maxSendInlineBytes: 512,
  maxFastRegPages: 512,
  maxSglRd: 0,
  maxSegmentBytes: U32_MAX,
  pageSizeBitmap: FROM_4K_TO_2G,
  hasSgGaps: false,
  isIwarp: false,
  needsNoDma: true,
}

/**
 * Soft-iWARP, the same in all versions: SIW_MAX_SGE, SIW_MAX_SGE_RD, SIW_MAX_INLINE (the room of five entries),
 * SIW_MAX_SGE_PBL; page_size_cap is PAGE_SIZE.
 * @kernel drivers/infiniband/sw/siw/siw_verbs.c: siw_query_device
 * @kernel include/uapi/rdma/siw-abi.h: SIW_MAX_SGE, SIW_MAX_INLINE
 * @kernel drivers/infiniband/sw/siw/siw.h: SIW_MAX_SGE_RD, SIW_MAX_SGE_PBL
 */
const SIW: Device = {
  maxSendSge: 6,
  maxSgeRd: 1,
  maxSendInlineBytes: 80,
  maxFastRegPages: 256,
  maxSglRd: 0,
  maxSegmentBytes: U32_MAX,
  pageSizeBitmap: 2 ** 12,
  hasSgGaps: false,
  isIwarp: true,
  needsNoDma: true,
}

/**
 * E810 (generation 2), the same in all versions and the driver's own figures, none of firmware:
 * IRDMA_MAX_WQ_FRAGMENT_COUNT, IRDMA_MAX_SGE_RD, IRDMA_MAX_INLINE_DATA_SIZE, IRDMA_MAX_PAGES_PER_FMR; page_size_cap is
 * 4 KiB, 2 MiB, 1 GiB; segments are UINT_MAX. It speaks RoCEv2 unless devlink is told otherwise.
 * X722 (generation 1) differs: 3 entries, 1 in a read, 48 bytes, no 1 GiB, iWARP.
 * @kernel drivers/infiniband/hw/irdma/verbs.c: irdma_query_device, irdma_ib_register_device
 * @kernel drivers/infiniband/hw/irdma/user.h: irdma_device_caps_const
 * @kernel drivers/infiniband/hw/irdma/icrdma_hw.c: icrdma_init_hw
 * @kernel drivers/net/ethernet/intel/ice/ice_idc.c: ice_init_rdma
 */
const IRDMA: Device = {
  maxSendSge: 13,
  maxSgeRd: 13,
  maxSendInlineBytes: 101,
  maxFastRegPages: 262144,
  maxSglRd: 0,
  maxSegmentBytes: U32_MAX,
  pageSizeBitmap: 2 ** 12 + 2 ** 21 + 2 ** 30,
  hasSgGaps: false,
  isIwarp: false,
  needsNoDma: false,
}

/** What each device of {@link DEVICE_NAMES} can do, in every modelled version. */
export const PRESETS: Readonly<Record<DeviceName, Device>> = { mlx5: MLX5, rxe: RXE, siw: SIW, irdma: IRDMA }

/** `device`: whose figures hold where no option gives another. */
export const DEVICE_OPTION: ConsumerOption = {
  ...wordOption('device', 'the RDMA device', DEVICE_NAMES),
  header: 'rdma-device',
}

/** `max-send-sge`: entries of a work request; 0: the device's own. @kernel include/rdma/ib_verbs.h: max_send_sge */
export const MAX_SEND_SGE_OPTION: ConsumerOption = ofDevice('max-send-sge', 'entries of a work request', 'entries', 256)

/** `max-fast-reg`: pages of a fast registration. @kernel include/rdma/ib_verbs.h: max_fast_reg_page_list_len */
export const MAX_FAST_REG_OPTION: ConsumerOption = ofDevice('max-fast-reg', 'pages of a registration', 'pages', 2 ** 20)

/** `max-segment`: bytes of an entry of a mapped list. @kernel include/rdma/ib_verbs.h: ib_dma_max_seg_size */
export const MAX_SEGMENT_OPTION: ConsumerOption = ofDevice('max-segment', 'most bytes of an entry', 'bytes', U32_MAX)

/** `page-size-bitmap`: page sizes of a registration of user memory, a bit each. @kernel page_size_cap */
export const PAGE_SIZE_BITMAP_OPTION: ConsumerOption = ofDevice(
  'page-size-bitmap',
  'page sizes of a registration of user memory',
  'sum of sizes in bytes',
  Number.MAX_SAFE_INTEGER,
)

/** `inline-size`: bytes that a work request carries itself. @kernel include/rdma/ib_verbs.h: max_inline_data */
export const INLINE_SIZE_OPTION: ConsumerOption = ofDevice('inline-size', 'bytes within a work request', 'bytes', 4096)

/** Every option of a device. A consumer takes those that mean something to it; {@link deviceOf} reads what is there. */
export const DEVICE_OPTIONS: readonly ConsumerOption[] = [
  DEVICE_OPTION,
  MAX_SEND_SGE_OPTION,
  MAX_FAST_REG_OPTION,
  MAX_SEGMENT_OPTION,
  PAGE_SIZE_BITMAP_OPTION,
  INLINE_SIZE_OPTION,
]

/** The device that the options name, with the limits that they set. */
export function deviceOf(options: Readonly<Record<string, number>>): Device {
  const preset = PRESETS[DEVICE_NAMES[options[DEVICE_OPTION.name] ?? 0]]
  return {
    ...preset,
    maxSendSge: options[MAX_SEND_SGE_OPTION.name] || preset.maxSendSge,
    maxFastRegPages: options[MAX_FAST_REG_OPTION.name] || preset.maxFastRegPages,
    maxSegmentBytes: options[MAX_SEGMENT_OPTION.name] || preset.maxSegmentBytes,
    pageSizeBitmap: options[PAGE_SIZE_BITMAP_OPTION.name] || preset.pageSizeBitmap,
    maxSendInlineBytes: options[INLINE_SIZE_OPTION.name] || preset.maxSendInlineBytes,
  }
}

function ofDevice(name: string, summary: string, unit: string, max: number): ConsumerOption {
  return numberOption(name, `${summary}; 0: as the device has it`, unit, 0, 0, max)
}
