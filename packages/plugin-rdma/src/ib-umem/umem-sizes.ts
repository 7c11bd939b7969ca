import { isSince, type KernelVersion, PAGE_SIZE, POINTER_BYTES } from '@pinscope/core'

/** Pages of one call of pin_user_pages_fast: as many as a page has room to list. @kernel drivers/infiniband/core/umem.c: ib_umem_get */
export const BATCH_PAGES = PAGE_SIZE / POINTER_BYTES

/** Address of a page as the device lists it. @kernel drivers/infiniband/hw/mlx5/mr.c: struct mlx5_mtt */
export const DEVICE_ENTRY_BYTES = 8

/** Most pages that one registration may have: 8 TiB. @kernel drivers/infiniband/core/umem.c: ib_umem_get (UINT_MAX: 16 TiB) */
export const UMEM_PAGES_MAX = 2 ** 31 - 1

/**
 * Bytes of a `struct ib_umem`, 64-bit: 6.1 has a work_struct in it, 7.3 the attributes of the DMA mapping. 6.18: taken as
 * 6.12, since the attributes are newer.
 * @kernel include/rdma/ib_umem.h: struct ib_umem
 */
export function umemBytes(kernel: KernelVersion): number {
  if (!isSince(kernel, '6.12')) return 112
  return isSince(kernel, 'mainline') ? 88 : 80
}
