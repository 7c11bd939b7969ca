import { ITER_BVEC, ITER_DEST } from '../../../iter/iter-type.ts'
import { FLAG_DIRTY, FLAG_LONGTERM } from '../../../iter/row-flags.ts'
import { PAGE_SIZE } from '../../../units.ts'
import { PFN_MAX } from '../../limits.ts'
import { EVENT_GET, EVENT_PIN, EVENT_UNPIN } from '../../op-batch.ts'
import type { ImportRow } from '../import-row.ts'
import type { ImportRows } from '../import-rows.ts'
import { integerOf } from '../text/text.ts'
import type { HeldRows } from './held-rows.ts'
import { addressSpaceOf, fieldsOf, resultOf, type TracepointHead } from './tracepoint.ts'

/** Bytes of a struct page. @kernel include/linux/mm_types.h: struct page */
const PAGE_STRUCT_BYTES = 64n
/** Pages that one probe may name. */
const PAGES_MAX = 65_536
/** Pins of one folio that one probe may let go. */
const FOLIO_PAGES_MAX = 512

/** @kernel include/linux/mm_types.h: FOLL_WRITE, FOLL_LONGTERM; 6.1 has FOLL_LONGTERM in include/linux/mm.h, as 0x10000 */
const FOLL_WRITE = 0x1
const FOLL_LONGTERM = 0x100
const FOLL_LONGTERM_6_1 = 0x10000

/** Functions that take a reference on each page of a range of the caller's own memory. @kernel mm/gup.c */
const TAKES = new Map([
  ['pin_user_pages_fast', EVENT_PIN],
  ['pin_user_pages', EVENT_PIN],
  ['pin_user_pages_unlocked', EVENT_PIN],
  ['get_user_pages_fast', EVENT_GET],
  ['get_user_pages', EVENT_GET],
  ['get_user_pages_unlocked', EVENT_GET],
])

/** Functions that let go of pages that they name by a pointer, and the arguments that may hold it. @kernel mm/gup.c */
const LETS_GO = new Map([
  ['unpin_user_page', 'page'],
  ['unpin_user_folio', 'folio'],
  ['unpin_user_page_range_dirty_lock', 'page'],
])

/** Functions about references that make no row, and why. */
const PASSED_OVER = new Map([
  ['get_user_pages_remote', "probes of another process's memory: they do not tell whose"],
  ['pin_user_pages_remote', "probes of another process's memory: they do not tell whose"],
  ['internal_get_user_pages_fast', 'inner probes of references that are there already'],
  ['gup_fast_fallback', 'inner probes of references that are there already'],
  ['__gup_longterm_locked', 'inner probes of references that are there already'],
  ['unpin_user_pages', 'probes of a release that do not name its pages'],
  ['unpin_user_pages_dirty_lock', 'probes of a release that do not name its pages'],
])

const RETURNS = 'returns of probes: the row is made where they are entered'
const NO_ENTRY = 'returns of references whose call was not recorded'
const FAILED = 'references that were not taken: the call failed'
const UNNAMED = 'probes of references without the arguments that a row needs, or of too many pages'
const ELSEWHERE =
  'releases of pages whose struct page lies outside of vmemmap: say where it begins (--input-option vmemmap=0x…)'
const OTHER_LIST = 'lists of pages of calls that took no reference'
const CUT_LIST = 'lists of pages that are cut short'

/** `(pin_user_pages_fast+0x4/0x60) start=…`. @kernel kernel/trace/trace_kprobe.c: print_kprobe_event */
const ENTRY = /^\((\w{1,128})(?:\.[\w.]{1,64})?\+0x[\da-f]{1,8}(?:\/0x[\da-f]{1,8})?(?: \[[\w-]{1,64}\])?\)/
/** `(ib_umem_get+0x1fc/0x3f0 [ib_uverbs] <- pin_user_pages_fast) ret=0x11`. @kernel kernel/trace/trace_kprobe.c: print_kretprobe_event */
const RETURN = /^\((\S{1,200})(?: \[[\w-]{1,64}\])? <- (\w{1,128})(?:[+.][^)]{0,80})?\)/
/** What a recorder adds: `iov_iter_extract_pages pages n=1 start=2224 [pfn/refcount] d81c/1025 `. */
const PAGE_LIST = /^(\w{1,128}) pages n=(\d{1,6}) start=\d{1,10} \[pfn\/refcount\] ([\da-f/ ]*)$/

