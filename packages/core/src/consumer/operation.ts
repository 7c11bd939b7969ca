import { EFAULT } from '../errno.ts'
import { extractPages } from '../extract/extract-pages.ts'
import { PageList } from '../extract/page-list.ts'
import type { ExtractionPolicy } from '../extract/policy.ts'
import { RETAIN_NONE, RETAIN_PIN, RETAIN_REF, type Retention } from '../extract/retention.ts'
import { copyFromIter, copyToIter } from '../iter/copy.ts'
import { faultInReadable, faultInWriteable } from '../iter/fault-in.ts'
import { FolioQueue } from '../iter/folio-queue.ts'
import { IovIter } from '../iter/iov-iter.ts'
import { positionOf } from '../iter/iter-position.ts'
import { ITER_DEST, ITER_PIPE } from '../iter/iter-type.ts'
import { PipeRing } from '../iter/pipe-ring.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { Allocations } from '../ledger/allocations.ts'
import { DmaMaps } from '../ledger/dma-maps.ts'
import { HOLD_NONE, type Hold, isBorrowed, isHold } from '../ledger/hold.ts'
import { HoldChain } from '../ledger/hold-chain.ts'
import { REASON_NOBODY_TOLD } from '../ledger/hold-table.ts'
import { IterViolations } from '../ledger/iter-violations.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { OwnedPages } from '../ledger/owned-pages.ts'
import { Borrows, checkGuard, type Guard } from '../lifetime/borrows.ts'
import { FOLL_PIN } from '../memory/foll.ts'
import type { Memory } from '../memory/memory.ts'
import type { PageStore } from '../memory/page-store.ts'
import { PAGE_SIZE } from '../units.ts'
import { FAULT_ALLOC, FAULT_COPY, FAULT_LIMIT, FAULT_MAP, FAULT_PAGE, Faults } from './faults.ts'
import { type OperationObserver, tellExtracted } from './operation-observer.ts'
import { OperationRow } from './operation-row.ts'

export type { OperationObserver } from './operation-observer.ts'

/**
 * One operation at work: its iterator, and the means to take pages out of it and to keep what was taken. A lane has one
 * such object and uses it for every operation in turn.
 */
export class Operation extends OperationRow {
  readonly iter = new IovIter()
  /** Folios of a FOLIOQ operation. */
  readonly queue = new FolioQueue()
  /** What the last {@link extract} listed. */
  readonly list = new PageList()
  readonly memory: Memory
  readonly pages: PageStore
  readonly ledger: Ledger
  readonly policy: ExtractionPolicy
  /** What the last {@link extract} took. The consumer keeps it, joins it, or lets it go. */
  hold: Hold = HOLD_NONE

  readonly kept = new HoldChain()
  /** The data goes through buffers of the consumer's, some of it only at completion: no list reaches it. */
  isBounced = false
  observer: OperationObserver | null = null
  /** Steps that were made to fail. */
  readonly faults = new Faults()
  /** What the consumer allocated for its own. */
  readonly allocations = new Allocations()
  /** What the consumer mapped for a device. */
  readonly dma = new DmaMaps()
  /** Pages that the consumer allocates itself. */
  readonly owned: OwnedPages

  /** What lists of operations in flight name; the chain of this operation's. */
  readonly borrows: Borrows
  borrowed = 0

  private pipe: PipeRing | null = null
  private readonly onePage = new PageList(1)

  constructor(memory: Memory, ledger: Ledger, policy: ExtractionPolicy, kernel: Kernel) {
    super()
    this.memory = memory
    this.pages = memory.pages
    this.ledger = ledger
    this.policy = policy
    this.borrows = new Borrows()
    this.iter.kernel = kernel
    this.iter.report = new IterViolations(ledger)
    const fails = () => this.faults.fails(FAULT_ALLOC)
    this.owned = new OwnedPages(memory, ledger.mappingReferences, this.allocations, fails)
  }

