import { isSince, type KernelVersion } from '@pinscope/core'

/** Pages of a request when the server asks for nothing else. @kernel fs/fuse/fuse_i.h: FUSE_DEFAULT_MAX_PAGES_PER_REQ */
export const DEFAULT_MAX_PAGES = 32

/** Pages of a request that the server may ask for. @kernel fs/fuse/fuse_i.h: FUSE_MAX_MAX_PAGES (6.1, 6.12); fs/fuse/inode.c: fuse_max_pages_limit */
export const MAX_MAX_PAGES = 256

/** What fs.fuse.max_pages_limit can be set to. @kernel fs/fuse/sysctl.c: sysctl_fuse_max_pages_limit */
export const SYSCTL_MAX_PAGES = 65535

/** Requests that nobody waits for, outstanding. @kernel fs/fuse/inode.c: FUSE_DEFAULT_MAX_BACKGROUND (7.3: dev.c) */
export const DEFAULT_MAX_BACKGROUND = 12

/** Least size of a write that a server can ask for. @kernel fs/fuse/inode.c: process_init_reply */
export const MIN_MAX_WRITE = 4096

/** What libfuse 2 asks for, and what the default of pages covers: 32 pages. */
export const DEFAULT_MAX_WRITE = 131072

/** A page pointer (7.3: folio pointer) and its descriptor, allocated in one piece. @kernel fs/fuse/fuse_i.h: fuse_pages_alloc (7.3: fuse_folios_alloc) */
export const PAGE_AND_DESC_BYTES = 16

/** Before the data of a write, as the server reads it. @kernel include/uapi/linux/fuse.h: struct fuse_in_header, struct fuse_write_in */
export const WRITE_HEADER_BYTES = 40 + 40

/** Before the data of a read, as the server writes it. @kernel include/uapi/linux/fuse.h: struct fuse_out_header */
export const READ_HEADER_BYTES = 16

/** Objects of a request, bytes on 64-bit without debugging. */
export interface FuseSizes {
  /** @kernel fs/fuse/fuse_i.h: struct fuse_io_args */
  readonly ioArgs: number
  /** Of asynchronous operations only. @kernel fs/fuse/fuse_i.h: struct fuse_io_priv */
  readonly ioPriv: number
  /** @kernel fs/fuse/fuse_i.h: struct fuse_req (7.3: fuse_dev_i.h) */
  readonly req: number
}

const SIZES_6_1: FuseSizes = { ioArgs: 208, ioPriv: 72, req: 152 }
const SIZES_6_12: FuseSizes = { ioArgs: 216, ioPriv: 72, req: 152 }
const SIZES_7_3: FuseSizes = { ioArgs: 240, ioPriv: 104, req: 176 }

/** 6.18: taken as 7.3. */
export function fuseSizes(kernel: KernelVersion): FuseSizes {
  if (kernel === '6.1') return SIZES_6_1
  return isSince(kernel, '6.18') ? SIZES_7_3 : SIZES_6_12
}
