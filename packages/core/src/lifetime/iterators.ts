import { MAX_RW_COUNT } from '../units.ts'
import type { EventBus } from './event-bus.ts'
import { eventCode } from './lifetime-event.ts'

const INIT = eventCode('init')
const EXTRACT = eventCode('extract')
const ADVANCE = eventCode('advance')
const REVERT = eventCode('revert')
const CONSUME = eventCode('consume')
const USE = eventCode('use')
const COPY = eventCode('copy')
const RETURN = eventCode('return')

/** Every iterator type, as a mask. */
const ALL_TYPES = -1

/** Its type was not told. */
const TYPE_UNKNOWN = -1

/** What the rules know of an iterator: where it is, and where it should be. Bytes. */
export interface AuditedIterator {
  readonly id: number
  readonly row: number
  /** `ITER_*`, -1 where nobody told. */
  readonly type: number
  /** The data goes out of the memory: ITER_SOURCE. */
  readonly isSource: boolean
  /** Only the task of `mm` reaches its memory. @kernel include/linux/uio.h: user_backed_iter */
  readonly isUser: boolean
  readonly mm: number
  /** Bytes it was given, and bytes that its segments have. */
  readonly countBytes: number
  readonly segmentBytes: number
  /** How far it is. */
  positionBytes: number
  /** Bytes that the consumer has used of what it listed. */
  consumedBytes: number
  /** Somebody told how many bytes were used. */
  isConsumed: boolean
  /** Bytes that it was advanced over before anything of it was listed, copied or used: a header. */
  skippedBytes: number
  isStarted: boolean
  /** Some of it was extracted. */
  isListed: boolean
  /** The call that was given it has returned. */
  isOver: boolean
}

const NOTHING_YET = { isConsumed: false, isStarted: false, isListed: false, isOver: false }

/** The iterators that consumers and traces tell of. From 1. */
export class Iterators {
  private readonly all: AuditedIterator[] = []
  private readonly bus: EventBus

  constructor(bus: EventBus) {
    this.bus = bus
  }

  /** @throws RangeError where a consumer names one that there is not. */
  of(id: number): AuditedIterator {
    const iterator = this.all[id - 1]
    if (iterator === undefined) throw new RangeError(`audit.iterators: there is no iterator ${id}`)
    return iterator
  }

  /** `type`: `ITER_*`, where it matters which code can walk it. @kernel lib/iov_iter.c: iov_iter_init, iov_iter_kvec, iov_iter_bvec */
  init(
    isSource: boolean,
    isUser: boolean,
    mm: number,
    countBytes: number,
    segmentBytes = countBytes,
    type = TYPE_UNKNOWN,
  ): number {
    const id = this.all.length + 1
    const { row } = this.bus
    const progress = { positionBytes: 0, consumedBytes: 0, skippedBytes: 0, ...NOTHING_YET }
    this.all.push({ id, row, type, isSource, isUser, mm, countBytes, segmentBytes, ...progress })
    this.tell(INIT, id, countBytes, segmentBytes)
    return id
  }

  /** `bytes` were listed; the iterator moves on, as iov_iter_extract_pages and iov_iter_get_pages2 do. */
  extract(id: number, bytes: number): void {
    this.tell(EXTRACT, id, 0, bytes)
    const iterator = this.of(id)
    iterator.isStarted = true
    iterator.isListed = true
    iterator.positionBytes += bytes
  }

  /** It stops where it ends; of one whose length nobody told that is not known. @kernel lib/iov_iter.c: iov_iter_advance */
  advance(id: number, bytes: number): void {
    this.tell(ADVANCE, id, bytes)
    const iterator = this.of(id)
    const { countBytes, positionBytes } = iterator
    const moved = countBytes === 0 ? bytes : Math.min(bytes, Math.max(countBytes - positionBytes, 0))
    iterator.positionBytes += moved
    if (!iterator.isStarted) iterator.skippedBytes += moved
  }

  /** By more than MAX_RW_COUNT it stays where it is. @kernel lib/iov_iter.c: iov_iter_revert (WARN_ON) */
  revert(id: number, bytes: number): void {
    this.tell(REVERT, id, bytes)
    if (bytes <= MAX_RW_COUNT) this.of(id).positionBytes -= bytes
  }

  /** The consumer has put `bytes` bytes of it into its list, sent or copied them. */
  consume(id: number, bytes: number): void {
    this.tell(CONSUME, id, bytes)
    const iterator = this.of(id)
    iterator.isStarted = true
    iterator.isConsumed = true
    iterator.consumedBytes += bytes
  }

  /** The task and context at work walk it; `types`: mask of the `ITER_*` that the code which does has a case for. */
  use(id: number, types = ALL_TYPES): void {
    this.tell(USE, id, types)
  }

  /** Data is copied into its memory, or out of it: by the CPU or a device. @kernel lib/iov_iter.c: _copy_to_iter, _copy_from_iter */
  copy(id: number, isInto: boolean): void {
    this.tell(COPY, id, isInto ? 1 : 0)
    this.of(id).isStarted = true
  }

  /** The call that was given it returns bytes or -errno; `isTold`: how many is known. */
  return(id: number, result: number, isTold = true): void {
    this.of(id)
    const event = this.bus.next()
    event.object = id
    event.result = result
    event.amount = isTold ? 1 : 0
    this.bus.tell(RETURN)
    this.of(id).isOver = true
  }

  private tell(code: number, id: number, amount = 0, bytes = 0): void {
    this.of(id)
    const event = this.bus.next()
    event.object = id
    event.amount = amount
    event.bytes = bytes
    this.bus.tell(code)
  }
}
