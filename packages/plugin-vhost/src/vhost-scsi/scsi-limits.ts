/** Most entries of the scatterlist of a command's data. @kernel drivers/vhost/scsi.c: VHOST_SCSI_PREALLOC_SGLS */
export const SGLS_MAX = 2048

/** Most pages of one extraction. @kernel drivers/vhost/scsi.c: VHOST_SCSI_PREALLOC_UPAGES */
export const UPAGES_MAX = 2048

/** Most entries of the scatterlist of a command's protection information. @kernel drivers/vhost/scsi.c: VHOST_SCSI_PREALLOC_PROT_SGLS */
export const PROT_SGLS_MAX = 2048

/** Commands of at most this many entries are passed on however they are aligned. @kernel BIO_MAX_VECS in vhost_scsi_map_to_sgl */
export const UNALIGNED_SGLS_MAX = 256

/** Commands of one virtqueue, unless its size is told. @kernel drivers/vhost/scsi.c: vhost_scsi_setup_vq_cmds (vq->num) */
export const TAGS_DEFAULT = 256

/** @kernel include/linux/blk_types.h: SECTOR_SIZE */
export const SECTOR_SIZE = 512

/** Protection information of one sector. @kernel include/linux/t10-pi.h: struct t10_pi_tuple */
export const PROT_TUPLE_BYTES = 8

/** @kernel sizeof(struct iov_iter), 64-bit */
export const IOV_ITER_BYTES = 40
/** @kernel sizeof(struct iovec), 64-bit */
export const IOVEC_BYTES = 16
/**
 * Bytes of protection information at the start of a guest's memory of `totalBytes`: eight for each whole sector that has
 * its eight bytes there. What is no whole sector at the end is data, so that the data is never less than it.
 * @kernel drivers/vhost/scsi.c: vhost_scsi_handle_vq (pi_bytesout, pi_bytesin: the guest says how many)
 */
export function protectionBytes(totalBytes: number): number {
  return Math.floor(totalBytes / (SECTOR_SIZE + PROT_TUPLE_BYTES)) * PROT_TUPLE_BYTES
}
