import {
  type Consumer,
  type ConsumerEnvironment,
  EFAULT,
  GUARD_COUNT,
  ITER_DEST,
  KIND_FILE,
  type Ledger,
  MAX_RW_COUNT,
  type Operation,
  type OperationShape,
  PAGE_LIST_MAX,
  type PageEvent,
  type PageStore,
} from '@pinscope/core'

/**
 * Direct I/O that has pages of files as its buffer, which is what every what-if model is about: it takes what the policy
 * of the lane says when it is submitted, and lets go when the I/O is over. A read makes its pages dirty first.
 *
 * On 6.1 direct I/O takes plain references, so that maybe_dma_pinned says no while the device stores.
 *
 * @kernel fs/iomap/direct-io.c: iomap_dio_bio_iter; block/bio.c: bio_iov_iter_get_pages, bio_set_pages_dirty
 */
export abstract class DirectIo implements Consumer {
  /** Alone only: what waits for a folio or a lease goes on when an operation is over. */
  readonly operationShape: OperationShape = { positionAlignmentBytes: 1, addressAlignmentBytes: 1, aloneOnly: true }
  protected readonly pages: PageStore
  protected readonly ledger: Ledger
  private readonly takeRun = (page: number, count: number): void => this.eachFilePage(page, count, this.taken)
  private readonly storeRun = (page: number, count: number): void => this.eachFilePage(page, count, this.stored)
  private readonly dirtyRun = (page: number, count: number): void => this.eachFilePage(page, count, this.dirtied)

  constructor({ pages, ledger }: ConsumerEnvironment) {
    this.pages = pages
    this.ledger = ledger
  }

  submit(io: Operation): number {
    let bytes = 0
    while (io.iter.countBytes > 0) {
      const taken = io.extract(PAGE_LIST_MAX, MAX_RW_COUNT)
      if (taken <= 0) {
        if (bytes === 0) return taken === 0 ? EFAULT : taken
        break
      }
      io.keep(io.hold)
      io.borrowList(GUARD_COUNT)
      bytes += taken
    }
    io.reachedInPlace(bytes)
    if (io.iter.direction === ITER_DEST) this.eachKept(io, this.takeRun)
    return io.recordedResult >= 0 && io.recordedResult < bytes ? io.recordedResult : bytes
  }

  abort(io: Operation): void {
    io.letGoOfKept()
  }

  complete(io: Operation): void {
    if (io.iter.direction === ITER_DEST && io.completion === 0) {
      this.eachKept(io, this.storeRun)
      this.eachKept(io, this.dirtyRun)
    }
    io.letGoOfKept()
    io.giveBackBorrowed()
    this.released(io)
  }

  abstract event(io: Operation, event: PageEvent): boolean

  abstract counters(): Readonly<Record<string, number>>

  /** A page of a file is taken for writing: get_user_pages faulted, so that page_mkwrite ran if the folio was clean. */
  protected readonly taken = (_page: number): void => {}

  /** A device has stored into a page of a file. */
  protected readonly stored = (_page: number): void => {}

  /** A page of a file is made dirty by whoever lets go of it. */
  protected readonly dirtied = (_page: number): void => {}

  /** Pins are gone: whoever waits for that may go on. */
  protected released(_io: Operation): void {}

  private eachKept(io: Operation, tell: (page: number, count: number) => void): void {
    const { nextOfOperation } = this.ledger.holds
    for (let slot = io.kept.first; slot !== 0; slot = nextOfOperation[slot]) this.ledger.eachRun(slot, tell)
  }

  private eachFilePage(page: number, count: number, tell: (page: number) => void): void {
    if (this.pages.kindOf(page) !== KIND_FILE) return
    for (let at = page; at < page + count; at++) tell(at)
  }
}
