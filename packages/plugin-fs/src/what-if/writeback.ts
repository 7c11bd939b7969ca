import {
  BY_KERNEL,
  type ConsumerEnvironment,
  FLAG_DIRTY,
  FLAG_KERNEL,
  KIND_FILE,
  type Operation,
  type PageEvent,
} from '@pinscope/core'
import { zeroCounts } from './counts.ts'
import { DeviceStores, folioBytes } from './device-stores.ts'
import { DirectIo } from './direct-io.ts'
import { eachFileFolio, eachFilePage } from './event-pages.ts'
import {
  FolioMarks,
  MARK_CLEAN,
  MARK_COPY,
  MARK_DIRTY,
  MARK_END_OWED,
  MARK_GONE,
  MARK_SKIPPED,
  MARK_TORN,
  MARK_UNSAVED,
  MARK_WAITING,
  MARK_WRITEBACK,
} from './folio-marks.ts'
import { NamedPins } from './named-pins.ts'
import { PinTest } from './pin-test.ts'
import { WriteFaults } from './write-faults.ts'
import { WRITEBACK_COUNTERS } from './writeback-counters.ts'

/** What writeback does with a folio that looks pinned. */
export type PinnedWriteback = 'as-is' | 'skip' | 'wait' | 'bounce-block' | 'bounce-fs' | 'stable'

/**
 * Writeback of folios that devices may be storing into. `writeback` and `writeback_end` rows come here: they clean the
 * folio, write it as it is, or do one of the other things that were proposed.
 *
 * No kernel looks at pins there: write_cache_pages (6.1) and folio_prepare_writeback (6.12, 7.3) lock the folio, clear its
 * dirty bit and hand it to the file system.
 *
 * @kernel mm/page-writeback.c: writeback_iter, folio_clear_dirty_for_io (6.1: write_cache_pages, clear_page_dirty_for_io),
 *   folio_wait_stable; block/bounce.c: __blk_queue_bounce (6.1, 6.12: pages of high memory only)
 */
export class WritebackConsumer extends DirectIo {
  private readonly counts = zeroCounts(WRITEBACK_COUNTERS)
  private readonly choice: PinnedWriteback
  private readonly pins: PinTest
  private readonly marks = new FolioMarks()
  private readonly stores = new DeviceStores()
  private readonly named = new NamedPins()
  /** Folios whose writeback waits, in order. */
  private waiting: number[] = []
  /** When the last row let go of pins, ns: it does so behind this consumer's back. */
  private readonly releaseNs = new Float64Array(1)
  /** The file system wants data that does not change, for checksums of its own. */
  private readonly hasChecksums: boolean
  private readonly faults: WriteFaults
  private readonly staysDirty: boolean

  constructor(environment: ConsumerEnvironment, choice: PinnedWriteback) {
    super(environment)
    const { filesystem, stableWrites, options } = environment
    this.choice = choice
    this.pins = new PinTest(environment)
    this.hasChecksums = filesystem === 'btrfs'
    const { pages, marks, counts, pins, stores } = this
    this.faults = new WriteFaults({ pages, marks, counts, pins, stores }, choice === 'stable' || stableWrites)
    this.staysDirty = options['stays-dirty'] === 1
  }

  override submit(io: Operation): number {
    this.prepare(io)
    this.faults.submitting(io)
    const bytes = super.submit(io)
    this.faults.submitted(io)
    return bytes
  }

  override complete(io: Operation): void {
    this.faults.completing(io)
    super.complete(io)
  }

