/**
 * What a caller of get_user_pages asks for, as bits. The values are pinscope's own: the kernel's differ from version to
 * version (FOLL_PIN is 0x40000 in 6.1 and 0x80000 in 6.12). A walk with neither FOLL_GET nor FOLL_PIN is an access by the
 * CPU, which faults pages in as well and takes nothing.
 * @kernel include/linux/mm_types.h: FOLL_* (6.1: mm.h)
 */
/** The page must be writable: a write fault, so copy-on-write is broken first. */
export const FOLL_WRITE = 1 << 0
/** A reference on each page. Excludes {@link FOLL_PIN}. */
export const FOLL_GET = 1 << 1
/** A pin on each page. */
export const FOLL_PIN = 1 << 2
/** Nothing is faulted in: a page that is not there, or not writable when it must be, is -EFAULT. */
export const FOLL_NOFAULT = 1 << 3
/** The pins stay for long. With {@link FOLL_PIN} only. */
export const FOLL_LONGTERM = 1 << 4
/** Peer-to-peer memory is wanted too; without it such a page is -EREMOTEIO. Excludes {@link FOLL_LONGTERM}. */
export const FOLL_PCI_P2PDMA = 1 << 5

/** With {@link FOLL_WRITE}: private memory that is not writable is copied all the same. @kernel FOLL_FORCE */
export const FOLL_FORCE = 1 << 6

/** One past the last combination of the bits. */
export const FOLL_END = 1 << 7
