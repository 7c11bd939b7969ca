/** Who touches bytes. A store through a page table faults where the page is write-protected. */
export const BY_CPU = 0
/** A device, which no page table stops. */
export const BY_DEVICE = 1
/** The kernel through its own mapping of the page: no page table stops it either. */
export const BY_KERNEL = 2

/** One of the `BY_*`. */
export type Writer = 0 | 1 | 2

/** Who as words, by `BY_*`. */
export const WRITER_NAMES = ['a CPU store', 'a device', 'the kernel'] as const
