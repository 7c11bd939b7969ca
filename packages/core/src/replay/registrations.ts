import { EFAULT } from '../errno.ts'
import type { KernelVersion } from '../extract/kernel-version.ts'
import { PAGE_LIST_MAX, type PageList } from '../extract/page-list.ts'
import { RETAIN_PIN } from '../extract/retention.ts'
import { HOLD_NONE, type Hold } from '../ledger/hold.ts'
import { REASON_LONG_TERM } from '../ledger/hold-table.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { AddressSpaces } from '../memory/address-spaces.ts'
import { MAPPING_PRIVATE } from '../memory/mapping.ts'
import { type PageStore, PAGE_KINDS } from '../memory/page-store.ts'
import type { OpBatch } from '../trace/op-batch.ts'
import { PAGE_SIZE } from '../units.ts'

const KIND_FILE = PAGE_KINDS.indexOf('file')

/**
 * Pins a registered buffer for as long as it is registered: writable and FOLL_LONGTERM, whatever the policy.
 * Returns the hold, or -EFAULT with nothing held.
 *
 * 6.1 keeps a pin on every page. From 6.12 on, a buffer that lies in large folios of one order, each used without a gap,
 * keeps one pin for each folio: the others are dropped at once.
 *
 * @kernel io_uring/rsrc.c: io_sqe_buffer_register, io_check_coalesce_buffer, io_do_coalesce_buffer
 */
export function registerBuffer(
  batch: OpBatch,
  row: number,
  spaces: AddressSpaces,
  pages: PageStore,
  ledger: Ledger,
  list: PageList,
  kernel: KernelVersion,
): Hold | number {
  const { addressBytes, lengthBytes } = batch.segments
  const first = batch.segmentFirst[row]
  let hold: Hold = HOLD_NONE
  for (let s = first; s < first + batch.segmentCount[row]; s++) {
    const taken = registerRange(addressBytes[s], lengthBytes[s], batch.mm[row], spaces, pages, ledger, list, kernel)
    if (taken < 0) {
      ledger.letGo(hold)
      return taken
    }
    hold = ledger.join(hold, taken as Hold)
  }
  ledger.mark(hold, REASON_LONG_TERM)
  return hold
}

function registerRange(
  address: number,
  length: number,
  mm: number,
  spaces: AddressSpaces,
  pages: PageStore,
  ledger: Ledger,
  list: PageList,
  kernel: KernelVersion,
): Hold | number {
  const firstPage = Math.floor(address / PAGE_SIZE)
  const endPage = Math.ceil((address + length) / PAGE_SIZE)
  if (refusesLongTerm(spaces, mm, firstPage, endPage)) return EFAULT
  const coalesces = kernel !== '6.1' && liesInLargeFolios(spaces, pages, list, mm, firstPage, endPage)
  let hold: Hold = HOLD_NONE
  let lastFolio = -1
  for (let page = firstPage; page < endPage; page += PAGE_LIST_MAX) {
    const count = Math.min(endPage - page, PAGE_LIST_MAX)
    const taken = spaces.walk(mm, page, count, true, list.page) < count ? EFAULT : acquireLongTerm(ledger, list, count)
    if (taken < 0) {
      ledger.letGo(hold)
      return taken
    }
    hold = ledger.join(hold, coalesces ? dropRepeats(taken as Hold, list, pages, ledger, lastFolio) : (taken as Hold))
    lastFolio = pages.head[list.page[count - 1]]
  }
  return hold
}

function acquireLongTerm(ledger: Ledger, list: PageList, count: number): Hold | number {
  list.length = count
  list.pages = count
  list.retention = RETAIN_PIN
  return ledger.acquire(list)
}

/** FOLL_LONGTERM and FOLL_WRITE of a shared file mapping that tracks dirtying. @kernel mm/gup.c: writable_file_mapping_allowed */
function refusesLongTerm(spaces: AddressSpaces, mm: number, firstPage: number, endPage: number): boolean {
  for (let page = firstPage; page < endPage; ) {
    const mapping = spaces.find(mm, page)
    if (mapping.kind === KIND_FILE && (mapping.flags & MAPPING_PRIVATE) === 0) return true
    page = mapping.endPage
  }
  return false
}

/** Every page lies in a large folio, all of one order. */
function liesInLargeFolios(
  spaces: AddressSpaces,
  pages: PageStore,
  list: PageList,
  mm: number,
  firstPage: number,
  endPage: number,
): boolean {
  let order = -1
  for (let page = firstPage; page < endPage; page += PAGE_LIST_MAX) {
    const count = Math.min(endPage - page, PAGE_LIST_MAX)
    const found = spaces.walk(mm, page, count, true, list.page)
    if (found < count) return false
    if (order < 0) order = pages.order[list.page[0]]
    for (let i = 0; i < found; i++) if (pages.order[list.page[i]] !== order) return false
  }
  return order > 0
}

/** Keeps the first pin of each folio and drops the others. */
function dropRepeats(hold: Hold, list: PageList, pages: PageStore, ledger: Ledger, lastFolio: number): Hold {
  let kept: Hold = HOLD_NONE
  let rest = hold
  let folio = lastFolio
  let i = 0
  while (i < list.length) {
    const head = pages.head[list.page[i]]
    let run = 1
    while (i + run < list.length && pages.head[list.page[i + run]] === head) run++
    const after = list.length - i - run
    const tail = after > 0 ? ledger.split(rest, after) : HOLD_NONE
    const drop = head === folio ? run : run - 1
    for (let d = 0; d < drop; d++) ledger.releaseFirst(rest)
    if (drop < run) kept = ledger.join(kept, rest)
    else ledger.letGo(rest)
    folio = head
    rest = tail
    i += run
  }
  return kept
}

/** First byte and length of each registered segment, two numbers a segment. */
export function rangesOf(batch: OpBatch, row: number): Float64Array {
  const count = batch.segmentCount[row]
  const ranges = new Float64Array(count * 2)
  for (let i = 0; i < count; i++) {
    ranges[2 * i] = batch.segments.addressBytes[batch.segmentFirst[row] + i]
    ranges[2 * i + 1] = batch.segments.lengthBytes[batch.segmentFirst[row] + i]
  }
  return ranges
}

/** True when every segment of the row lies in one of the ranges. @kernel io_uring/rsrc.c: io_import_fixed (-EFAULT otherwise) */
export function isInside(ranges: Float64Array, batch: OpBatch, row: number): boolean {
  const { addressBytes, lengthBytes } = batch.segments
  const first = batch.segmentFirst[row]
  for (let s = first; s < first + batch.segmentCount[row]; s++) {
    let inside = false
    for (let r = 0; r < ranges.length && !inside; r += 2) {
      inside = addressBytes[s] >= ranges[r] && addressBytes[s] + lengthBytes[s] <= ranges[r] + ranges[r + 1]
    }
    if (!inside) return false
  }
  return true
}
