import { isSince, type KernelVersion } from '@pinscope/core'

/** Bytes of an nfs_page, in all versions. @kernel include/linux/nfs_page.h: struct nfs_page */
export const NFS_PAGE_BYTES = 96

/** Pages that a request names without an array of its own. @kernel include/linux/nfs_xdr.h: NFS_PAGEVEC_SIZE */
export const NFS_PAGEVEC_SIZE = 8

/** Bytes of the page array of a request at most. @kernel fs/nfs/pagelist.c: nfs_generic_pg_test */
export const PAGE_ARRAY_BYTES_MAX = 4096

/** Shortest and longest rsize and wsize. @kernel include/linux/nfs_xdr.h: NFS_MIN_FILE_IO_SIZE, NFS_MAX_FILE_IO_SIZE */
export const NFS_MIN_FILE_IO_SIZE = 1024
export const NFS_MAX_FILE_IO_SIZE = 1048576

export const PAGE_POINTER_BYTES = 8

/** Objects that are allocated for an operation, bytes on 64-bit with NFSv4 and FS-Cache, without debugging. */
export interface ObjectSizes {
  /** @kernel fs/nfs/internal.h: struct nfs_direct_req (since 6.x without bytes_left) */
  readonly directReq: number
  /** @kernel include/linux/nfs_xdr.h: struct nfs_pgio_header */
  readonly header: number
  /** @kernel include/linux/nfs_xdr.h: struct nfs_commit_data */
  readonly commit: number
}

const SIZES_6_1: ObjectSizes = { directReq: 224, header: 904, commit: 712 }
const SIZES_6_12: ObjectSizes = { directReq: 216, header: 912, commit: 712 }
const SIZES_7_3: ObjectSizes = { directReq: 216, header: 944, commit: 744 }

/** 6.18: taken as 6.12, the nearest whose layout is known not to be newer. */
export function objectSizes(kernel: KernelVersion): ObjectSizes {
  if (kernel === '6.1') return SIZES_6_1
  return isSince(kernel, 'mainline') ? SIZES_7_3 : SIZES_6_12
}
