import { EFAULT, EINVAL, EOPNOTSUPP } from '../errno.ts'
import { PAGE_LIST_MAX, type PageList } from '../extract/page-list.ts'
import { RETAIN_PIN } from '../extract/retention.ts'
import type { KernelVersion } from '../kernel/version.ts'
import { HOLD_NONE, type Hold, isHold } from '../ledger/hold.ts'
import { REASON_LONG_TERM } from '../ledger/hold-table.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { type AddressSpaces, USER_PAGES_END } from '../memory/address-spaces.ts'
import { FOLL_LONGTERM, FOLL_PIN, FOLL_WRITE } from '../memory/foll.ts'
import { isAnonymous } from '../memory/mapping.ts'
import { PAGE_KINDS, type PageStore } from '../memory/page-store.ts'
import type { OpBatch } from '../trace/op-batch.ts'
import { PAGE_SIZE, pageNumberOf } from '../units.ts'
import { ID_REGISTRATION, type IdTable } from './id-table.ts'

/** Backings with a file behind them that 6.1 refuses: not shared memory, not huge pages. */
const KINDS_FILE = [PAGE_KINDS.indexOf('file'), PAGE_KINDS.indexOf('fsdax'), PAGE_KINDS.indexOf('p2pdma')]
const PIN_WRITE = FOLL_PIN | FOLL_WRITE | FOLL_LONGTERM

/**
 * Buffers registered with io_uring: pinned for as long as they are registered, writable and FOLL_LONGTERM, whatever the
 * policy.
 *
 * 6.1 keeps a pin on every page, and refuses memory of a file once it is pinned. From 6.12 on, a buffer that lies in large
 * folios of one order keeps one pin for each folio: the others are dropped at once; a shared file is refused by
 * get_user_pages itself.
 *
 * @kernel io_uring/rsrc.c: io_sqe_buffer_register, io_check_coalesce_buffer, io_buffer_unmap, io_import_fixed
 */
export class RegisteredBuffers {
  private readonly spaces: AddressSpaces
  private readonly pages: PageStore
  private readonly ledger: Ledger
  private readonly ids: IdTable
  private readonly list: PageList
  private readonly kernel: KernelVersion
  /** By name id of the registration: first byte and length of each segment, two numbers a segment. */
  private readonly ranges = new Map<number, Float64Array>()

  constructor(
    spaces: AddressSpaces,
    pages: PageStore,
    ledger: Ledger,
    ids: IdTable,
    list: PageList,
    kernel: KernelVersion,
  ) {
    this.spaces = spaces
    this.pages = pages
    this.ledger = ledger
    this.ids = ids
    this.list = list
    this.kernel = kernel
  }

  /** Pins every segment of the row; where one cannot be pinned as a whole, the pages so far are let go. */
  register(batch: OpBatch, row: number): void {
    const { addressBytes, lengthBytes } = batch.segments
    const first = batch.segmentFirst[row]
    let hold: Hold = HOLD_NONE
    for (let s = first; s < first + batch.segmentCount[row]; s++) {
      const taken = this.pinRange(addressBytes[s], lengthBytes[s], batch.mm[row])
      if (!isHold(taken)) {
        this.ledger.letGo(hold)
        return
      }
      hold = this.ledger.join(hold, taken)
    }
    this.ledger.mark(hold, REASON_LONG_TERM)
    const id = batch.id[row]
    this.ids.set(id, ID_REGISTRATION, batch.firstRow + row, RETAIN_PIN, this.ledger.pagesHeld(hold))
    this.ids.hold[id] = hold
    this.ranges.set(id, rangesOf(batch, row))
  }

  /** Drops the registration's pins; a violation when there is none. */
  unregister(batch: OpBatch, row: number): void {
    const { ledger, ids } = this
    const id = batch.id[row]
    if (ids.kindOf(id) !== ID_REGISTRATION) {
      ledger.violate('unknown-release', 0, RETAIN_PIN, RETAIN_PIN, 0, 'no buffer was registered under that id')
      return
    }
    const hold = ids.holdOf(id)
    if (ledger.isOpen(hold)) ledger.release(hold, RETAIN_PIN)
    else ledger.violate('double-release', ids.row[id], RETAIN_PIN, RETAIN_PIN, ids.pages[id], 'unregistered before')
    this.ranges.delete(id)
  }

