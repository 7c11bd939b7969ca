import type { ConsumerDefinition } from '../consumer/consumer.ts'
import type { Operation } from '../consumer/operation.ts'
import { tellCopiedIn } from '../consumer/tell-copied-in.ts'
import { RETENTION_NAMES } from '../extract/retention.ts'
import { ITER_DEST, ITER_SOURCE, ITER_TYPE_NAMES, isUserBacked } from '../iter/iter-type.ts'
import { FLAG_ATOMIC, FLAG_LONGTERM, FLAG_WORKER } from '../iter/row-flags.ts'
import { REASON_IN_FLIGHT, REASON_LONG_TERM } from '../ledger/hold-table.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Audit } from '../lifetime/audit.ts'
import { GUARD_LOCK, GUARD_NONE } from '../lifetime/borrows.ts'
import { CONTEXT_ATOMIC, CONTEXT_PROCESS, CONTEXT_WORKER } from '../lifetime/event-bus.ts'
import { FOLIO_LOCKED, FOLIO_WRITEBACK } from '../lifetime/folio-flags.ts'
import { BY_DEVICE, eventCode } from '../lifetime/lifetime-event.ts'
import type { Phase } from '../lifetime/where-references-go.ts'
import { EVENT_NAMES, EVENT_REGISTER, EVENT_UNREGISTER, type OpBatch } from '../trace/op-batch.ts'
import { PAGE_SIZE } from '../units.ts'
import type { AuditRows } from './audit-rows.ts'

const FORK = eventCode('fork')
const END = eventCode('end')
const OVER = eventCode('over')

/** What a lane tells its audit: which row is at work, what operations take, when devices store, when calls return. */
export class LaneAudit {
  readonly audit: Audit
  private readonly rows: AuditRows
  private readonly ledger: Ledger
  private readonly definition: ConsumerDefinition
  /** The hold whose pages a device stores to. */
  private token = 0
  private hasPieces = false
  private readonly storePiece = (page: number, from: number, end: number): void => {
    if (this.isOfInterest(page)) this.audit.folios.store(page, from, end - from, BY_DEVICE)
  }

  private readonly storeRun = (page: number, pages: number): void => this.deviceStores(page, pages)

  constructor(audit: Audit, rows: AuditRows, ledger: Ledger, definition: ConsumerDefinition) {
    this.audit = audit
    this.rows = rows
    this.ledger = ledger
    this.definition = definition
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
    audit.bare.clear()
    audit.tokens.holder = this.definition.name
    const isUser = isUserBacked(io.iter.type) && !io.iter.fixed
    this.purpose('submit', io.iter.direction === ITER_DEST, isUser, false, io.iter.mm)
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

  /** The call has returned. */
  returned(io: Operation, result: number): void {
    if (result < 0) {
      this.audit.tokens.failed(result, io.number)
      return
    }
    if (io.hasEnd && io.borrowed === 0 && io.kept.first === 0 && !io.isBounced) this.borrowBare(io)
    if (!isUserBacked(io.iter.type)) this.named(io)
  }

  /** A consumer that does not say what its list names while it is in flight: what it listed bare is taken for it. */
  private borrowBare(io: Operation): void {
    const { bare, folios } = this.audit
    for (let i = 0; i < bare.length; i++) {
      const isGuarded = folios.has(bare.page[i], FOLIO_LOCKED | FOLIO_WRITEBACK)
      io.borrow(bare.page[i], bare.offsetBytes[i], bare.lengthBytes[i], isGuarded ? GUARD_LOCK : GUARD_NONE)
    }
  }

  /** Its I/O is over and its consumer about to complete it: a device has stored into a data destination. */
  completing(io: Operation, line: number): void {
    const { audit } = this
    audit.at(io.row, line, io.number, audit.bus.task)
    audit.tokens.holder = this.definition.name
    this.purpose('complete', io.iter.direction === ITER_DEST, isUserBacked(io.iter.type), false, io.iter.mm)
    if (io.iter.direction !== ITER_DEST || io.result <= 0) return
    const { holds } = this.ledger
    // Where a list names its bytes, those are stored; else whole pages.
    this.hasPieces = io.borrowed !== 0
    if (this.hasPieces) audit.lane.borrows.each(io.borrowed, this.storePiece)
    for (let slot = io.kept.first; slot !== 0; slot = holds.nextOfOperation[slot]) {
      this.token = slot
      this.ledger.eachRun(slot, this.storeRun)
    }
  }

  /** The last row is over: every reference that is still held is told, but those kept on purpose. */
  finish(): void {
    const { audit, ledger } = this
    const { holds } = ledger
    audit.references.phase = 'close'
    audit.bus.next()
    audit.bus.tell(OVER)
    audit.tokens.eachOpen((token) => {
      // Of a call that failed, or of an owner that is gone, nobody keeps them for long on purpose.
      const isForsaken = audit.tokens.errno[token] !== 0 || audit.tokens.ownerFreedRow[token] !== 0
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

  /** A page of a file, or after some event was about a folio or an address space was copied, any. */
  private isOfInterest(page: number): boolean {
    const { folios, forks } = this.audit
    return folios.known > 0 || forks > 0 || folios.isFile(page)
  }

  /** Pages that only an event, or a file system, could make interesting are told of. */
  private deviceStores(page: number, pages: number): void {
    const { folios, tokens } = this.audit
    if (!this.isOfInterest(page)) return
    const isOfCache = folios.isPageCache(page)
    if (!this.hasPieces) folios.store(page, 0, pages * PAGE_SIZE, BY_DEVICE)
    tokens.markWritten(this.token)
    if (!isOfCache || this.definition.dirtiesDest === false) return
    if (this.definition.dirtiesDest === true && tokens.isUser[this.token] === 1) {
      for (let at = page; at < page + pages; at = folios.headOf(at) + folios.sizeOf(at)) folios.dirty(at)
    }
    tokens.dirtied[this.token] = 1
  }

  /** Which pages its iterator names, and what keeps them. */
  private named(io: Operation): void {
    const { holds } = this.ledger
    const { borrows } = this.audit.lane
    const first = io.kept.first
    const guard = io.borrowed === 0 ? -1 : borrows.guard[io.borrowed]
    const keptBy =
      first !== 0 ? RETENTION_NAMES[holds.retention[first] as 0] : guard < 0 ? 'not told' : (KEPT_BY[guard] ?? '')
    this.audit.references.iterated(ITER_TYPE_NAMES[io.iter.type], keptBy, Math.ceil(io.lengthBytes / PAGE_SIZE))
  }
}

/** By `GUARD_*`. */
const KEPT_BY = ['owner', 'ref', 'lock']
