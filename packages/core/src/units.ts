/**
 * Sizes, and the arithmetic of pages. Addresses and byte counts are doubles (exact below 2^53); page rows, frame
 * numbers and operation numbers are int32.
 */

/** Bytes in a page. @kernel include/asm-generic/page.h: PAGE_SIZE (4096 in every figure of pinscope) */
export const PAGE_SIZE = 4096

/** log2 of {@link PAGE_SIZE}. @kernel PAGE_SHIFT */
export const PAGE_SHIFT = 12

/** Mask of the offset inside a page. */
export const PAGE_OFFSET_MASK = PAGE_SIZE - 1

/** Most bytes one system call moves: INT_MAX rounded down to a page. @kernel include/linux/fs.h: MAX_RW_COUNT */
export const MAX_RW_COUNT = 0x7ffff000

/**
 * Number of the page that holds a byte address. For the control plane: V8 allocates for an argument that is no small
 * integer wherever it does not inline the call, so the hot path writes it out. Exact for every address below 2^53 (`address >>> 12` is not).
 */
export function pageNumberOf(address: number): number {
  return Math.floor(address / PAGE_SIZE)
}

/**
 * Offset of a byte address inside its page, 0..4095; for the control plane, as {@link pageNumberOf}. Exact below 2^53:
 * `&` keeps the low 32 bits of an integral double.
 */
export function pageOffsetOf(address: number): number {
  return address & PAGE_OFFSET_MASK
}

/** Pages touched by `lengthBytes` bytes that start `offsetBytes` into a page. @kernel DIV_ROUND_UP(offset + len, PAGE_SIZE) */
export function pagesSpanned(offsetBytes: number, lengthBytes: number): number {
  return Math.ceil((offsetBytes + lengthBytes) / PAGE_SIZE)
}

/** Bytes of a pointer, on the 64-bit machines that are modelled: an element of a page array. */
export const POINTER_BYTES = 8

/** Bytes of a `struct bio_vec`. @kernel include/linux/bvec.h: struct bio_vec */
export const BIO_VEC_BYTES = 16
