// What the slow twin of the iterators is made of: plain objects, strings for pages.

/** @kernel PAGE_SIZE */
export const PAGE = 4096
/** @kernel include/linux/fs.h: MAX_RW_COUNT */
export const MAX_RW_COUNT = 0x7ffff000
/** @kernel include/uapi/linux/uio.h: UIO_MAXIOV */
export const UIO_MAXIOV = 1024
/** @kernel include/linux/pagevec.h: PAGEVEC_SIZE, the slots of one segment of a folio queue. */
export const FOLIOQ_SLOTS = 31
/** Biggest copy that check_copy_size() lets pass. */
export const INT_MAX = 0x7fffffff

export const EIO = -5
export const ENOMEM = -12
export const EFAULT = -14
export const EINVAL = -22

/** 6.1 is 6.1.176; 6.12 is 6.12.117; 6.18 is what the reference marks 616 with the fixes of 6.18.30; mainline is 7.3. */
export type SlowKernel = '6.1' | '6.12' | '6.18' | 'mainline'

export type SlowType = 'ubuf' | 'iovec' | 'kvec' | 'bvec' | 'folioq' | 'xarray' | 'discard' | 'pipe'

/** Of the buffer: `dest` is written into (a read() call), `source` is read out of. */
export type SlowDirection = 'dest' | 'source'

/** Memory as the caller has it. A page is a name, such as `u10000`. */
export interface SlowWorld {
  /** The page at a user page number; null: it cannot be had. */
  userPage(vpn: number, write: boolean): string | null
  /** The page at a kernel page number, linear map or vmalloc. */
  kernelPage(vpn: number): string
  framePage(pfn: number): string
  isSlab(name: string): boolean
  /** What the pages hold; a page is made, zeroed, on first use. */
  readonly bytes: Map<string, Uint8Array>
  /** First address that access_ok() refuses. Not given: it refuses none. */
  readonly userEnd?: number
}

/** @kernel struct iovec, struct kvec */
export interface SlowRange {
  readonly base: number
  readonly len: number
}

/** @kernel struct bio_vec: the page is given by its frame number, `offset` may be past the page. */
export interface SlowBvec {
  readonly pfn: number
  readonly offset: number
  readonly len: number
}

/** The pages of a folio. A slot that was cleared has no folio any more, but keeps its size. */
export interface SlowQueueSlot {
  readonly pages: readonly string[]
  readonly isCleared?: boolean
}

/** @kernel struct folio_queue: a slot that was never set is null (or missing at the end), and reads as order 0. */
export interface SlowQueueSegment {
  readonly slots: readonly (SlowQueueSlot | null)[]
}

/** An entry of an xarray. `value` has no pages. */
export interface SlowFolio {
  /** Index of its first page. */
  readonly first: number
  readonly pages: readonly string[]
  readonly kind: 'folio' | 'value' | 'hugetlb'
}

/** @kernel struct pipe_buffer: `anon` has default_pipe_buf_ops, `page-cache` has page_cache_pipe_buf_ops. */
export interface SlowPipeBuf {
  readonly page: string
  readonly offset: number
  len: number
  readonly ops: 'anon' | 'page-cache'
}

/** @kernel struct pipe_inode_info */
export interface SlowRing {
  readonly bufs: (SlowPipeBuf | null)[]
  /** A power of two. */
  readonly ringSize: number
  readonly maxUsage: number
  /** u32 */
  head: number
  /** u32 */
  tail: number
  /** alloc_page(); null when there is no memory. */
  newPage(): string | null
  /** Pages that the ring took a reference on, in order. */
  readonly got: string[]
  /** Pages whose reference the ring dropped, in order. */
  readonly put: string[]
}

/** One defect of the kernel that may be switched on or off. */
export type SlowQuirk =
  | 'get-pages-empty-bvec'
  | 'bvec-entries-short'
  | 'bvec-one-empty-skipped'
  | 'bvec-no-entry-check'
  | 'folioq-eager-roll'
  | 'xarray-hole-wrap'
  | 'xarray-copy-hole'
  | 'is-aligned-first-bvec'
  | 'iov-len-ubuf'
  | 'sg-xarray-start'
  | 'sg-temp-array'
  | 'sg-kvec-length'

/** @kernel include/linux/uio.h: struct iov_iter. Fields that a type does not have keep their initial value. */
export interface SlowIov {
  readonly kernel: SlowKernel
  readonly quirks: ReadonlySet<SlowQuirk>
  readonly type: SlowType
  readonly direction: SlowDirection
  /** Bytes left. Negative after an extract_iter_to_sg() of more than there was, where the kernel's wraps. */
  count: number
  iovOffset: number
  /** Segments left, the current one included. */
  nrSegs: number
  /** The current one of `segs`. */
  index: number
  readonly segs: readonly (SlowRange | SlowBvec)[]
  readonly queue: readonly SlowQueueSegment[]
  queueSegment: number
  slot: number
  /** By the index of every page that they cover. */
  readonly folios: ReadonlyMap<number, SlowFolio>
  readonly xarrayStart: number
  readonly ring: SlowRing | null
  readonly startHead: number
  head: number
  lastOffset: number
  /** What the caller did wrong, once a call: `wrong-direction`. */
  readonly violations: string[]
  /** Where the kernel would have warned, once a place. */
  readonly warnings: string[]
}

/** What the kernel does not survive, or not with its memory intact: BUG(), NULL, the far side of an array. */
export class SlowViolation extends Error {
  readonly kind: string

  constructor(kind: string) {
    super(kind)
    this.name = 'SlowViolation'
    this.kind = kind
  }
}
