import {
  type ConsumerEnvironment,
  type ConsumerOption,
  flagOption,
  isSince,
  type KernelVersion,
  numberOption,
} from '@pinscope/core'

/** @kernel include/linux/blk_types.h: SECTOR_SIZE */
export const SECTOR_BYTES = 512

/** No limit of its own: more than a request ever has. @kernel UINT_MAX */
export const SEGMENT_UNLIMITED = 0x7fffffff

/** What a driver says of its requests. @kernel include/linux/blkdev.h: struct queue_limits */
export interface QueueLimits {
  /** Segments of a request. @kernel max_segments */
  readonly maxSegments: number
  /** Bytes of a request. @kernel max_sectors */
  readonly maxBytes: number
  /** Bytes of a segment. @kernel max_segment_size */
  readonly maxSegmentBytes: number
  /** Segments inside a request begin and end at multiples of it plus one; 0: anywhere. @kernel virt_boundary_mask */
  readonly virtBoundaryMask: number
  /** Of a memory address. @kernel dma_alignment */
  readonly dmaMask: number
  /** Logical block size, less one. */
  readonly blockMask: number
}

/** What differs between versions in how bios become requests. */
export interface BlockTraits {
  /** Memory alignment is looked at before any page is taken; since 6.18, of each bvec when the bio is split. */
  readonly checksBefore: boolean
  /** It is looked at before each extraction too: mainline. */
  readonly checksPieces: boolean
  /** A bio that is one bvec inside one page is not looked at: 6.18. */
  readonly sparesSinglePage: boolean
  /** A piece extends the bvec before it whatever call and folio it came from; mainline stays inside both. */
  readonly mergesAcross: boolean
  /** bvecs that follow each other in memory share a segment though they are of one bio: since 6.18 (from 6.16 on). */
  readonly mergesSegments: boolean
}

/**
 * 6.18: as 7.3, but for bios, which are filled as in 6.12 (what core's `bio` has, measured on a running kernel).
 * @kernel block/bio.c: bio_iov_iter_get_pages; block/blk-merge.c: bio_split_rw (6.1), bio_split_rw_at (6.12),
 *   bio_split_io_at; block/blk-mq-dma.c: blk_map_iter_next
 */
export function blockTraitsOf(kernel: KernelVersion): BlockTraits {
  const isNew = isSince(kernel, '6.18')
  return {
    checksBefore: !isNew,
    checksPieces: kernel === 'mainline',
    sparesSinglePage: kernel === '6.18',
    mergesAcross: kernel !== 'mainline',
    mergesSegments: isNew,
  }
}

/** Options of both drivers. */
export const BLOCK_OPTIONS: readonly ConsumerOption[] = [
  {
    ...numberOption(
      'logical-block-size',
      'position, length and requests are multiples of it',
      'bytes',
      512,
      512,
      65536,
    ),
    powerOfTwo: true,
    header: 'logical-block-size',
  },
  {
    ...numberOption('dma-alignment', 'memory addresses are multiples of it', 'bytes', 4, 1, 4096),
    powerOfTwo: true,
    header: 'dma-alignment',
  },
  flagOption('register-always', 'a single element is registered too (the module parameter)', 1),
]

/** Sectors of a request that no driver gets over. @kernel include/linux/blkdev.h: BLK_DEF_MAX_SECTORS_CAP (6.1: BLK_DEF_MAX_SECTORS; 4 MiB since 6.17) */
function sectorsCap(kernel: KernelVersion): number {
  return isSince(kernel, '6.18') ? 8192 : 2560
}

/** Most bytes of a request, where the driver allows `sectors` sectors: whole logical blocks. @kernel block/blk-merge.c: get_max_io_size */
export function maxBytesOf(
  { kernel, options }: Pick<ConsumerEnvironment, 'kernel' | 'options'>,
  sectors: number,
): number {
  const block = options['logical-block-size']
  const bytes = Math.min(sectors, sectorsCap(kernel)) * SECTOR_BYTES
  return Math.max(bytes - (bytes % block), block)
}