  /**
   * Extracts the next part of the iterator and takes what the lane's policy says: at most `pagesMax` pages (and never
   * more than PAGE_LIST_MAX) and `bytesMax` bytes; `flags` may be ITER_ALLOW_P2PDMA. Fills {@link list} and {@link hold},
   * advances the iterator. `policy`: another than the lane's, for a stage that does the same in every lane. Returns the
   * bytes, 0 at the end, or a negative errno with nothing taken.
   * @kernel lib/iov_iter.c: iov_iter_extract_pages, iov_iter_get_pages2
   */
  extract(pagesMax: number, bytesMax: number, flags = 0, policy = this.policy): number {
    const { observer } = this
    const { segment, iovOffsetBytes } = this.iter
    const bytes = this.faults.isPageNext ? this.failPage() : this.listPages(policy, pagesMax, bytesMax, flags)
    this.hold = HOLD_NONE
    if (bytes <= 0) {
      if (bytes === 0 && this.list.length > 0) this.loseReferences()
      return bytes
    }
    const hold = this.ledger.acquire(this.list)
    if (!isHold(hold)) {
      this.iter.revert(bytes)
      return hold
    }
    this.hold = hold
    this.audit?.listed.add(this.list, positionOf(this.iter, segment, iovOffsetBytes))
    if (observer !== null) tellExtracted(this, observer, segment, iovOffsetBytes, bytes)
    return bytes
  }

  /** Lists the next pages, those before a page that was made to fail: bytes, or -EFAULT when it is the first. */
  private listPages(policy: ExtractionPolicy, pagesMax: number, bytesMax: number, flags: number): number {
    const { list, faults } = this
    const listed = extractPages(this.iter, policy, this.memory, list, pagesMax, bytesMax, flags)
    if (listed <= 0) return listed
    const passed = faults.passed(FAULT_PAGE, list.length)
    if (passed === list.length) return listed
    let bytes = 0
    for (let i = 0; i < passed; i++) bytes += list.lengthBytes[i]
    this.iter.revert(listed - bytes)
    list.trim(listed - bytes)
    faults.isPageNext = passed > 0
    return passed === 0 ? EFAULT : bytes
  }

  /**
   * Pins up to `count` pages of user memory by address, whatever the iterator and the policy are: from `skipBytes` behind
   * `addresses[at]` on, in address space `mm`, as `foll` asks. Fills {@link list} and {@link hold}. Returns how many, fewer
   * where a later page cannot be had, or the errno of the first with nothing taken. @kernel mm/gup.c: pin_user_pages_fast
   */
  pinPages(mm: number, addresses: Float64Array, at: number, skipBytes: number, count: number, foll: number): number {
    const { faults, list } = this
    const { spaces } = this.memory
    this.hold = HOLD_NONE
    if (faults.isPageNext) return this.failPage()
    const found = spaces.walk(mm, addresses, at, skipBytes, count, foll | FOLL_PIN, list.page)
    if (found < 0) return found
    const pinned = faults.passed(FAULT_PAGE, found)
    faults.isPageNext = pinned > 0 && pinned < found
    if (pinned === 0) return EFAULT
    list.describe(pinned, 0, pinned * PAGE_SIZE)
    list.isRun = spaces.walkedRun
    list.retention = RETAIN_PIN
    list.sparesSlab = false
    this.audit?.tokens.aim(foll)
    const hold = this.ledger.acquire(list)
    if (!isHold(hold)) return hold
    this.hold = hold
    return pinned
  }

  private failPage(): number {
    this.faults.isPageNext = false
    this.list.clear()
    return EFAULT
  }

  /** Takes a reference on every page of the last {@link list}, whatever the policy took. @kernel include/linux/mm.h: get_page */
  reference(): Hold | number {
    const { list } = this
    const { retention } = list
    list.retention = RETAIN_REF
    const hold = this.ledger.acquire(list)
    list.retention = retention
    return hold
  }

  /** {@link reference} on one page, by its row. */
  referencePage(page: number): Hold | number {
    const { onePage } = this
    onePage.describe(1, 0, PAGE_SIZE)
    onePage.page[0] = page
    onePage.retention = RETAIN_REF
    return this.ledger.acquire(onePage)
  }

  /** An allocation of the consumer's; false when it was made to fail. @kernel include/linux/slab.h: kmalloc */
  allocate(bytes: number): boolean {
    if (this.faults.fails(FAULT_ALLOC)) return false
    this.allocations.take(bytes)
    return true
  }

  /** Frees one of `bytes` bytes. @kernel include/linux/slab.h: kfree */
  free(bytes: number): void {
    this.allocations.give(bytes)
  }

  /**
   * One call that maps `entries` entries of a list for a device; false, with nothing mapped, when it was made to fail.
   * @kernel include/linux/dma-mapping.h: dma_map_page, dma_map_sg; include/rdma/ib_verbs.h: ib_dma_map_page
   */
  mapDma(entries: number): boolean {
    if (this.faults.fails(FAULT_MAP)) return false
    this.dma.map(entries)
    return true
  }

  /** Undoes what {@link mapDma} mapped, or a part of it. @kernel include/linux/dma-mapping.h: dma_unmap_page, dma_unmap_sg */
  unmapDma(entries: number): void {
    this.dma.unmap(entries)
  }

