import { PageList } from '../../src/extract/page-list.ts'
import { RETAIN_PIN, RETAIN_REF } from '../../src/extract/retention.ts'
import type { KernelVersion } from '../../src/kernel/version.ts'
import type { Hold } from '../../src/ledger/hold.ts'
import { Ledger } from '../../src/ledger/ledger.ts'
import { AddressSpaces } from '../../src/memory/address-spaces.ts'
import { FOLL_GET, FOLL_LONGTERM, FOLL_NOFAULT, FOLL_PCI_P2PDMA, FOLL_PIN, FOLL_WRITE } from '../../src/memory/foll.ts'
import { gupRules } from '../../src/memory/gup-rules.ts'
import { PageBytes } from '../../src/memory/page-bytes.ts'
import { PageStore } from '../../src/memory/page-store.ts'
import { applyMemoryEvent } from '../../src/replay/memory-events.ts'
import { type Reference, SlowLedger } from '../model/slow-ledger.ts'
import { type Access, type Page, refcountOf, SlowMemory } from '../model/slow-memory.ts'
import { slowRows } from '../model/slow-row.ts'
import { type RowSpec, traceOf } from './rows.ts'

const PAGE = 4096

/** Address spaces and a ledger that count what mappings hold: all that get_user_pages needs. */
export class GupWorld {
  readonly pages = new PageStore()
  readonly spaces = new AddressSpaces(this.pages)
  readonly ledger = new Ledger(this.pages)
  readonly bytes = new PageBytes()
  readonly list = new PageList()

  constructor(kernel: KernelVersion = 'mainline') {
    this.spaces.rules = gupRules(kernel)
    this.spaces.references = this.ledger.mappingReferences
    this.spaces.bytes = this.bytes
  }

  /** Applies `map`, `unmap` and `fork` rows; segments are pages. */
  async apply(...rows: RowSpec[]): Promise<void> {
    for (const row of rows) {
      const segs = row.segs?.map(([first, count]) => [first! * PAGE, count! * PAGE])
      const trace = traceOf([segs === undefined ? row : { ...row, segs }])
      for await (const batch of trace.batches()) {
        if (row.event === 'truncate') this.truncate(row.file ?? 0, row.offset ?? 0)
        else applyMemoryEvent(this.spaces, batch, 0)
      }
    }
  }

  /** A file ends: what was behind leaves the page cache, with the reference of that. */
  private truncate(file: number, bytes: number): void {
    this.spaces.files.truncate(file, Math.ceil(bytes / PAGE), (head) => this.ledger.mappingReferences.put(head))
  }

  /** Page rows, or an errno. */
  walk(mm: number, first: number, count: number, foll = 0): number[] | number {
    const found = this.spaces.walkPages(mm, first, count, foll, this.list.page)
    return found < 0 ? found : [...this.list.page.subarray(0, found)]
  }

  /** The row of one page. */
  row(mm: number, page: number, foll = 0): number {
    const rows = this.walk(mm, page, 1, foll)
    return typeof rows === 'number' ? rows : rows[0]!
  }

  /** Walks and takes what `foll` says; the hold, or an errno. */
  take(mm: number, first: number, count: number, foll: number): Hold | number {
    const rows = this.walk(mm, first, count, foll)
    return typeof rows === 'number' ? rows : this.hold(rows, (foll & FOLL_PIN) !== 0)
  }

  /** A pin or a reference on each row. */
  hold(rows: readonly number[], isPin: boolean): Hold | number {
    this.list.page.set(rows)
    this.list.describe(rows.length, 0, rows.length * PAGE)
    this.list.isRun = false
    this.list.retention = isPin ? RETAIN_PIN : RETAIN_REF
    return this.ledger.acquire(this.list)
  }

  refcount(row: number): number {
    return this.pages.refcountOf(this.pages.headOf(row)!)
  }

  pincount(row: number): number {
    return this.pages.pincountOf(this.pages.headOf(row)!)
  }

