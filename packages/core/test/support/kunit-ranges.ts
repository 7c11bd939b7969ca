// The ranges of the kernel's own test: what its buffer is cut into.

/** From and to, bytes of the buffer; of folio queues and xarrays too. @kernel lib/kunit_iov_iter.c: kvec_test_ranges */
export const KVEC_RANGES = [
  [0x00002, 0x00002],
  [0x00027, 0x03000],
  [0x05193, 0x18794],
  [0x20000, 0x20000],
  [0x20000, 0x24000],
  [0x24000, 0x27001],
  [0x29000, 0xffffb],
  [0xffffd, 0xffffe],
] as const

/** Page of the buffer, from and to inside it. @kernel lib/kunit_iov_iter.c: bvec_test_ranges */
export const BVEC_RANGES = [
  [0, 0x0002, 0x0002],
  [1, 0x0027, 0x0893],
  [2, 0x0193, 0x0794],
  [3, 0x0000, 0x1000],
  [4, 0x0000, 0x1000],
  [5, 0x0000, 0x1000],
  [6, 0x0000, 0x0ffb],
  [6, 0x0ffd, 0x0ffe],
] as const
