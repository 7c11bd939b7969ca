import { PAGE_SIZE } from '../../../units.ts'
import { PFN_MAX } from '../../limits.ts'
import { EVENT_GET, EVENT_PIN, EVENT_PUT, EVENT_UNPIN } from '../../op-batch.ts'
import type { ImportRow } from '../import-row.ts'
import type { ImportRows } from '../import-rows.ts'
import { integerOf } from '../text/text.ts'
import type { HeldRows } from './held-rows.ts'
import { addressSpaceOf, fieldsOf, type TracepointHead } from './tracepoint.ts'

/** What a pin adds to the count of a page that has no count of pins of its own. @kernel include/linux/mm.h: GUP_PIN_COUNTING_BIAS */
const PIN_BIAS = 1024
/** References that one event may take or drop: a page cache folio of 2 MiB has as many. More is a cache of page fragments that is filled in bulk. */
const REFERENCES_MAX = 512
/** Pages whose count is frozen. */
const FROZEN_MAX = 1 << 16

const UNCHANGED = 'page_ref events that change no count'
const FROZEN = 'page_ref events that freeze a count and give it back'
const BULK = `page_ref events of more than ${REFERENCES_MAX} references at once`
const FAR = 'page_ref events of pages above 8 TiB'
const LARGE =
  'pins of large folios have a counter of their own, which page_ref events do not show: they are taken as the references that they also are'

/** One page_ref event, read. */
interface PageEvent {
  readonly name: string
  readonly pfn: number
  readonly value: number
  /** NaN where the event has none. */
  readonly result: number
  /** The page heads a large folio: pins do not go through its count. */
  readonly isLarge: boolean
}

/**
 * Makes reference rows of page_ref events: what they add to the count of a page, and what that was for.
 *
 * A page of a small folio is pinned by adding 1,024: at once on the slow path of GUP, as 1 (`mod_unless`) and then 1,023
 * (`mod`) on the fast one; both are one pin. It is unpinned by taking off 1,024 for each pin. A large folio adds 1 like any
 * reference, and counts its pins elsewhere. 6.1 to 7.3 are alike in this; what differs is the field mapcount, which is not read.
 * A count that is frozen is 0 until it is given back; a page that is set anew in between was freed so.
 * @kernel include/linux/page_ref.h; mm/gup.c: try_grab_folio, try_grab_folio_fast, gup_put_folio; mm/vmscan.c: __remove_mapping
 */
export class PageReferences {
  private readonly rows: ImportRows
  private readonly held: HeldRows
  /** References that pages had when they were frozen, by frame. */
  private readonly frozen = new Map<number, number>()
  private lastNs = 0

  constructor(rows: ImportRows, held: HeldRows) {
    this.rows = rows
    this.held = held
  }

  /** A `page_ref_*` event. `text`: its fields, in `line` from `head.textAt`. */
  event(head: TracepointHead, text: string, tsNs: number): void {
    const event = this.read(head, text)
    this.lastNs = tsNs
    if (event.pfn > PFN_MAX) this.rows.skip(FAR)
    else if (event.name === 'page_ref_freeze') this.freeze(event)
    else if (event.name === 'page_ref_unfreeze') this.unfreeze(head, event, tsNs)
    else this.change(head, event, tsNs)
  }

  /** No more events will come: pages that are still frozen were freed. */
  end(): void {
    for (const [pfn, references] of this.frozen) this.freed(pfn, references)
    this.frozen.clear()
  }

  private change(head: TracepointHead, event: PageEvent, tsNs: number): void {
    const { name, pfn, value, result, isLarge } = event
    if (name === 'page_ref_set') {
      const before = this.frozen.get(pfn)
      if (before !== undefined) {
        this.held.release(head)
        this.freed(pfn, before)
      }
    }
    const isRefused = name === 'page_ref_mod_unless' && result === 0
    if (value === 0 || isRefused) this.rows.skip(UNCHANGED)
    else if (!isLarge && value % (PIN_BIAS - 1) === 0 && this.completePin(head, event)) return
    else if (value < 0) this.drop(head, event, tsNs)
    else if (!isLarge && value === PIN_BIAS && name === 'page_ref_mod') this.take(head, EVENT_PIN, event, 1, tsNs)
    else if (!isLarge && value === PIN_BIAS - 1 && name === 'page_ref_mod') this.take(head, EVENT_PIN, event, 1, tsNs)
    else this.take(head, EVENT_GET, event, value, tsNs)
    if (isLarge) this.rows.assume(LARGE)
  }

