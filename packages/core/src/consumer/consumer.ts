import type { PolicyName } from '../extract/policy.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { KernelVersion } from '../kernel/version.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Memory } from '../memory/memory.ts'
import type { PageStore } from '../memory/page-store.ts'
import type { Operation } from './operation.ts'
import type { PageEvent } from './page-event.ts'

/** Version of this contract. A definition or a registration with another one is refused by name. */
export const CONSUMER_API_VERSION = 1

/** A setting of a consumer: `-O bio.logical-block-size=4096`. Whole numbers, which may have names. */
export interface ConsumerOption {
  readonly name: string
  readonly summary: string
  readonly unit: string
  /** Used when neither the command line nor the trace's header gives one. */
  readonly default: number
  readonly min: number
  readonly max: number
  /** Only powers of two are accepted. */
  readonly powerOfTwo: boolean
  /** Names of the values from 0 on: `-O smbdirect.device=mlx5`. */
  readonly words?: readonly string[]
  /** Header line of a trace that sets it, such as `logical-block-size`; null when none does. */
  readonly header: string | null
}

/** A figure that the consumer counts itself, as the report's `counters` has it. */
export interface ConsumerCounter {
  readonly name: string
  readonly summary: string
}

/** A limit of the kernel that the consumer keeps to; hitting it is counted in the report. */
export interface ConsumerLimit {
  /** The kernel's own name for it. */
  readonly name: string
  readonly max: number
  readonly unit: string
  readonly summary: string
  readonly kernel: string
}

/** What `create` gets: the lane's own world. */
export interface ConsumerEnvironment {
  readonly kernel: KernelVersion
  /** What differs between versions, and which upstream defects are on. */
  readonly traits: Kernel
  /** Option values, every declared one present. */
  readonly options: Readonly<Record<string, number>>
  /** `# filesystem` of the trace; null is a raw block device. */
  readonly filesystem: string | null
  /** Stores to folios under writeback wait: `# stable-writes` of the trace. @kernel include/linux/pagemap.h: AS_STABLE_WRITES */
  readonly stableWrites: boolean
  readonly ledger: Ledger
  readonly memory: Memory
  readonly pages: PageStore
}

/** Pages up to which a consumer tells by {@link OperationShape} how far the place in a page matters. @kernel include/linux/bio.h: BIO_MAX_VECS */
export const SHAPE_PAGES_MAX = 256

/**
 * What decides the work on an operation besides its length, direction and flags, and the number and kind of its pages.
 * @kernel what a direct I/O path looks at before it takes a page, such as block/fops.c: blkdev_dio_invalid
 */
export interface OperationShape {
  /** Whether the position in the file is a multiple of this many bytes, a power of two up to a page; 1: it does not matter. */
  readonly positionAlignmentBytes: number
  /**
   * The same of the address, for operations of at most {@link alignedPagesMax} pages; 0, and for longer ones: the place in the
   * page itself matters.
   */
  readonly addressAlignmentBytes: number
  /** Up to {@link SHAPE_PAGES_MAX}, which it is where it is left out: what is longer may be cut in the middle of a page. */
  readonly alignedPagesMax?: number
  /**
   * It holds only as long as the trace had nothing but `map` rows and operations that name no file, and while no other
   * operation is in flight: what one has in flight, the state of a file or socket, or a registration, shows in the next.
   */
  readonly aloneOnly?: boolean
}

/**
 * A kernel subsystem that takes pages out of an iterator, builds its own list and must let go exactly once. One object
 * serves one lane. Its methods run once per operation: they allocate nothing and throw only InvariantError.
 */