  event(io: Operation, event: PageEvent): boolean {
    this.prepare(io)
    this.goOn(io, this.releaseNs[0])
    const { marks, faults, named } = this
    const nowNs = event.nowNs[0]
    faults.begin()
    switch (event.name) {
      case 'writeback':
        eachFileFolio(this.pages, event, (head) => this.write(io, head))
        return true
      case 'writeback_end':
        eachFileFolio(this.pages, event, (head) => this.end(io, head))
        return true
      case 'store':
        if ((event.flags & FLAG_KERNEL) === 0) eachFileFolio(this.pages, event, (head) => faults.store(head, nowNs))
        else eachFilePage(this.pages, event, this.stored)
        return false
      case 'mkwrite':
        eachFileFolio(this.pages, event, (head) => faults.fault(head, nowNs))
        return false
      case 'dirty':
        eachFileFolio(this.pages, event, (head) => marks.set(head, MARK_DIRTY))
        return false
      case 'dma':
        return faults.deviceStores(io, event)
      case 'dma_end':
        faults.deviceEnds(event.id)
        return false
      case 'pin':
      case 'get':
        named.take(event)
        if (event.isStore) eachFileFolio(this.pages, event, (head) => faults.pin(head, nowNs))
        return false
      case 'unpin':
      case 'put':
        this.releaseNs[0] = event.nowNs[0]
        named.drop(event, (page) => {
          if ((event.flags & FLAG_DIRTY) !== 0 && this.pages.kindOf(page) === KIND_FILE) this.dirtied(page)
        })
        return false
      case 'truncate':
        eachFileFolio(this.pages, event, (head) => this.leave(io, head))
        return false
      default:
        return false
    }
  }

  /** What waits until the trace is over has waited until then. */
  close(io: Operation): void {
    this.goOn(io, this.releaseNs[0])
    const { counts, marks, pages } = this
    this.faults.close(this.ledger.nowNs)
    counts.waitsNeverOver += this.waiting.length
    for (const head of this.waiting) {
      this.waited(head, this.ledger.nowNs)
      marks.set(head, MARK_SKIPPED)
    }
    marks.each(MARK_SKIPPED, 0, (head) => {
      counts.pagesNeverWritten += 2 ** pages.orderOf(head)
    })
    marks.each(MARK_UNSAVED, MARK_DIRTY, () => {
      counts.lostUpdates++
    })
  }

  counters(): Readonly<Record<string, number>> {
    return { ...this.counts, ...this.pins.counts }
  }

  protected override readonly taken = (page: number): void =>
    this.faults.take(this.pages.headOf(page), this.ledger.nowNs)

  protected override readonly stored = (page: number): void => this.faults.stored(this.pages.headOf(page))

  protected override readonly dirtied = (page: number): void => this.faults.dirtied(this.pages.headOf(page))

  protected override released(io: Operation): void {
    if (this.waiting.length > 0) this.goOn(io, this.ledger.nowNs)
  }

  /** Pages that are stable everywhere are so for the audit too. */
  private prepare(io: Operation): void {
    if (this.choice === 'stable' && io.audit !== null) io.audit.folios.stableWrites = true
  }

  /** Writeback comes to a folio: a clean one it passes by, pinned or not. @kernel mm/page-writeback.c: folio_prepare_writeback */
  private write(io: Operation, head: number): void {
    const { counts, marks, pins } = this
    if (marks.has(head, MARK_WRITEBACK | MARK_WAITING) || !marks.mayBeDirty(head)) return
    if (this.choice === 'as-is' || this.choice === 'stable' || !pins.decide(head)) this.begin(io, head)
    else if (this.choice === 'skip') {
      counts.pagesSkipped += 2 ** this.pages.orderOf(head)
      marks.set(head, MARK_SKIPPED)
    } else if (this.choice === 'wait') {
      counts.waits++
      marks.setSince(head, MARK_WAITING, this.ledger.nowNs)
      this.waiting.push(head)
      io.audit?.tasks.wait('user')
    } else this.bounce(io, head)
  }

  /** The folio is cleaned and its contents go to the disk from where they are. @kernel mm/page-writeback.c: folio_clear_dirty_for_io */
  private begin(io: Operation, head: number): void {
    const { marks, counts } = this
    io.audit?.folios.writeBack(head)
    io.audit?.devices.begin(diskReading(head), false, head, 0, folioBytes(this.pages.orderOf(head)))
    marks.set(head, MARK_WRITEBACK | MARK_CLEAN)
    marks.drop(head, MARK_DIRTY | MARK_UNSAVED | MARK_SKIPPED | MARK_COPY | MARK_TORN)
    counts.pagesWritten += 2 ** this.pages.orderOf(head)
  }

