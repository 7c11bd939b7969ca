import {
  type Entry,
  type Guard,
  type Hold,
  type Kind,
  PAGE,
  type Page,
  type PageEvent,
  type Piece,
  type Row,
  type Setup,
  userKey,
} from './slow-rows.ts'

/** Pages of a huge page. */
export const HUGE_PAGES = 512

/** Bytes of a page that a list of an operation in flight names. */
export interface Borrowed {
  readonly operation: number
  readonly page: Page
  readonly from: number
  readonly end: number
  guard: Guard
  readonly isSource: boolean
  readonly isLent?: boolean
}

/** Every page, and every sum of the report. */
export class World {
  readonly setup: Setup
  readonly pins = { acquired: 0, released: 0, open: 0, peak: 0 }
  readonly refs = { acquired: 0, released: 0, open: 0, peak: 0 }
  readonly data = { zeroCopyBytes: 0, copiedBytes: 0 }
  readonly entries = { built: 0, bytes: 0, perOperationMax: 0, limitHits: 0 }
  readonly allocations = { made: 0, freed: 0 }
  /** What was mapped for a device: calls, and entries of lists. */
  readonly dma = { maps: 0, mappedEntries: 0, unmappedEntries: 0, openEntries: 0, peakEntries: 0, longTermEntries: 0 }
  readonly avoided = { copyBytes: 0, entries: 0, allocations: 0 }
  readonly sums = { operations: 0, errors: 0, bytes: 0 }
  /** Rules that were broken, by name. */
  readonly violations: string[] = []
  bare = 0
  /** Entries built for the operation at work. */
  builtNow = 0
  /** Pages of files that the page cache has. */
  readonly cached = new Set<string>()
  /** Number of the operation at work. */
  operation = 0
  private borrowed: Borrowed[] = []
  private readonly pages: Page[] = []
  private readonly current = new Map<string, Page>()
  private readonly access = new Map<string, 'none' | 'read' | 'write'>()

  constructor(setup: Setup) {
    this.setup = setup
  }

  page(key: string): Page {
    const known = this.current.get(key)
    if (known !== undefined) return known
    const page = this.newPage(key.startsWith('frame ') ? Number(key.slice('frame '.length)) : null)
    this.current.set(key, page)
    return page
  }

  /** The operation's list names these bytes until it is over. */
  borrow(entries: readonly Entry[], guard: Guard, isSource: boolean): void {
    for (const { page, offset, length } of entries) {
      this.borrowed.push({ operation: this.operation, page, from: offset, end: offset + length, guard, isSource })
    }
  }

  /** What is not an operation's, but a buffer's that outlives it: given back one by one. */
  lend({ page, offset, length }: Entry, operation: number): Borrowed {
    const one = {
      operation,
      page,
      from: offset,
      end: offset + length,
      guard: 'count' as const,
      isSource: true,
      isLent: true,
    }
    this.borrowed.push(one)
    return one
  }

  takeBack(lent: Borrowed): void {
    this.borrowed = this.borrowed.filter((one) => one !== lent)
  }

  giveBack(operation: number): void {
    this.borrowed = this.borrowed.filter((one) => one.operation !== operation || one.isLent === true)
  }

  /** Something happens to memory while operations are in flight: each of them that it harms is one violation. */
  happens(event: PageEvent, pieces: readonly Piece[]): void {
    const broken = new Set<string>()
    for (const { key, offset, length } of pieces) {
      const page = this.current.get(key)
      for (const one of this.borrowed) {
        if (one.page !== page || one.from >= offset + length || one.end <= offset) continue
        if (event === 'unlock' || event === 'writeback_end') {
          if (one.guard === 'lock') one.guard = 'none'
          continue
        }
        const rule = ruleOf(event, one, key.startsWith('kernel '))
        if (rule !== null) broken.add(`${rule} ${one.guard} ${one.operation}`)
      }
    }
    for (const one of broken) this.violations.push(one.slice(0, one.indexOf(' ')))
    if (event === 'truncate') for (const { key } of pieces) this.forget(key)
  }

  /** The page is the file's no more. */
  private forget(key: string): void {
    const page = this.current.get(key)
    if (page !== undefined) page.owned = 0
    this.current.delete(key)
    this.cached.delete(key)
  }

