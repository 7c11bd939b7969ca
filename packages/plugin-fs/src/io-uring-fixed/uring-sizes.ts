import { BIO_VEC_BYTES, EFAULT, EINVAL, isSince, type KernelVersion, POINTER_BYTES } from '@pinscope/core'

/** Most buffers in a table. @kernel io_uring/rsrc.c: IORING_MAX_REG_BUFFERS */
export const REG_BUFFERS_MAX = 2 ** 14

/** End of what a process can map, in pages. @kernel arch/x86/include/asm/page_64_types.h: TASK_SIZE_MAX */
export const USER_PAGES_END = 2 ** 35 - 1

/** RLIMIT_MEMLOCK of a process that may pin what it likes. */
export const PAGES_UNLIMITED = Number.POSITIVE_INFINITY

const GIB = 2 ** 30
const TIB = 2 ** 40
/** Tables up to this long come from a cache, all of one size (since 6.14). @kernel io_uring/rsrc.c: IO_CACHED_BVECS_SEGS */
const CACHED_BVECS = 32
/** @kernel io_uring/rsrc.h: struct io_rsrc_node */
const NODE_BYTES = 24

/**
 * What differs between versions in registering a buffer.
 * @kernel io_uring/rsrc.c: io_buffer_validate (7.3: io_validate_user_buf_range), io_sqe_buffer_register
 */
export interface UringTraits {
  readonly bufferBytesMax: number
  /** Errno of a longer one. */
  readonly tooLongErrno: number
  /** 6.1 finds the mappings of all pages, and refuses those with a file behind them. */
  readonly refusesFiles: boolean
  /** A folio is one bvec with one pin: since 6.10. */
  readonly coalesces: boolean
  /** A node for each buffer is allocated before its memory is pinned: since 6.13. */
  readonly nodeBytes: number
  /** Requests name several ranges of one buffer (READV_FIXED): since 6.15. */
  readonly hasVectors: boolean
  /** The slice of the table has no more bvecs than it needs: since 6.15. */
  readonly slicesExactly: boolean
  /** Heads of large folios are counted for as long as a buffer has them, and only where there is a limit: mainline. */
  readonly countsHeads: boolean
  /** struct io_mapped_ubuf without its bvecs. */
  readonly headerBytes: number
  readonly cachesTables: boolean
}

/** 6.18: checks and accounting as in 6.12.117, nodes, cached tables and exact slices as in 7.3. */
export function uringTraits(kernel: KernelVersion): UringTraits {
  const isNew = isSince(kernel, '6.18')
  return {
    bufferBytesMax: kernel === 'mainline' ? TIB : GIB,
    tooLongErrno: kernel === 'mainline' ? EINVAL : EFAULT,
    refusesFiles: kernel === '6.1',
    coalesces: isSince(kernel, '6.12'),
    nodeBytes: isNew ? NODE_BYTES : 0,
    hasVectors: isNew,
    slicesExactly: isNew,
    countsHeads: kernel === 'mainline',
    headerBytes: kernel === 'mainline' ? 48 : kernel === '6.18' ? 56 : 32,
    cachesTables: isNew,
  }
}

/** Bytes of a table of `bvecs` bvecs. @kernel io_uring/rsrc.c: io_alloc_imu; before 6.14 struct_size(imu, bvec, n) */
export function tableBytes(traits: UringTraits, bvecs: number): number {
  const entries = traits.cachesTables && bvecs < CACHED_BVECS ? CACHED_BVECS : bvecs
  return traits.headerBytes + entries * BIO_VEC_BYTES
}

/** Bytes of an array of pointers. */
export function pointerBytes(count: number): number {
  return count * POINTER_BYTES
}
