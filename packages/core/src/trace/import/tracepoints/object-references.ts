import { EVENT_NAMES } from '../../op-batch.ts'
import type { ImportRow } from '../import-row.ts'
import type { ImportRows } from '../import-rows.ts'
import type { HeldRows } from './held-rows.ts'
import { addressSpaceOf, type TracepointHead } from './tracepoint.ts'

const EVENT_ALLOC = EVENT_NAMES.indexOf('alloc')
const EVENT_SHARE = EVENT_NAMES.indexOf('share')
const EVENT_DROP = EVENT_NAMES.indexOf('drop')

/** Objects that are alive at once. */
const OBJECTS_MAX = 1 << 16
/** References of one object when it is first seen. */
const REFERENCES_MAX = 4096

/** Events about references on objects: what the object is. @kernel include/trace/events/netfs.h */
const KINDS = new Map([
  ['netfs_rreq_ref', 'netfs_io_request'],
  ['netfs_sreq_ref', 'netfs_io_subrequest'],
])

/** `R=0000002a[1] PUT TERM    r=1`. The words behind the verb differ from kernel to kernel. */
const REFERENCE = /^(R=[\da-f]{1,16}(?:\[[\da-f]{1,16}\])?) (NEW|GET|PUT|SEE)\b([^=]{0,64}) r=(\d{1,10})\s*$/

const LOOKS = 'events that look at the references of an object'
const EARLIER =
  'an object that is first seen without its NEW event has had the references that its count tells from then on (sub-requests of netfs have no NEW event but for retries)'
const RESYNCED =
  'the count of an object does not follow from its events: some are missing. References that nobody was seen to take or drop are not leaks for sure'
const EXPECTED = 'Expected R=0000002a[1] GET SUBMIT  r=2, as the kernel prints it.'

/**
 * Makes rows of events about references on requests of netfs: `alloc` when one is made, `share` and `drop` for what is taken and
 * dropped. Each event tells the count that it leaves, so that references from before the first event are known too.
 *
 * A request is made with one reference until 6.12 and with two in 7.3, a sub-request with two; the count of its NEW event says so.
 * 6.12 has `NEW` for a put in one place, 7.3 frees a request that failed at once (`PUT FAILED`, its count as it was).
 * @kernel fs/netfs/objects.c: netfs_alloc_request, netfs_put_request, netfs_put_failed_request; fs/netfs/read_retry.c (6.12)
 */
export class ObjectReferences {
  private readonly rows: ImportRows
  private readonly held: HeldRows
  /** References of the objects that are alive, oldest first. */
  private readonly counts = new Map<string, number>()

  constructor(rows: ImportRows, held: HeldRows) {
    this.rows = rows
    this.held = held
  }

  /** The event is about references on an object. */
  concerns(event: string): boolean {
    return KINDS.has(event)
  }

  /** One event that {@link concerns} objects. */
  event(head: TracepointHead, text: string, tsNs: number): void {
    const kind = KINDS.get(head.event) ?? ''
    const match = REFERENCE.exec(text)
    if (match === null) {
      throw this.rows.fail(head.textAt + 1, `what ${head.event} tells is not a reference`, EXPECTED)
    }
    const [, id, verb, why, count] = match
    this.apply(head, { id: id!, kind, verb: verb!, what: `${verb}${why}`.trim(), count: Number(count), tsNs })
  }

  private apply(head: TracepointHead, event: ObjectEvent): void {
    const { id, verb, count } = event
    const before = this.counts.get(id)
    if (before !== undefined && verb === 'NEW' && count !== before - 1) this.makeAgain(head, event, before)
    else if (before === undefined && verb === 'NEW') this.make(head, event, count)
    else if (before === undefined) {
      this.rows.assume(EARLIER)
      this.held.release(head)
      this.make(null, event, verb === 'GET' ? count - 1 : verb === 'PUT' ? count + 1 : count)
      this.change(head, event)
    } else this.change(head, event)
  }

  /** The object has that many references from now on. */
  private make(head: TracepointHead | null, event: ObjectEvent, references: number): void {
    if (references < 1 || references > REFERENCES_MAX) return
    // All of them are of one place in the code, whoever drops which.
    const made = { ...event, what: event.kind }
    this.put(EVENT_ALLOC, made, head)
    for (let i = 1; i < references; i++) this.put(EVENT_SHARE, made, head)
    this.counts.set(event.id, references)
    if (this.counts.size > OBJECTS_MAX) this.counts.delete(this.counts.keys().next().value!)
  }

  /** Its last events are missing, and the number names another object now. */
  private makeAgain(head: TracepointHead, event: ObjectEvent, references: number): void {
    this.rows.doubt(RESYNCED)
    for (let dropped = 0; dropped < references; dropped++) this.put(EVENT_DROP, event, null)
    this.make(head, event, event.count)
  }

  private change(head: TracepointHead, event: ObjectEvent): void {
    const { id, verb, what, count } = event
    const before = this.counts.get(id)
    if (before === undefined || verb === 'SEE') {
      this.rows.skip(LOOKS)
      return
    }
    if (verb === 'GET') {
      this.put(EVENT_SHARE, event, head)
      this.counts.set(id, before + 1)
      return
    }
    const isFreedAtOnce = what === 'PUT FAILED' && count === before
    const after = isFreedAtOnce || count === 0 ? 0 : before - 1
    if (!isFreedAtOnce && (count === 0) !== (before === 1)) this.rows.doubt(RESYNCED)
    for (let dropped = before; dropped > after; dropped--) this.put(EVENT_DROP, event, head)
    if (after === 0) this.counts.delete(id)
    else this.counts.set(id, after)
  }

  private put(code: number, { id, what, tsNs }: ObjectEvent, head: TracepointHead | null): void {
    const { rows } = this
    const row: ImportRow = rows.draft()
    row.tsNs = tsNs
    row.event = code
    row.id = rows.idName(id)
    row.call = rows.callName(what)
    if (head === null) rows.put(row)
    else {
      row.mm = addressSpaceOf(head)
      this.held.hold(head, row)
    }
  }
}

interface ObjectEvent {
  readonly id: string
  readonly kind: string
  readonly verb: string
  /** The verb with the words behind it. */
  readonly what: string
  /** References after it. */
  readonly count: number
  readonly tsNs: number
}