  /** `count` fits where `max` do; false is a limit hit. */
  fits(count: number, max: number): boolean {
    const isFull = this.faults.fails(FAULT_LIMIT)
    if (count <= max && !isFull) return true
    this.limitHit()
    return false
  }

  /**
   * The CPU copies up to `bytes` bytes between the iterator and a buffer of the kernel's, in the iterator's direction, and
   * the iterator steps over them. Short where memory cannot be had. The bytes really move where pages have contents and
   * a buffer is given. Returns the bytes. @kernel lib/iov_iter.c: _copy_to_iter, _copy_from_iter
   */
  copy(bytes: number, buffer: Uint8Array | null = null): number {
    if (this.faults.fails(FAULT_COPY)) return 0
    const { iter, memory } = this
    const isDest = iter.direction === ITER_DEST
    let copied: number
    if (memory.bytes !== null && buffer !== null) {
      copied = isDest ? copyToIter(iter, memory, buffer, bytes) : copyFromIter(iter, memory, buffer, bytes)
    } else {
      const wanted = Math.min(bytes, iter.countBytes)
      copied = wanted - (isDest ? faultInWriteable(iter, memory, wanted) : faultInReadable(iter, memory, wanted))
      // Copying is what fills a pipe, and no byte is moved here: there is nothing in it to step over.
      if (iter.type === ITER_PIPE) iter.truncate(iter.countBytes - copied)
      else iter.advance(copied)
    }
    this.copied(copied)
    return copied
  }

  /** {@link copy} between the iterator and a page, from byte `offsetBytes` of it on. @kernel lib/iov_iter.c: copy_page_to_iter, copy_page_from_iter */
  copyPage(page: number, offsetBytes: number, bytes: number): number {
    const contents = this.memory.bytes
    return this.copy(bytes, contents === null ? null : contents.piece(page, offsetBytes, bytes))
  }

  /** References that the call took and tells nobody of: a leak of that kernel. @kernel quirk get-pages-empty-bvec */
  private loseReferences(): void {
    const hold = this.ledger.acquire(this.list)
    if (isHold(hold)) this.ledger.mark(hold, REASON_NOBODY_TOLD)
  }

  /** The pipe of a PIPE operation; what an operation before left in it has been read. @kernel fs/splice.c: generic_file_splice_read (6.1) */
  emptyPipe(): PipeRing {
    this.pipe ??= new PipeRing(this.pages, this.ledger.pageReferences, this.ledger.mappingReferences)
    while (!this.pipe.isEmpty) this.pipe.consume()
    return this.pipe
  }

  /** Keeps a hold beyond `submit`. A hold that is neither kept nor let go is a leak. */
  keep(hold: Hold): void {
    if (!isBorrowed(hold)) this.kept.push(this.ledger, hold)
  }

  /** Lets go of everything kept, each hold the way it was taken. */
  letGoOfKept(): void {
    this.kept.letGoAll(this.ledger, this.number)
  }

  /**
   * The consumer's list names `bytes` bytes from `offsetBytes` of page row `page` on, and of the pages that follow it,
   * until the operation is over; `guard`: what keeps them meanwhile. Nothing is counted: it is what `free`, `truncate`,
   * `dirty` and `mkwrite` rows are checked against. `direction` is ITER_SOURCE where the operation reads the bytes. The
   * lane gives it back.
   */
  borrow(page: number, offsetBytes: number, bytes: number, guard: Guard, direction = this.iter.direction): void {
    checkGuard(guard)
    this.borrowed = this.borrows.add(this.borrowed, this.row, page, offsetBytes, bytes, guard, direction)
  }

  /** {@link borrow} of all that the last {@link list} has. */
  borrowList(guard: Guard): void {
    const { page, offsetBytes, lengthBytes, length } = this.list
    for (let i = 0; i < length; i++) this.borrow(page[i], offsetBytes[i], lengthBytes[i], guard)
  }

  /** The operation is over: what its list named may be used for something else. */
  giveBackBorrowed(): void {
    if (this.borrowed === 0) return
    this.borrows.giveBack(this.borrowed)
    this.borrowed = 0
  }

  /** Pages on which something is kept. */
  pagesKept(): number {
    let pages = 0
    const { holds } = this.ledger
    for (let slot = this.kept.first; slot !== 0; slot = holds.nextOfOperation[slot]) pages += holds.counted[slot]
    return pages
  }

  /** What is kept on them; nothing is RETAIN_NONE. */
  retentionKept(): Retention {
    const { first } = this.kept
    return first === 0 ? RETAIN_NONE : (this.ledger.holds.retention[first] as Retention)
  }
}