  /** The second half of a pin on the fast path: what its first half took is a pin. */
  private completePin(head: TracepointHead, { name, pfn, value }: PageEvent): boolean {
    const row = this.held.peek(head)
    if (name !== 'page_ref_mod' || row?.event !== EVENT_GET) return false
    if (row.segmentAddress[0] !== pfn || row.segmentCount * (PIN_BIAS - 1) !== value) return false
    row.event = EVENT_PIN
    return true
  }

  private drop(head: TracepointHead, event: PageEvent, tsNs: number): void {
    const references = -event.value
    const isPin = !event.isLarge && references % PIN_BIAS === 0
    this.take(head, isPin ? EVENT_UNPIN : EVENT_PUT, event, isPin ? references / PIN_BIAS : references, tsNs)
  }

  private freeze({ pfn, value, result }: PageEvent): void {
    this.rows.skip(result === 1 ? FROZEN : UNCHANGED)
    if (result !== 1) return
    this.frozen.set(pfn, value)
    if (this.frozen.size <= FROZEN_MAX) return
    const [oldest, references] = this.frozen.entries().next().value!
    this.freed(oldest, references)
  }

  private unfreeze(head: TracepointHead, event: PageEvent, tsNs: number): void {
    const before = this.frozen.get(event.pfn)
    this.frozen.delete(event.pfn)
    const more = event.value - (before ?? event.value)
    if (more > 0) this.take(head, EVENT_GET, event, more, tsNs)
    else if (more < 0) this.take(head, EVENT_PUT, event, -more, tsNs)
    else this.rows.skip(FROZEN)
  }

  private freed(pfn: number, references: number): void {
    this.frozen.delete(pfn)
    if (references < 1 || references > REFERENCES_MAX) return
    const row = this.rows.draft()
    row.tsNs = this.lastNs
    row.event = EVENT_PUT
    row.call = this.rows.callName('page_ref_freeze')
    addReferences(row, pfn, references)
    this.rows.put(row)
  }

  private take(head: TracepointHead, code: number, { name, pfn }: PageEvent, references: number, tsNs: number): void {
    if (references > REFERENCES_MAX) {
      this.rows.skip(BULK)
      return
    }
    const row = this.rows.draft()
    row.tsNs = tsNs
    row.event = code
    row.mm = addressSpaceOf(head)
    row.call = this.rows.callName(name)
    addReferences(row, pfn, references)
    this.held.hold(head, row)
  }

  private read(head: TracepointHead, text: string): PageEvent {
    const fields = fieldsOf(text)
    const flags = fields.get('flags') ?? ''
    return {
      name: head.event,
      pfn: this.number(head, fields, 'pfn'),
      value: this.number(head, fields, 'val'),
      result: fields.has('ret') ? this.number(head, fields, 'ret') : Number.NaN,
      isLarge: /(?:^|\|)head(?:\||$)/.test(flags),
    }
  }

  private number(head: TracepointHead, fields: ReadonlyMap<string, string>, name: string): number {
    const text = fields.get(name)
    const column = head.textAt + 1
    if (text === undefined) throw this.rows.fail(column, `${head.event} has no "${name}="`, PRINT_HINT)
    const value = text.startsWith('-') ? integerOf(text.slice(1)) : integerOf(text)
    if (value === null)
      throw this.rows.fail(column, `${name} of ${head.event} is "${text}", expected a whole number`, '')
    return text.startsWith('-') ? -value : value
  }
}

const PRINT_HINT = 'Expected the text that the kernel prints: pfn=0x… flags=… count=… mapcount=… mapping=… mt=… val=…'

/** As many segments of the page as references. */
function addReferences(row: ImportRow, pfn: number, references: number): void {
  for (let i = 0; i < references; i++) row.addPages(pfn, 0, PAGE_SIZE)
}