export interface Consumer {
  /**
   * Takes the operation: calls `io.extract()` as often as the kernel code does, builds its list, and hands every hold
   * that outlives the call to `io.keep()`. Returns the bytes submitted, or a negative errno.
   */
  submit(io: Operation): number
  /** `submit` returned an errno: lets go of everything that it kept. */
  abort(io: Operation): void
  /** The I/O is done: lets go of everything that `submit` kept. */
  complete(io: Operation): void
  /**
   * The trace is over, and with it every file and socket: lets go of what outlives operations. Called once, after the
   * last completion, even if some operations never completed.
   */
  close?(io: Operation): void
  /**
   * A `register` row: pins the memory of `io.iter` for as long as it is registered. Returns 0 or more, with all that it
   * holds joined in `io.hold`, or a negative errno with nothing held. A consumer without it leaves such rows to the rules
   * of io_uring.
   */
  register?(io: Operation): number
  /** An `unregister` row: lets go of `io.hold`. Called once for each registration that `register` made. */
  unregister?(io: Operation): void
  /**
   * An `unregister` row while operations in flight name the registration is no violation: `unregister` is called when the
   * last of them is over, on the operation that was. @kernel io_uring/rsrc.c: io_rsrc_node
   */
  readonly defersUnregister?: boolean
  /**
   * A row about pages, files or leases (`writeback`, `reflink`, `lease`, `dma`, …): for a consumer that stands for what a
   * file system or the block layer does then. True: it has done what the row says, or what it does instead, and told
   * `io.audit` of it; false: the row means what it means everywhere.
   */
  event?(io: Operation, event: PageEvent): boolean
  /**
   * Said by a consumer that keeps nothing from one operation to the next: over user memory in one piece, operations of the
   * same shape do the same work and add the same to every sum, whatever file it is, and whatever came before. Every counter
   * is a sum or the most of one operation, and none depends on pages being clean or touched the first time. A replay may
   * then count such operations instead of doing them. Left out: each is done.
   */
  readonly operationShape?: OperationShape
  /** Values of the declared counters. */
  counters(): Readonly<Record<string, number>>
}

/** A consumer as a package brings it. */
export interface ConsumerDefinition {
  readonly apiVersion: typeof CONSUMER_API_VERSION
  /** Lower case with dashes: `vhost-scsi`. */
  readonly name: string
  /** One line for `pinscope consumers`. */
  readonly summary: string
  /** What it stands for: `drivers/vhost/scsi.c: vhost_scsi_mapal`. */
  readonly kernel: string
  /** Iterator types that can arrive there; any other is refused with -EINVAL before `submit`. */
  readonly accepts: readonly string[]
  /** Most elements in one of its lists. */
  readonly entriesMax: number
  /** What `avoided.*` means for it, in one or two sentences. */
  readonly avoided: string
  readonly options?: readonly ConsumerOption[]
  /**
   * Pages of a user-backed data destination that were written to are made dirty before they are let go, as the kernel code
   * does with set_page_dirty_lock() or unpin_user_pages_dirty_lock(). A consumer that calls `ledger.unpinDirty` itself, or
   * whose kernel code does not dirty, says false; left out: not told, and no audit says that it is missing.
   */
  readonly dirtiesDest?: boolean
  /**
   * Its data sources are copied into the page cache of the row's file: an audit takes such a file's folios as written to, in
   * the lanes of other consumers too. @kernel mm/filemap.c: generic_perform_write
   */
  readonly copiesIn?: boolean
  readonly limits?: readonly ConsumerLimit[]
  readonly counters?: readonly ConsumerCounter[]
  /**
   * The policy that the kernel of that version uses at this place: the default, and the only one whose pins can be
   * compared with what a kernel counted. Null when nothing is extracted.
   */
  kernelPolicy(kernel: KernelVersion): PolicyName
  /** Makes the consumer of one lane. */
  create(environment: ConsumerEnvironment): Consumer
}

/** Types a definition; the identity at run time. */
export function defineConsumer(definition: ConsumerDefinition): ConsumerDefinition {
  return definition
}

/** The declared counters by name, with the value of each slot: what `counters()` of a consumer returns. */
export function countersOf(
  declared: readonly ConsumerCounter[],
  counts: Float64Array,
): Readonly<Record<string, number>> {
  return Object.fromEntries(declared.map(({ name }, slot) => [name, counts[slot]]))
}