  /** First byte of a page. */
  byte(row: number): number {
    return this.bytes.bytesOf(row)[0]!
  }
}

/** The same steps in the model and in its slow twin: every page and every count must agree after each. */
export class GupTwins {
  readonly fast: GupWorld
  readonly slow: SlowMemory
  readonly slowLedger: SlowLedger
  private readonly pageOf = new Map<number, Page>()
  private readonly rowOf = new Map<Page, number>()
  private readonly held: { hold: Hold; references: Reference[] }[] = []

  constructor(kernel: KernelVersion) {
    this.fast = new GupWorld(kernel)
    this.slow = new SlowMemory(kernel)
    this.slowLedger = new SlowLedger(this.slow)
    this.pair(0, this.slow.zeroPage)
  }

  async apply(row: RowSpec): Promise<void> {
    await this.fast.apply(row)
    const segs = row.segs?.map(([first, count]) => [first! * PAGE, count! * PAGE])
    for (const one of await slowRows(traceOf([segs === undefined ? row : { ...row, segs }]))) {
      if (one.event === 'truncate') this.slow.truncate(one.file ?? 0, one.offset)
      else this.slow.apply(one)
    }
  }

  /** What differs between the two walks; empty when nothing does. With `take`, the pages are held until {@link release}. */
  walk(mm: number, first: number, count: number, foll: number, take: boolean): string {
    const rows = this.fast.walk(mm, first, count, foll)
    const pages = this.slow.walk(mm, first, count, accessOf(foll))
    if (typeof rows === 'number' || typeof pages === 'number') return rows === pages ? '' : `${rows} against ${pages}`
    if (rows.length !== pages.length) return `${rows.length} pages against ${pages.length}`
    if (!rows.every((row, i) => this.pair(row, pages[i]!))) return 'other pages'
    const isPin = (foll & FOLL_PIN) !== 0
    if (!take || (foll & (FOLL_PIN | FOLL_GET)) === 0) return ''
    const hold = this.fast.hold(rows, isPin)
    const taken = this.slowLedger.take(
      pages.map((page) => [page]),
      isPin ? 'pin' : 'ref',
    )
    if (hold < 0 || taken === null) return hold < 0 === (taken === null) ? '' : 'one of them was refused'
    this.held.push({ hold: hold as Hold, references: taken })
    return ''
  }

  release(index: number): void {
    const one = this.held.splice(index % Math.max(this.held.length, 1), 1)[0]
    if (one === undefined) return
    this.fast.ledger.letGo(one.hold)
    this.slowLedger.drop(one.references)
  }

  releaseAll(): void {
    while (this.held.length > 0) this.release(0)
  }

  /** The counts of every page that a walk has listed, where they differ. */
  differences(): string[] {
    return [...this.pageOf].flatMap(([row, { folio, isExclusive }]) => {
      const { pages } = this.fast
      const fast = `${this.fast.refcount(row)} ${this.fast.pincount(row)} ${Number(pages.isExclusive(row))}`
      const slow = `${refcountOf(folio)} ${folio.pincount} ${isExclusive ? 1 : 0}`
      return fast === slow ? [] : [`row ${row} of order ${folio.order}: ${fast} against ${slow}`]
    })
  }

  /** Remembers which page a row is; false when one of the two is another page already. */
  private pair(row: number, page: Page): boolean {
    const known = this.pageOf.get(row)
    if (known === undefined && !this.rowOf.has(page)) {
      this.pageOf.set(row, page)
      this.rowOf.set(page, row)
      return true
    }
    return known === page
  }
}

function accessOf(foll: number): Access {
  const has = (bit: number) => (foll & bit) !== 0
  return {
    write: has(FOLL_WRITE),
    isLongTerm: has(FOLL_LONGTERM),
    noFault: has(FOLL_NOFAULT),
    wantsP2p: has(FOLL_PCI_P2PDMA),
    ...(has(FOLL_PIN) ? { takes: 'pin' as const } : has(FOLL_GET) ? { takes: 'get' as const } : {}),
  }
}
