import { type KernelVersion, PAGE_SIZE } from '@pinscope/core'

/** Payload of a message at most. @kernel net/rds/rds.h: RDS_MAX_MSG_SIZE */
export const RDS_MAX_MSG_SIZE = 1 << 20

/** Cookies of one element of a socket's queue. @kernel include/uapi/linux/rds.h: RDS_MAX_ZCOOKIES */
export const RDS_MAX_ZCOOKIES = 8

/** Send buffer of a socket that did not ask for another. @kernel net/core/sock.c: sysctl_wmem_default (SK_WMEM_MAX) */
export const WMEM_DEFAULT_BYTES = 212992

/** Bytes of the notifier of a zero-copy message, later an element of the queue. @kernel net/rds/rds.h: struct rds_msg_zcopy_info, 64-bit */
export const ZCOPY_INFO_BYTES = 56

/** Bytes of a memory region, without what the transport has of it. @kernel net/rds/rds.h: struct rds_mr, 64-bit */
export const RDS_MR_BYTES = 64

/** Segments of a system call at most. @kernel include/uapi/linux/uio.h: UIO_MAXIOV */
const UIO_MAXIOV = 1024

/** Entries of a message at most: its pages, and where each segment begins and ends within one. @kernel iov_iter_npages */
export const RDS_ENTRIES_MAX = RDS_MAX_MSG_SIZE / PAGE_SIZE + 2 * UIO_MAXIOV

/**
 * Bytes of a message without its entries, 64-bit. Later versions have a work_struct in it; 6.18: taken as 6.12.
 * @kernel net/rds/rds.h: struct rds_message
 */
export function messageBytes(kernel: KernelVersion): number {
  return kernel === '6.1' ? 504 : 536
}

/** Pages charged for a message of so many bytes, wherever it lies in them. @kernel net/core/skbuff.c: mm_account_pinned_pages */
export function accountedPages(bytes: number): number {
  return Math.floor(bytes / PAGE_SIZE) + 2
}
