import type { ConsumerDefinition } from '../consumer/consumer.ts'
import type { Operation } from '../consumer/operation.ts'
import { tellCopiedIn } from '../consumer/tell-copied-in.ts'
import { pagesHeld, tellIterator } from '../consumer/tell-iterator.ts'
import { RETAIN_PIN, RETAIN_REF } from '../extract/retention.ts'
import {
  ITER_BVEC,
  ITER_DEST,
  ITER_DISCARD,
  ITER_PIPE,
  ITER_SOURCE,
  ITER_TYPE_NAMES,
  isUserBacked,
} from '../iter/iter-type.ts'
import { FLAG_ATOMIC, FLAG_LONGTERM, FLAG_WORKER } from '../iter/row-flags.ts'
import { REASON_IN_FLIGHT, REASON_LONG_TERM } from '../ledger/hold-table.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Audit } from '../lifetime/audit.ts'
import { CONTEXT_ATOMIC, CONTEXT_PROCESS, CONTEXT_WORKER } from '../lifetime/event-bus.ts'
import { BY_DEVICE, eventCode } from '../lifetime/lifetime-event.ts'
import type { Phase } from '../lifetime/where-references-go.ts'
import { EVENT_NAMES, EVENT_REGISTER, EVENT_UNREGISTER, type OpBatch } from '../trace/op-batch.ts'
import { PAGE_SIZE } from '../units.ts'
import type { AuditRows } from './audit-rows.ts'
import { bytesMoved, OperationPieces } from './operation-pieces.ts'

const FORK = eventCode('fork')
const END = eventCode('end')
const OVER = eventCode('over')
const OVERRUN = eventCode('overrun')

/** What a lane tells its audit: which row is at work, what operations take, when devices store, when calls return. */
export class LaneAudit {
  readonly audit: Audit
  private readonly rows: AuditRows
  private readonly ledger: Ledger
  private readonly definition: ConsumerDefinition
  private readonly pieces: OperationPieces
  /** Pages of the row's own iterator, where that is none over user memory. */
  private iterPages = 0
  /** Pages that the device at work has stored to. */
  private readonly stored = new Set<number>()
  private readonly storePiece = (page: number, from: number, end: number): void => {
    if (!this.isOfInterest(page)) return
    this.stored.add(page)
    this.audit.folios.store(page, from, end - from, BY_DEVICE)
  }

  constructor(audit: Audit, rows: AuditRows, ledger: Ledger, definition: ConsumerDefinition) {
    this.audit = audit
    this.rows = rows
    this.ledger = ledger
    this.definition = definition
    this.pieces = new OperationPieces(audit, rows.pages)
  }

  /** A row begins that is no operation. */
  begins(batch: OpBatch, row: number): void {
    const { audit } = this
    const flags = batch.flags[row]
    audit.at(batch.firstRow + row, batch.line[row], 0, batch.mm[row])
    audit.bus.context =
      (flags & FLAG_ATOMIC) !== 0 ? CONTEXT_ATOMIC : (flags & FLAG_WORKER) !== 0 ? CONTEXT_WORKER : CONTEXT_PROCESS
    const event = batch.event[row]
    audit.tokens.ofOperation.length = 0
    const isRegistration = event === EVENT_REGISTER || event === EVENT_UNREGISTER
    this.purpose(
      event === EVENT_REGISTER ? 'register' : event === EVENT_UNREGISTER ? 'unregister' : 'event',
      isRegistration || batch.direction[row] === ITER_DEST,
      isUserBacked(batch.iterType[row] as 0),
      event === EVENT_REGISTER || (flags & FLAG_LONGTERM) !== 0,
      batch.mm[row],
    )
    audit.tokens.holder = isRegistration ? this.definition.name : `${EVENT_NAMES[event]} row`
  }

  /** What the row says happens. */
  event(batch: OpBatch, row: number): void {
    this.rows.apply(batch, row)
  }

  /** An address space is copied. */
  forked(batch: OpBatch, row: number): void {
    const { audit } = this
    audit.at(batch.firstRow + row, batch.line[row], 0, batch.mm[row])
    audit.bus.context = CONTEXT_PROCESS
    audit.forks++
    const event = audit.bus.next()
    event.object = batch.mm[row]
    event.result = batch.resultBytes[row]
    audit.bus.tell(FORK)
  }