  /** True when every segment of the row lies in the registration that its id names. @kernel io_import_fixed (-EFAULT otherwise) */
  cover(batch: OpBatch, row: number): boolean {
    const ranges = this.ranges.get(batch.id[row])
    return ranges !== undefined && isInside(ranges, batch, row)
  }

  /** @kernel io_uring/memmap.c: io_pin_pages (6.1: io_uring/rsrc.c) */
  private pinRange(address: number, length: number, mm: number): Hold | number {
    const { spaces, ledger, list } = this
    const firstPage = pageNumberOf(address)
    const endPage = Math.ceil((address + length) / PAGE_SIZE)
    if (endPage > USER_PAGES_END) return EFAULT
    const holds: Hold[] = []
    let error = 0
    for (let page = firstPage; page < endPage && error === 0; page += PAGE_LIST_MAX) {
      const count = Math.min(endPage - page, PAGE_LIST_MAX)
      const found = spaces.walkPages(mm, page, count, PIN_WRITE, list.page)
      const taken = found > 0 ? acquire(ledger, list, found) : found
      if (!isHold(taken)) error = taken
      else holds.push(taken)
      if (error === 0 && found < count) error = EFAULT
    }
    if (error === 0 && this.kernel === '6.1') error = refusedFile(spaces, mm, firstPage, endPage)
    if (error !== 0) {
      for (const hold of holds) ledger.letGo(hold)
      return error
    }
    // Every page is pinned before the first pin is dropped again.
    return this.coalesces(mm, firstPage, endPage) ? this.coalesce(holds, firstPage, endPage, mm) : this.joinAll(holds)
  }

  private coalesces(mm: number, firstPage: number, endPage: number): boolean {
    return this.kernel !== '6.1' && liesInLargeFolios(this.spaces, this.pages, this.list, mm, firstPage, endPage)
  }

  private joinAll(holds: readonly Hold[]): Hold {
    return holds.reduce((all: Hold, hold) => this.ledger.join(all, hold), HOLD_NONE)
  }

  /** One pin for each folio. @kernel io_uring/rsrc.c: io_do_coalesce_buffer */
  private coalesce(holds: readonly Hold[], firstPage: number, endPage: number, mm: number): Hold {
    const { spaces, pages, ledger, list } = this
    let lastFolio = -1
    const kept = holds.map((hold, chunk) => {
      const page = firstPage + chunk * PAGE_LIST_MAX
      list.length = spaces.walkPages(mm, page, Math.min(endPage - page, PAGE_LIST_MAX), PIN_WRITE, list.page)
      const rest = dropRepeats(hold, list, pages, ledger, lastFolio)
      lastFolio = pages.head[list.page[list.length - 1]]
      return rest
    })
    return this.joinAll(kept)
  }
}

function acquire(ledger: Ledger, list: PageList, count: number): Hold | number {
  list.length = count
  list.pages = count
  list.isRun = false
  list.retention = RETAIN_PIN
  return ledger.acquire(list)
}

/**
 * 6.1 pins first and then looks at what is mapped: -EOPNOTSUPP for a file, private or not, and -EINVAL where memory of a
 * file and memory without one lie in one buffer. 0 where nothing is wrong.
 */
function refusedFile(spaces: AddressSpaces, mm: number, firstPage: number, endPage: number): number {
  const hasNoFile = isAnonymous(spaces.find(mm, firstPage).kind)
  for (let page = firstPage; page < endPage; ) {
    const { kind, endPage: next } = spaces.find(mm, page)
    if (isAnonymous(kind) !== hasNoFile) return EINVAL
    if (KINDS_FILE.includes(kind)) return EOPNOTSUPP
    page = next
  }
  return 0
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
    const found = spaces.walkPages(mm, page, count, PIN_WRITE, list.page)
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

function rangesOf(batch: OpBatch, row: number): Float64Array {
  const count = batch.segmentCount[row]
  const ranges = new Float64Array(count * 2)
  for (let i = 0; i < count; i++) {
    ranges[2 * i] = batch.segments.addressBytes[batch.segmentFirst[row] + i]
    ranges[2 * i + 1] = batch.segments.lengthBytes[batch.segmentFirst[row] + i]
  }
  return ranges
}

function isInside(ranges: Float64Array, batch: OpBatch, row: number): boolean {
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
