import { EINVAL, isSince, type KernelVersion, PAGE_OFFSET_MASK, PAGE_SIZE } from '@pinscope/core'

/** @kernel include/net/xdp_sock_drv.h: XDP_UMEM_MIN_CHUNK_SIZE */
const MIN_CHUNK_BYTES = 2048
/** Room that is left for a driver before every packet. @kernel include/uapi/linux/bpf.h: XDP_PACKET_HEADROOM */
export const XDP_PACKET_HEADROOM = 256
/** @kernel include/linux/skbuff.h: SKB_DATA_ALIGN(sizeof(struct skb_shared_info)), 64-bit */
const SHARED_INFO_BYTES = 320
/** What a frame must hold besides, when a headroom is asked for. @kernel net/xdp/xdp_umem.c: xdp_umem_reg */
const PAYLOAD_BYTES_MIN = 128
const U32_MAX = 2 ** 32 - 1

/** `struct xdp_umem_reg` but for the address and the length. @kernel include/uapi/linux/if_xdp.h: struct xdp_umem_reg */
export interface UmemShape {
  readonly chunkBytes: number
  readonly headroomBytes: number
  /** Chunks may begin anywhere. @kernel XDP_UMEM_UNALIGNED_CHUNK_FLAG */
  readonly isUnaligned: boolean
  /** Bytes before a packet that is sent for what the driver is told; 0: none. @kernel XDP_UMEM_TX_METADATA_LEN (since 6.11) */
  readonly metadataBytes: number
}

/**
 * Checks what is registered: 0 or -EINVAL. The area is `lengths[at]` bytes from `addresses[at]` on. 6.1 has no metadata, and
 * refuses the flag; otherwise the same in all versions.
 * @kernel net/xdp/xdp_umem.c: xdp_umem_reg
 */
export function checkShape(
  shape: UmemShape,
  kernel: KernelVersion,
  addresses: Float64Array,
  lengths: Float64Array,
  at: number,
): number {
  const { chunkBytes, headroomBytes, isUnaligned, metadataBytes } = shape
  if (chunkBytes < MIN_CHUNK_BYTES || chunkBytes > PAGE_SIZE) return EINVAL
  if (metadataBytes !== 0 && !isMetadata(metadataBytes, kernel)) return EINVAL
  if (!isUnaligned && (chunkBytes & (chunkBytes - 1)) !== 0) return EINVAL
  if ((addresses[at] & PAGE_OFFSET_MASK) !== 0) return EINVAL
  const chunks = Math.floor(lengths[at] / chunkBytes)
  if (chunks === 0 || chunks > U32_MAX || Math.ceil(lengths[at] / PAGE_SIZE) > U32_MAX) return EINVAL
  if (!isUnaligned && lengths[at] % chunkBytes !== 0) return EINVAL
  return headroomBytes > chunkBytes - XDP_PACKET_HEADROOM - SHARED_INFO_BYTES - PAYLOAD_BYTES_MIN ? EINVAL : 0
}

function isMetadata(bytes: number, kernel: KernelVersion): boolean {
  return isSince(kernel, '6.12') && bytes >= 16 && bytes < 256 && bytes % 8 === 0
}