  /** Of a page that no trace names, the frame follows none. */
  private newPage(frame: number | null): Page {
    const page: Page = { frame: frame ?? -2 * (this.pages.length + 1), owned: 1, held: 0 }
    this.pages.push(page)
    return page
  }

  /** A folio of 512 pages; its frames are far below those of other pages, and aligned. */
  private mapHuge(at: number): void {
    const first = Math.floor(at / PAGE)
    const frame = -(2 ** 20) - 1024 * this.pages.length
    const head: Page = { frame, owned: 1, held: 0 }
    this.pages.push(head)
    for (let i = 0; i < HUGE_PAGES; i++) {
      this.current.set(userKey(first + i), { head, frame: frame + i, owned: 0, held: 0 })
    }
  }

  /** What was mapped there is not any more; whoever holds pages of it still has them. */
  map(row: Row): void {
    for (const [at, length] of row.segs) {
      if (row.isHuge === true) {
        this.mapHuge(at!)
        continue
      }
      for (let page = Math.floor(at! / PAGE); page < (at! + length!) / PAGE; page++) {
        this.access.set(userKey(page), row.access ?? 'write')
        const old = this.current.get(userKey(page))
        if (old !== undefined) old.owned = 0
        this.current.delete(userKey(page))
      }
    }
  }

  accessOf(key: string): 'none' | 'read' | 'write' {
    return this.access.get(key) ?? 'write'
  }

  take(kind: Kind, pages: readonly Page[]): Hold {
    const side = kind === 'pin' ? this.pins : this.refs
    for (const page of pages) count(page, kind, 1)
    side.acquired += pages.length
    side.open += pages.length
    side.peak = Math.max(side.peak, side.open)
    return { kind, pages }
  }

  drop({ kind, pages }: Hold): void {
    const side = kind === 'pin' ? this.pins : this.refs
    for (const page of pages) count(page, kind, -1)
    side.released += pages.length
    side.open -= pages.length
  }

  allocate(): void {
    this.allocations.made++
  }

  /** alloc_page: a page of the consumer's own, with one reference. */
  allocPage(): Page {
    this.allocations.made++
    return this.newPage(null)
  }

  /** put_page of one of those; the last reference frees it. */
  putOwn(page: Page): void {
    if (page.held > 0) page.held--
    else {
      page.owned = 0
      this.allocations.freed++
    }
  }

  free(): void {
    this.allocations.freed++
  }

  /** Elements of a list; those of a scatterlist are 32 bytes long. */
  built(entries: number, entryBytes = 32): void {
    this.entries.built += entries
    this.entries.bytes += entries * entryBytes
    this.builtNow += entries
    this.entries.perOperationMax = Math.max(this.entries.perOperationMax, this.builtNow)
  }

  /** One call of dma_map_page, dma_map_sg and their kin. */
  mapDma(entries: number): void {
    this.dma.maps++
    this.dma.mappedEntries += entries
    this.dma.openEntries += entries
    this.dma.peakEntries = Math.max(this.dma.peakEntries, this.dma.openEntries)
  }

  unmapDma(entries: number): void {
    this.dma.unmappedEntries += entries
    this.dma.openEntries -= entries
  }

  /** Payload reached where it is; a copying path would have copied it. */
  reachedInPlace(bytes: number): void {
    this.data.zeroCopyBytes += bytes
    this.avoided.copyBytes += bytes
  }

  /** Reference counts above 1, page by page. */
  refcounts(): number[] {
    return this.pages
      .map(({ owned, held }) => owned + held)
      .filter((refcount) => refcount > 1)
      .sort((a, b) => a - b)
  }
}

/** A reference keeps a page, but no slab object in it. */
function ruleOf(event: PageEvent, { guard, isSource }: Borrowed, isSlab: boolean): string | null {
  if (event === 'free') return guard === 'count' && !isSlab ? null : 'use-after-free'
  if (guard === 'lock') return null
  if (event === 'truncate') return 'truncate-in-use'
  return isSource ? 'modified-in-use' : null
}

/** A pin is 1024 references on a page of its own folio, and one (and one in the pincount) on a folio of many pages. */
function count(page: Page, kind: Kind, by: 1 | -1): void {
  if (page.head !== undefined) page.head.held += by
  else page.held += kind === 'pin' ? 1024 * by : by
}
