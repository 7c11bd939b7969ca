/**
 * Iterator types. The numbers are pinscope's own: the kernel's differ from version to version and are never stored.
 * @kernel include/linux/uio.h: enum iter_type
 */
/** One user buffer. @kernel ITER_UBUF */
export const ITER_UBUF = 0
/** User buffers, each an address and a length. @kernel ITER_IOVEC */
export const ITER_IOVEC = 1
/** Pages, each with an offset and a length. @kernel ITER_BVEC */
export const ITER_BVEC = 2
/** Kernel buffers, each an address and a length. @kernel ITER_KVEC */
export const ITER_KVEC = 3
/** Folios in a queue, since 6.12. @kernel ITER_FOLIOQ */
export const ITER_FOLIOQ = 4
/** A range of a page cache. @kernel ITER_XARRAY */
export const ITER_XARRAY = 5
/** No memory: data that arrives is dropped. @kernel ITER_DISCARD */
export const ITER_DISCARD = 6
/** Buffers of a pipe, which the data is put into: 6.1 only. @kernel ITER_PIPE */
export const ITER_PIPE = 7
/**
 * Kernel buffers and pages in one array: the heterogeneous iterator that was proposed for a network file system's message
 * (head, pages, tail). No kernel has it. @kernel none
 */
export const ITER_MIXED = 8

/** One of the `ITER_*` type codes. @kernel include/linux/uio.h: enum iter_type */
export type IterType = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8

/** Names as the trace's `iter` column has them, by type code. */
export const ITER_TYPE_NAMES = [
  'ubuf',
  'iovec',
  'bvec',
  'kvec',
  'folioq',
  'xarray',
  'discard',
  'pipe',
  'mixed',
] as const

/** Those that kernels have. @kernel include/linux/uio.h: enum iter_type */
export const KERNEL_ITER_TYPE_NAMES = ITER_TYPE_NAMES.filter((name) => name !== 'mixed')

/** The iterator is a data destination: a read(2) writes into its memory. @kernel include/linux/uio.h: ITER_DEST */
export const ITER_DEST = 0
/** The iterator is a data source: a write(2) reads its memory. @kernel include/linux/uio.h: ITER_SOURCE */
export const ITER_SOURCE = 1

/** {@link ITER_DEST} or {@link ITER_SOURCE}. @kernel include/linux/uio.h: iov_iter.data_source */
export type Direction = 0 | 1

/** True for IOVEC, KVEC, BVEC and MIXED: an array of segments, with one of them current. @kernel include/linux/uio.h: nr_segs */
export function isVector(type: IterType): boolean {
  return type === ITER_IOVEC || type === ITER_KVEC || type === ITER_BVEC || type === ITER_MIXED
}

/** True for UBUF and IOVEC: the addresses belong to a process. @kernel include/linux/uio.h: user_backed_iter */
export function isUserBacked(type: IterType): boolean {
  return type === ITER_UBUF || type === ITER_IOVEC
}
