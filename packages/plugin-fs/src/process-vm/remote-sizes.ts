/** Pages pinned by one call, at most: as many pointers as two pages hold. @kernel mm/process_vm_access.c: PVM_MAX_USER_PAGES (6.1: max_pages_per_loop) */
export const BATCH_PAGES = 1024

/** Pages whose pointers lie on the stack. @kernel mm/process_vm_access.c: PVM_MAX_PP_ARRAY_COUNT */
export const STACK_PAGES = 16

/** Segments whose array lies on the stack. @kernel include/uapi/linux/uio.h: UIO_FASTIOV */
export const STACK_SEGMENTS = 8

/** Bytes of a segment. @kernel include/uapi/linux/uio.h: struct iovec */
export const IOVEC_BYTES = 16
