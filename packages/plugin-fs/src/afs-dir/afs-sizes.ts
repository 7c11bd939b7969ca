import { PAGE_SIZE } from '@pinscope/core'

/** A block of a directory. @kernel fs/afs/xdr_fs.h: AFS_DIR_BLOCK_SIZE */
export const BLOCK_BYTES = 2048

/** Blocks of a page. @kernel fs/afs/xdr_fs.h: AFS_DIR_BLOCKS_PER_PAGE */
export const BLOCKS_PER_PAGE = PAGE_SIZE / BLOCK_BYTES

/** Largest directory that is read; -EFBIG beyond. @kernel fs/afs/dir.c: afs_read_dir (7.3: afs_do_read_single) */
export const DIR_BYTES_MAX = 1024 * BLOCK_BYTES

/** Pages of it. */
export const DIR_PAGES_MAX = DIR_BYTES_MAX / PAGE_SIZE

/** Blocks of the largest directory that is edited. @kernel fs/afs/xdr_fs.h: AFS_DIR_MAX_BLOCKS */
export const EDIT_BLOCKS_MAX = 1023

/** Whether a directory of this size is looked at for room for an entry. @kernel fs/afs/dir_edit.c: afs_edit_dir_add */
export function isEditable(sizeBytes: number): boolean {
  return sizeBytes <= EDIT_BLOCKS_MAX * BLOCK_BYTES && sizeBytes % BLOCK_BYTES === 0
}

/** Bytes of one read of a directory, on 64-bit without debugging. @kernel fs/afs/internal.h: struct afs_read (6.1, 6.12) */
export const AFS_READ_BYTES = 144

/** Order of the largest folio of a queue. @kernel include/linux/pagemap.h: MAX_PAGECACHE_ORDER */
export const FOLIO_ORDER_MAX = 9

/** Objects of netfs, bytes on 64-bit without debugging; 7.3. @kernel include/linux/netfs.h: struct netfs_io_request, struct netfs_io_subrequest */
export const NETFS_REQUEST_BYTES = 608
export const NETFS_SUBREQUEST_BYTES = 144

/** A segment of a folio queue; 7.3. @kernel include/linux/folio_queue.h: struct folio_queue */
export const FOLIO_QUEUE_BYTES = 328