  /** An operation begins: what is taken from now on is its. */
  begin(io: Operation, line: number): void {
    const { audit } = this
    audit.at(io.row, line, io.number, io.iter.mm)
    audit.bus.context = CONTEXT_PROCESS
    this.rows.pages.used.add(io.file)
    audit.tokens.ofOperation.length = 0
    audit.listed.clear()
    this.iterPages = isUserBacked(io.iter.type) ? 0 : pagesOf(io)
    audit.tokens.holder = this.definition.name
    const isUser = isUserBacked(io.iter.type) && !io.iter.fixed
    this.purpose('submit', isDestination(io), isUser, false, io.iter.mm)
  }

  /** An operation of another lane: what it copies into the page cache of a file is there for everybody. */
  elsewhere(batch: OpBatch, row: number, { copiesIn }: ConsumerDefinition): void {
    const { audit, rows } = this
    rows.pages.used.add(batch.file[row])
    if (copiesIn !== true || batch.direction[row] !== ITER_SOURCE) return
    const result = batch.resultBytes[row]
    const bytes = Number.isNaN(result) ? batch.lengthBytes[row] : result
    audit.at(batch.firstRow + row, batch.line[row], 0, batch.mm[row])
    tellCopiedIn(audit, audit.lane.memory, batch.file[row], batch.offsetBytes[row], bytes)
  }

  /** Its consumer gives up: what it lets go now is let go by its unwinding. */
  aborting(): void {
    this.audit.references.phase = 'abort'
  }

  /** A registration that its consumer refuses: what it still holds is remembered with the errno. */
  registered(io: Operation): void {
    if (io.result < 0) this.audit.tokens.failed(io.result, 0)
  }

  /** The call has returned; what goes on is in flight. */
  returned(io: Operation, result: number, batch: OpBatch, row: number): void {
    if (batch.resultBytes[row] > batch.lengthBytes[row]) this.tellOverrun(batch, row)
    if (!this.audit.space.isEmpty) this.ofFile(batch, row, result)
    if (result < 0) {
      this.audit.tokens.failed(result, io.number)
      return
    }
    if (io.hasEnd) this.pieces.borrow(io, batch, row)
    this.iterators(io)
  }

  /** Its file's space, of which rows tell, was read or written. */
  private ofFile(batch: OpBatch, row: number, result: number): void {
    const { space } = this.audit
    const file = batch.file[row]
    const position = batch.offsetBytes[row]
    if (file < 0 || position < 0 || result <= 0) return
    if (batch.direction[row] === ITER_DEST) space.read(file, position, result)
    else space.written(file, position, result)
  }

  /**
   * More was recorded than was asked for. Other recorders lose a segment now and then; and of a datagram that did not fit,
   * recvmsg(2) returns the whole length (MSG_TRUNC).
   */
  private tellOverrun(batch: OpBatch, row: number): void {
    if (this.audit.lane.isImported) return
    if (batch.direction[row] === ITER_DEST && this.rows.call(batch, row).includes('recv')) return
    const event = this.audit.bus.next()
    event.lengthBytes = batch.lengthBytes[row]
    event.result = batch.resultBytes[row]
    this.audit.bus.tell(OVERRUN)
  }

  /**
   * Its I/O is over and its consumer about to complete it: a device has stored into a data destination. What completes
   * within its call does so in the caller's context; anything else in a worker, which is nobody's address space.
   */
  completing(io: Operation, line: number): void {
    const { audit, stored } = this
    audit.at(io.row, line, io.number, io.hasEnd ? NO_TASK : audit.bus.task)
    audit.bus.context = io.hasEnd ? CONTEXT_WORKER : CONTEXT_PROCESS
    audit.tokens.holder = this.definition.name
    this.purpose('complete', isDestination(io), isUserBacked(io.iter.type), false, io.iter.mm)
    const bytes = bytesMoved(io)
    if (!isDestination(io) || bytes <= 0) return
    stored.clear()
    const isTold = this.pieces.each(io, bytes, this.storePiece)
    const { holds } = this.ledger
    for (let slot = io.kept.first; slot !== 0; slot = holds.nextOfOperation[slot]) this.storeThrough(slot, isTold)
  }