  /**
   * The contents are copied at once, and the copy goes to the disk. In the block layer the folio was cleaned long before
   * that, and is under writeback until the I/O is over. The block layer, and what is below it, sees the copy alone; a file
   * system with checksums has read the folio before. In the file system nothing but the copy is written, and the folio may
   * be left dirty.
   */
  private bounce(io: Operation, head: number): void {
    const { marks, counts, pages } = this
    const bytes = folioBytes(pages.orderOf(head))
    const { audit } = io
    counts.pagesWritten += 2 ** pages.orderOf(head)
    counts.pagesBounced += 2 ** pages.orderOf(head)
    counts.bytesBounced += bytes
    if (this.faults.isAtWork(io, head)) counts.tornBounces++
    io.copied(bytes)
    const isLeftDirty = this.choice === 'bounce-fs' && this.staysDirty
    const isUnderWriteback = this.choice === 'bounce-block' && this.hasChecksums
    marks.drop(head, MARK_UNSAVED | MARK_SKIPPED)
    if (isLeftDirty) {
      audit?.folios.load(head, 0, bytes, BY_KERNEL)
      return
    }
    audit?.folios.writeBack(head)
    audit?.folios.load(head, 0, bytes, BY_KERNEL)
    marks.set(head, MARK_CLEAN)
    marks.drop(head, MARK_DIRTY)
    if (isUnderWriteback) marks.set(head, MARK_WRITEBACK | MARK_COPY)
    else audit?.folios.writebackEnd(head)
  }

  private end(io: Operation, head: number): void {
    const { marks, counts } = this
    if (marks.has(head, MARK_WAITING)) marks.set(head, MARK_END_OWED)
    if (!marks.has(head, MARK_WRITEBACK)) return
    if (!marks.has(head, MARK_COPY)) {
      const isTorn = marks.has(head, MARK_TORN) || this.faults.isAtWork(io, head)
      if (isTorn) counts.tornWritebacks++
      io.audit?.devices.end(diskReading(head))
    }
    io.audit?.folios.writebackEnd(head)
    marks.drop(head, MARK_WRITEBACK | MARK_COPY)
    this.faults.goOn(io, head, this.ledger.nowNs)
  }

  /** Writebacks whose pins are gone since `nowNs` begin. */
  private goOn(io: Operation, nowNs: number): void {
    if (this.waiting.length === 0) return
    const { marks, pins } = this
    const ready = this.waiting.filter((head) => !pins.maybe(head))
    this.waiting = this.waiting.filter((head) => pins.maybe(head))
    for (const head of ready) {
      const isOver = marks.has(head, MARK_END_OWED)
      this.waited(head, nowNs)
      this.begin(io, head)
      if (isOver) this.end(io, head)
    }
  }

  private waited(head: number, nowNs: number): void {
    const { marks, counts } = this
    counts.waitNs += Math.max(nowNs - marks.sinceNs(head), 0)
    marks.drop(head, MARK_WAITING | MARK_END_OWED)
  }

  /** The folio leaves its file, and nobody waits for it any longer. @kernel mm/truncate.c: truncate_inode_folio */
  private leave(io: Operation, head: number): void {
    const { marks } = this
    if (marks.has(head, MARK_WAITING)) this.waited(head, this.ledger.nowNs)
    this.faults.goOn(io, head, this.ledger.nowNs)
    this.waiting = this.waiting.filter((one) => one !== head)
    marks.drop(head, -1)
    marks.set(head, MARK_GONE)
  }
}

/** Id by which an audit knows the disk that reads a folio: those of a trace are 0 and above. */
function diskReading(head: number): number {
  return -1 - head
}
