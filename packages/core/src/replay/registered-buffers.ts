import { EFAULT, EINVAL, EOPNOTSUPP } from '../errno.ts'
import { PAGE_LIST_MAX, type PageList } from '../extract/page-list.ts'
import { RETAIN_PIN } from '../extract/retention.ts'
import type { KernelVersion } from '../kernel/version.ts'
import { HOLD_NONE, type Hold, isHold } from '../ledger/hold.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { type AddressSpaces, USER_PAGES_END } from '../memory/address-spaces.ts'
import { FOLL_LONGTERM, FOLL_PIN, FOLL_WRITE } from '../memory/foll.ts'
import { isAnonymous, PAGE_KINDS, type PageStore } from '../memory/page-store.ts'
import type { OpBatch } from '../trace/op-batch.ts'
import { PAGE_SIZE, pageNumberOf } from '../units.ts'

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
  private readonly list: PageList
  private readonly kernel: KernelVersion

  constructor(spaces: AddressSpaces, pages: PageStore, ledger: Ledger, list: PageList, kernel: KernelVersion) {
    this.spaces = spaces
    this.pages = pages
    this.ledger = ledger
    this.list = list
    this.kernel = kernel
  }

  /** Pins every segment of the row: the hold, or an errno with nothing held when one cannot be pinned as a whole. */
  pin(batch: OpBatch, row: number): Hold | number {
    const { addressBytes, lengthBytes } = batch.segments
    const first = batch.segmentFirst[row]
    let hold: Hold = HOLD_NONE
    for (let s = first; s < first + batch.segmentCount[row]; s++) {
      const taken = this.pinRange(addressBytes[s], lengthBytes[s], batch.mm[row])
      if (!isHold(taken)) {
        this.ledger.letGo(hold)
        return taken
      }
      hold = this.ledger.join(hold, taken)
    }
    return hold
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
      lastFolio = pages.headOf(list.page[list.length - 1])
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
 * 6.1 pins first and then looks at what is mapped: -EOPNOTSUPP for a file, private or not, and -EINVAL where memory of
 * several files, or of a file and of none, lies in one buffer. 0 where nothing is wrong.
 */
function refusedFile(spaces: AddressSpaces, mm: number, firstPage: number, endPage: number): number {
  const first = spaces.find(mm, firstPage).kind
  for (let page = firstPage; page < endPage; ) {
    const { kind, endPage: next } = spaces.find(mm, page)
    if (kind !== first && !(isAnonymous(kind) && isAnonymous(first))) return EINVAL
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
    if (order < 0) order = pages.orderOf(list.page[0])
    for (let i = 0; i < found; i++) if (pages.orderOf(list.page[i]) !== order) return false
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
    const head = pages.headOf(list.page[i])
    let run = 1
    while (i + run < list.length && pages.headOf(list.page[i + run]) === head) run++
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