  /** The last row is over: every reference that is still held is told, but those kept on purpose. */
  finish(): void {
    const { audit, ledger } = this
    const { holds } = ledger
    audit.references.phase = 'close'
    audit.bus.next()
    audit.bus.tell(OVER)
    audit.tokens.eachOpen((token) => {
      // Pins of the zero page move no count, and of a hold that was let go page by page nothing is left.
      if (audit.tokens.pagesOf(token) === 0) return
      const isForsaken = this.isForsaken(token)
      const isLongTerm = holds.reason[token] === REASON_LONG_TERM && !isForsaken
      const isMeant = isLongTerm || holds.reason[token] === REASON_IN_FLIGHT
      if (isMeant) {
        audit.references.left(token, audit.tokens.pagesOf(token))
        return
      }
      const event = audit.bus.next()
      event.token = token
      event.page = ledger.firstPage(token)
      event.pages = audit.tokens.pagesOf(token)
      audit.bus.tell(END)
    })
  }

  /** Of a call that failed, of an owner that is gone, or of what a later row let go in part, nobody keeps the rest on purpose. */
  private isForsaken(token: number): boolean {
    const { errno, ownerFreedRow, shortRow } = this.audit.tokens
    const isShort = shortRow[token] !== 0 && shortRow[token] !== this.audit.tokens.rowOf(token)
    return errno[token] !== 0 || ownerFreedRow[token] !== 0 || isShort
  }

  /** The phase that begins: `close`, when the trace is over. */
  phase(phase: Phase): void {
    this.audit.references.phase = phase
  }

  private purpose(phase: Phase, isDest: boolean, isUser: boolean, isLongTerm: boolean, mm: number): void {
    const { purpose } = this.audit.tokens
    this.audit.references.phase = phase
    purpose.isDest = isDest
    purpose.isUser = isUser
    purpose.isLongTerm = isLongTerm
    purpose.mm = mm
  }

  /** A page that others reach by its file, or after some event was about a folio or an address space was copied, any. */
  private isOfInterest(page: number): boolean {
    const { folios, forks } = this.audit
    return folios.known > 0 || forks > 0 || folios.isPageCache(page)
  }

  /** The device has stored through a token; `isTold`: its pieces were told, else it stored to all of its pages. */
  private storeThrough(token: number, isTold: boolean): void {
    const { stored } = this
    const { folios, tokens } = this.audit
    if (isTold && stored.size === 0) return
    let dirtied = -1
    this.ledger.eachRun(token, (first, count) => {
      // The pages of a run are of one kind.
      if (!this.isOfInterest(first)) return
      for (let page = first; page < first + count; page++) {
        if (!isTold) this.storePiece(page, 0, PAGE_SIZE)
        if (!stored.has(page)) continue
        tokens.markWritten(token)
        if (!folios.isPageCache(page) || this.definition.dirtiesDest === false) continue
        tokens.dirtied[token] = 1
        const head = folios.headOf(page)
        if (this.definition.dirtiesDest !== true || tokens.isUser[token] !== 1 || head === dirtied) continue
        folios.dirty(head)
        dirtied = head
      }
    })
  }

  /**
   * The row's own iterator, and one that the consumer has made in place of it, which is a bvec where the row's discards: which
   * pages it names, and what keeps them.
   */
  private iterators(io: Operation): void {
    if (io.isBounced || isUserBacked(io.iter.type)) return
    // One made of pages that were pinned names these; references on them come besides.
    const pages = this.iterPages || pagesHeld(io, RETAIN_PIN) || pagesHeld(io, RETAIN_REF)
    if (pages > 0) tellIterator(io, ITER_TYPE_NAMES[io.iter.type === ITER_DISCARD ? ITER_BVEC : io.iter.type], pages)
  }
}

/**
 * Data arrives in the pages of the operation. Into a discard iterator none does: what its consumer takes meanwhile are pages
 * that leave (of a pipe, for a socket). @kernel lib/iov_iter.c: iov_iter_discard; fs/splice.c: splice_to_socket
 */
function isDestination({ iter }: Operation): boolean {
  return iter.direction === ITER_DEST && iter.type !== ITER_DISCARD
}

/** Pages that a kernel iterator names; one that has none, or a pipe's own, counts none. */
function pagesOf({ iter }: Operation): number {
  return iter.type === ITER_DISCARD || iter.type === ITER_PIPE ? 0 : iter.npages(PAGES_COUNTED_MAX)
}

const PAGES_COUNTED_MAX = 0x7fffffff

/** Nobody's address space. */
const NO_TASK = -1