/** A call that has been entered. */
interface Entered {
  readonly name: string
  readonly startBytes: number
  readonly flags: number
}

/**
 * Makes reference rows of probes on the functions of GUP, by the name of the function, whatever the probe is called. A take is known
 * by its return: as many pages of the range as it says. Where the recorder lists the frames behind it, the row names those.
 * A release names its pages by a pointer to their struct page, which is a place in vmemmap.
 * @kernel mm/gup.c; include/asm-generic/memory_model.h: __page_to_pfn, CONFIG_SPARSEMEM_VMEMMAP
 */
export class GupProbes {
  private readonly rows: ImportRows
  private readonly held: HeldRows
  private readonly vmemmap: bigint
  private readonly entered = new Map<number, Entered>()
  /** Who called the function that took the references. */
  private readonly callers = new WeakMap<ImportRow, string>()

  constructor(rows: ImportRows, held: HeldRows, vmemmap: bigint) {
    this.rows = rows
    this.held = held
    this.vmemmap = vmemmap
  }

  /** The text of an event is that of a probe on a function about references. */
  concerns(text: string): boolean {
    const name = RETURN.exec(text)?.[2] ?? ENTRY.exec(text)?.[1] ?? ''
    return TAKES.has(name) || LETS_GO.has(name) || PASSED_OVER.has(name) || PAGE_LIST.test(text)
  }

  /** One event whose text {@link concerns} references. */
  event(head: TracepointHead, text: string, tsNs: number): void {
    const list = PAGE_LIST.exec(text)
    const returned = RETURN.exec(text)
    const name = ENTRY.exec(text)?.[1] ?? ''
    if (list !== null) this.pageList(head, list)
    else if (returned !== null) this.returned(head, returned[1]!, returned[2]!, fieldsOf(text), tsNs)
    else if (TAKES.has(name)) this.enter(head, name, fieldsOf(text))
    else if (LETS_GO.has(name)) this.letGo(head, name, fieldsOf(text), tsNs)
    else this.rows.skip(PASSED_OVER.get(name)!)
  }

  private enter(head: TracepointHead, name: string, fields: Fields): void {
    this.held.release(head)
    const startBytes = integerOf(fields.get('start') ?? '')
    this.entered.delete(head.tid)
    if (startBytes === null) this.rows.skip(UNNAMED)
    else {
      const flags = integerOf(fields.get('flags') ?? fields.get('gup_flags') ?? '') ?? 0
      this.entered.set(head.tid, { name, startBytes: startBytes - (startBytes % PAGE_SIZE), flags })
    }
    if (this.entered.size > PAGES_MAX) this.entered.delete(this.entered.keys().next().value!)
  }

  private returned(head: TracepointHead, caller: string, name: string, fields: Fields, tsNs: number): void {
    if (!TAKES.has(name)) {
      const row = LETS_GO.has(name) ? this.held.peek(head) : undefined
      if (row?.event === EVENT_UNPIN) row.stack = this.rows.stackName(`${withoutOffset(caller)};${name}`)
      this.rows.skip(RETURNS)
      return
    }
    const entered = this.entered.get(head.tid)
    this.entered.delete(head.tid)
    const pages = resultOf(fields.get('ret') ?? '') ?? 0
    if (entered?.name !== name) this.rows.skip(NO_ENTRY)
    else if (pages <= 0 || pages > PAGES_MAX) this.rows.skip(FAILED)
    else this.take(head, entered, pages, withoutOffset(caller), tsNs)
  }

