/** Pages that one call of the extraction is asked for: an array of so many pointers is on the stack. @kernel fs/ceph/file.c: ITER_GET_BVECS_PAGES */
export const ITER_GET_BVECS_PAGES = 64

/** Bytes of an operation on an object: the default of rsize and wsize. @kernel fs/ceph/super.h: CEPH_MAX_READ_SIZE, CEPH_MAX_WRITE_SIZE; include/linux/ceph/libceph.h: CEPH_MSG_MAX_DATA_LEN */
export const CEPH_MSG_MAX_DATA_LEN = 64 * 1024 * 1024

/** Bytes of an object, and of a stripe unit, of a file system or image that nobody set up otherwise. */
export const OBJECT_BYTES_DEFAULT = 4 * 1024 * 1024

/** @kernel fs/ceph/file.c: struct ceph_aio_request */
export const CEPH_AIO_REQUEST_BYTES = 72

/** Unit in which a frame is encrypted, and what it is padded to. @kernel include/linux/ceph/msgr.h: CEPH_GCM_BLOCK_LEN */
export const CEPH_GCM_BLOCK_LEN = 16

/** End of an encrypted frame: a block and the tag. @kernel net/ceph/messenger_v2.c: CEPH_EPILOGUE_SECURE_LEN */
export const CEPH_EPILOGUE_SECURE_LEN = 2 * CEPH_GCM_BLOCK_LEN

/**
 * Bytes of a request before its data. They depend on the names of pool and object; all that is asked of this figure is
 * how many pages an encrypted message has, where anything below a page gives the same for data of whole pages.
 * @kernel net/ceph/osd_client.c: encode_request_partial
 */
export const FRONT_BYTES = 256