  private take(
    head: TracepointHead,
    { name, startBytes, flags }: Entered,
    pages: number,
    caller: string,
    tsNs: number,
  ): void {
    const { rows } = this
    const row = rows.draft()
    row.tsNs = tsNs
    row.event = TAKES.get(name)!
    row.call = rows.callName(name)
    row.mm = addressSpaceOf(head)
    row.addSegment(startBytes, pages * PAGE_SIZE)
    if ((flags & FOLL_WRITE) !== 0) row.direction = ITER_DEST
    if ((flags & (FOLL_LONGTERM | FOLL_LONGTERM_6_1)) !== 0) row.flags |= FLAG_LONGTERM
    row.stack = rows.stackName(`${caller};${name}`)
    this.callers.set(row, caller)
    this.held.hold(head, row)
  }

  /** Frames of the pages that the function took through GUP just now. A list that was cut short tells too little. */
  private pageList(head: TracepointHead, list: RegExpExecArray): void {
    const { rows } = this
    const row = this.held.peek(head)
    const frames = framesOf(list[3]!)
    const isWhole = row !== undefined && frames.length === row.segmentLength[0]! / PAGE_SIZE
    if (row === undefined || row.iterType === ITER_BVEC || this.callers.get(row) !== list[1]) rows.skip(OTHER_LIST)
    else if (!isWhole || frames.length !== Number(list[2]) || frames.some((pfn) => pfn > PFN_MAX)) rows.skip(CUT_LIST)
    else {
      row.segmentCount = 0
      for (const pfn of frames) row.addPages(pfn, 0, PAGE_SIZE)
    }
  }

  private letGo(head: TracepointHead, name: string, fields: Fields, tsNs: number): void {
    const { rows } = this
    const pointer = fields.get(LETS_GO.get(name)!) ?? ''
    const pages = name === 'unpin_user_page' ? 1 : integerOf(fields.get('npages') ?? '')
    const pagesMax = name === 'unpin_user_folio' ? FOLIO_PAGES_MAX : PAGES_MAX
    if (!POINTER.test(pointer) || pages === null || pages < 1 || pages > pagesMax) {
      rows.skip(UNNAMED)
      return
    }
    const pfn = this.frameOf(pointer)
    if (pfn === null || pfn + pages - 1 > PFN_MAX) {
      rows.skip(ELSEWHERE)
      return
    }
    const row = rows.draft()
    row.tsNs = tsNs
    row.event = EVENT_UNPIN
    row.call = rows.callName(name)
    row.mm = addressSpaceOf(head)
    // A folio is let go of as often as pages of it were pinned, all through its first page.
    if (name === 'unpin_user_folio') for (let i = 0; i < pages; i++) row.addPages(pfn, 0, PAGE_SIZE)
    else row.addPages(pfn, 0, pages * PAGE_SIZE)
    if (integerOf(fields.get('dirty') ?? fields.get('make_dirty') ?? '') === 1) row.flags |= FLAG_DIRTY
    row.stack = rows.stackName(name)
    this.held.hold(head, row)
  }

  /** Frame number of a struct page; null where it is not one of vmemmap. */
  private frameOf(pointer: string): number | null {
    const bytes = BigInt(pointer) - this.vmemmap
    return bytes < 0n || bytes % PAGE_STRUCT_BYTES !== 0n ? null : Number(bytes / PAGE_STRUCT_BYTES)
  }
}

function withoutOffset(caller: string): string {
  return caller.replace(/\+.*/, '')
}

type Fields = ReadonlyMap<string, string>

const POINTER = /^0x[\da-f]{1,16}$/

/** `d81c/1025 d81d/1025 `: frame number and count of each page. */
function framesOf(list: string): number[] {
  return list
    .split(' ')
    .filter((pair) => pair !== '')
    .map((pair) => Number.parseInt(pair, 16))
}
