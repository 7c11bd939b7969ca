import { EFAULT, EINVAL, EOPNOTSUPP, EREMOTEIO } from '../../src/errno.ts'
import type { KernelVersion } from '../../src/kernel/version.ts'
import type { SlowRow } from './slow-row.ts'

/**
 * reference/iterators.md 5.1: the counts live on the folio; a small one has its pins in the refcount. What makes up the
 * refcount is kept apart here.
 */
export interface Folio {
  readonly order: number
  readonly isZero: boolean
  /** PageAnon. */
  readonly isAnonymous: boolean
  /** The reference of who has it without mapping it: the page cache, the kernel. */
  owned: 0 | 1
  /** Page-table entries of private mappings: one a page, or one for 2 MiB. */
  mapped: number
  /** References and pins of operations and events. */
  held: number
  pincount: number
}

export function refcountOf({ owned, mapped, held }: Folio): number {
  return owned + mapped + held
}

export interface Page {
  readonly folio: Folio
  /** Place in the folio. */
  readonly index: number
  /** Page frame, where the trace names it. */
  readonly frame: number | null
  /** PageAnonExclusive. */
  isExclusive: boolean
}

/** What an access is for: get_user_pages with FOLL_GET or FOLL_PIN, or the CPU. */
export interface Access {
  readonly write?: boolean
  readonly takes?: 'get' | 'pin'
  readonly isLongTerm?: boolean
  readonly noFault?: boolean
  readonly wantsP2p?: boolean
}

interface Entry {
  readonly page: Page
  readonly writable: boolean
}

/** A range of virtual pages with one backing. What is left of one that another was mapped over keeps its pages. */
interface Range {
  readonly first: number
  readonly end: number
  readonly backing: SlowRow['backing'] | 'nothing'
  readonly order: number
  readonly readable: boolean
  readonly writable: boolean
  readonly isUntouched: boolean
  readonly isPrivate: boolean
  /** The page table. Shared mappings have one, whoever maps them. */
  readonly present: Map<number, Entry>
  /** First pages of the 2 MiB that one entry maps. */
  readonly huge: Set<number>
  /** Of a private mapping of a file without a name: the page cache. */
  readonly cache: Map<number, Page>
  /** The file that it shows, by name, and which page of that its first address would show if it began at 0. */
  readonly shows: { readonly file: number; readonly shift: number } | null
  /** The same for all that were forked from one another; null before any fork. */
  family: object | null
}

export const KERNEL = 'kernel'
export type Space = number | typeof KERNEL

const PAGE = 4096
const HUGE_ORDER = 9
const HUGE_PAGES = 512
/** A page below 2^47 bytes: nothing of a user lies there or above. */
const USER_END = 2 ** 47 / PAGE - 1
const KERNEL_BACKINGS = ['vmalloc', 'slab', 'rodata']
const FILES = ['file', 'shmem', 'fsdax']

/** Every address space, and every folio that was ever touched. */
export class SlowMemory {
  readonly folios: Folio[] = []
  readonly zeroPage: Page
  private readonly kernel: KernelVersion
  private readonly folioOrder: number
  private readonly ranges = new Map<Space, Range[]>()
  private readonly byFrame = new Map<number, Page>()
  /** Page caches: of each file the pages that are there. */
  private readonly files = new Map<number, Map<number, Page>>()
  private readonly everPinned = new Set<Space>()

  constructor(kernel: KernelVersion, folioOrder = 0) {
    this.kernel = kernel
    this.folioOrder = folioOrder
    this.zeroPage = this.newFolio(0, { isZero: true, owned: 1 })[0]!
  }

  /** A `map`, `unmap` or `fork` row. */
  apply(row: SlowRow): void {
    if (row.event === 'fork') {
      if (row.result !== null && row.result > 0) this.fork(row.mm, row.result)
      return
    }
    const space = KERNEL_BACKINGS.includes(row.backing) ? KERNEL : row.mm
    for (const { base, length } of row.segments) {
      const first = Math.floor(base / PAGE)
      const end = Math.ceil((base + length) / PAGE)
      this.map(space, first, end, row.event === 'map' ? properties(row, first) : NOTHING)
    }
  }

  map(space: Space, first: number, end: number, what: Properties): void {
    for (const old of this.rangesOf(space)) this.zap(old, Math.max(first, old.first), Math.min(end, old.end))
    const kept = this.rangesOf(space).flatMap((old) => [
      ...(old.first < first ? [{ ...old, end: Math.min(old.end, first) }] : []),
      ...(old.end > end ? [{ ...old, first: Math.max(old.first, end) }] : []),
    ])
    this.ranges.set(space, [...kept, { first, end, ...emptyTables(), ...what }])
  }

  /** The pages of a range as get_user_pages lists them: those before a fault, or the error of the first one. */
  walk(space: Space, first: number, count: number, access: Access): Page[] | number {
    if (access.isLongTerm === true && access.takes !== 'pin') return EINVAL
    if (space !== KERNEL) {
      if (access.takes === 'pin') this.everPinned.add(space)
      if (first + count > USER_END) return EFAULT
    }
    const pages: Page[] = []
    for (let at = first; at < first + count; at++) {
      const page = this.touch(space, at, access)
      if (typeof page === 'number') return pages.length > 0 ? pages : page
      pages.push(page)
    }
    return pages
  }

  /** The page at a virtual page number, faulted in; an errno where it cannot be had. */
  private touch(space: Space, at: number, access: Access): Page | number {
    const range = this.rangeOf(space, at)
    const refused = this.refusal(range, access)
    if (refused !== 0) return refused
    if (!range.present.has(at)) {
      if (access.noFault === true && range.isUntouched) return EFAULT
      this.faultIn(range, at, access.write === true)
    }
    const entry = range.present.get(at)!
    const isEnough =
      access.write === true ? entry.writable : entry.writable || !this.mustUnshare(range, entry.page, access)
    if (isEnough) return entry.page
    return access.noFault === true ? EFAULT : this.breakCow(range, at, access.write === true)
  }

  /** lifetime.md 11, in the order of check_vma_flags; 6.1 knows neither dirty tracking nor FOLL_PCI_P2PDMA. */
  private refusal({ backing, readable, writable, isPrivate }: Range, access: Access): number {
    const isOld = this.kernel === '6.1'
    if (backing === 'device' || backing === 'pfn') return EFAULT
    if (access.isLongTerm === true && backing === 'fsdax') return EOPNOTSUPP
    if (access.takes !== undefined && backing === 'secretmem') return EFAULT
    if (!readable || (access.write === true && !writable)) return EFAULT
    if (access.write === true && access.isLongTerm === true && backing === 'file' && !isPrivate && !isOld) return EFAULT
    const isForeign = backing === 'p2pdma' && access.takes !== undefined && access.wantsP2p !== true
    return isForeign && !isOld ? EREMOTEIO : 0
  }

  /** gup_must_unshare. */
  private mustUnshare(range: Range, page: Page, access: Access): boolean {
    if (access.takes !== 'pin') return false
    if (page.folio.isAnonymous) return !page.isExclusive
    return access.isLongTerm === true && range.isPrivate && this.kernel !== '6.1'
  }

  private faultIn(range: Range, at: number, write: boolean): void {
    if (range.shows !== null) this.mapNamed(range, at, range.shows.file, at + range.shows.shift)
    else if (!range.isPrivate) this.addShared(range, at)
    else if (FILES.includes(range.backing)) this.mapCached(range, at)
    else if (range.isUntouched && range.backing === 'anon' && !write) {
      range.present.set(at, { page: this.zeroPage, writable: false })
    } else if (range.family === null) this.addAnonymous(range, at)
    else this.addForked(range.family, range, at)
  }

  private addShared(range: Range, at: number): void {
    const { first, pages } = this.folioAt(range, at, range.present, { owned: 1 })
    for (const page of pages) range.present.set(first + page.index, { page, writable: true })
  }

  /** One folio, whoever maps the file: 1.1. A shared mapping takes no reference on it, a private one does. */
  private mapNamed(range: Range, at: number, file: number, index: number): void {
    const cache = this.cacheOf(file)
    const page = cache.get(index) ?? this.readIn(range, cache, index)
    if (range.isPrivate) page.folio.mapped++
    range.present.set(at, { page, writable: !range.isPrivate })
  }

  /** A folio of the mapping's size, where the file has nothing yet, and all of it is mapped; else a small one. */
  private readIn(range: Range, cache: Map<number, Page>, index: number): Page {
    const shift = range.shows?.shift ?? 0
    const size = 2 ** range.order
    const first = index - (index % size)
    const indices = Array.from({ length: size }, (_, i) => first + i)
    const fits = indices.every((one) => !cache.has(one) && one - shift >= range.first && one - shift < range.end)
    const made = this.newFolio(fits ? range.order : 0, { owned: 1 })
    for (const [i, page] of made.entries()) cache.set((fits ? first : index) + i, page)
    return cache.get(index)!
  }

  private cacheOf(file: number): Map<number, Page> {
    const cache = this.files.get(file) ?? new Map<number, Page>()
    this.files.set(file, cache)
    return cache
  }

  /** A `truncate` row: what begins behind the new end is no page of the file, and no mapping has it; private copies go too. */
  truncate(file: number, bytes: number): void {
    const end = Math.ceil(bytes / PAGE)
    // A range that two address spaces share is one range.
    for (const range of new Set([...this.ranges.values()].flat())) {
      const { shows } = range
      if (shows === null || shows.file !== file) continue
      for (const at of [...range.present.keys()]) {
        if (at < range.first || at >= range.end || at + shows.shift < end) continue
        if (range.isPrivate) this.remove(range, at)
        else range.present.delete(at)
      }
    }
    const cache = this.cacheOf(file)
    for (const [index, page] of [...cache]) {
      if (index - page.index < end) continue
      cache.delete(index)
      if (page.index === 0) page.folio.owned = 0
    }
  }

  /** The page cache has its own reference, the mapping one more. */
  private mapCached(range: Range, at: number): void {
    if (!range.cache.has(at)) {
      const { first, pages } = this.folioAt(range, at, range.cache, { owned: 1 })
      for (const page of pages) range.cache.set(first + page.index, page)
    }
    const page = range.cache.get(at)!
    page.folio.mapped++
    range.present.set(at, { page, writable: false })
  }

  private addAnonymous(range: Range, at: number): void {
    const { first, pages } = this.folioAt(range, at, range.present, { isAnonymous: true })
    for (const page of pages) page.isExclusive = true
    this.install([range], first, pages, true)
  }

  /** It was there at the fork already: everybody in the family that covers it has it. */
  private addForked(family: object, range: Range, at: number): void {
    const { first, pages } = this.folioAt(range, at, range.present, { isAnonymous: true })
    const relatives = [...this.ranges.values()].flat().filter((other) => other.family === family)
    this.install(relatives, first, pages, false)
  }

  /** Maps the pages of a new folio wherever the ranges cover them. */
  private install(ranges: readonly Range[], first: number, pages: readonly Page[], writable: boolean): void {
    const { folio } = pages[0]!
    for (const range of ranges) {
      pages.forEach((page, i) => {
        const at = first + i
        if (at < range.first || at >= range.end) return
        range.present.set(at, { page, writable })
        const start = at - (at % HUGE_PAGES)
        const isHuge = folio.order >= HUGE_ORDER && range.first <= start && start + HUGE_PAGES <= range.end
        if (isHuge) range.huge.add(start)
        if (!isHuge || at === start) folio.mapped++
      })
    }
  }

  /** A folio lies at a multiple of its size, wholly inside its range, where nothing is yet; elsewhere a page is small. */
  private folioAt(range: Range, at: number, table: ReadonlyMap<number, unknown>, what: Partial<Folio>) {
    const size = 2 ** range.order
    const first = at - (at % size)
    const isFree = Array.from({ length: size }, (_, i) => first + i).every((page) => !table.has(page))
    const fits = isFree && first >= range.first && first + size <= range.end
    return fits ? { first, pages: this.newFolio(range.order, what) } : { first: at, pages: this.newFolio(0, what) }
  }

  /** do_wp_page, do_huge_pmd_wp_page: the page itself where nobody else has it, else a copy. */
  private breakCow(range: Range, at: number, write: boolean): Page {
    const { page } = range.present.get(at)!
    const start = at - (at % HUGE_PAGES)
    if (range.huge.has(start)) {
      if (page.isExclusive || refcountOf(page.folio) === 1) {
        for (let one = start; one < start + HUGE_PAGES; one++) this.own(range, one, write)
        return page
      }
      this.splitHuge(range, start)
    }
    if (page.folio.isAnonymous && (page.isExclusive || this.isAlone(range, page))) {
      this.own(range, at, write)
      return page
    }
    this.remove(range, at)
    return this.addCopy(range, at, write)
  }

  /** The page is the range's own from now on. */
  private own(range: Range, at: number, write: boolean): void {
    const { page, writable } = range.present.get(at)!
    page.isExclusive = true
    range.present.set(at, { page, writable: writable || write })
  }

  private addCopy(range: Range, at: number, writable: boolean): Page {
    const copy = this.newFolio(0, { isAnonymous: true, mapped: 1 })[0]!
    copy.isExclusive = true
    range.present.set(at, { page: copy, writable })
    return copy
  }

  /** wp_can_reuse_anon_folio; a page of a large folio: 6.1 as any other, 6.12 never, later when all of it is ours. */
  private isAlone(range: Range, { folio }: Page): boolean {
    const refcount = refcountOf(folio)
    if (folio.order === 0 || this.kernel === '6.1') return refcount === 1
    if (this.kernel === '6.12') return false
    const ours = [...range.present.values()].filter(({ page }) => page.folio === folio).length
    return refcount > 1 && refcount === ours
  }

  private splitHuge(range: Range, start: number): void {
    range.huge.delete(start)
    range.present.get(start)!.page.folio.mapped += HUGE_PAGES - 1
  }

  /** Takes one page out of a page table. */
  private remove(range: Range, at: number): void {
    const entry = range.present.get(at)
    if (entry === undefined) return
    range.present.delete(at)
    if (!entry.page.folio.isZero) entry.page.folio.mapped--
  }

  /** The pages of a shared mapping stay in the page cache. */
  private zap(range: Range, first: number, end: number): void {
    if (!range.isPrivate || first >= end) return
    for (const start of [...range.huge]) {
      if (start + HUGE_PAGES <= first || start >= end) continue
      if (start < first || start + HUGE_PAGES > end) {
        this.splitHuge(range, start)
        continue
      }
      range.present.get(start)!.page.folio.mapped--
      range.huge.delete(start)
      for (let at = start; at < start + HUGE_PAGES; at++) range.present.delete(at)
    }
    const inside = [...range.present.keys()].filter((at) => at >= first && at < end)
    for (const at of inside) this.remove(range, at)
  }

  /** The child has what the parent has: shared mappings are the same, private pages are shared, pinned ones are copied. */
  fork(parent: Space, child: Space): void {
    if (parent === child) return
    for (const range of this.ranges.get(child) ?? []) this.zap(range, range.first, range.end)
    this.everPinned.delete(child)
    const children = this.rangesOf(parent).map((range) => (range.isPrivate ? this.forkRange(parent, range) : range))
    this.ranges.set(child, children)
  }

  private forkRange(parent: Space, range: Range): Range {
    const isAnonymous = !FILES.includes(range.backing)
    if (isAnonymous && !range.isUntouched) range.family ??= {}
    const copy = { ...range, ...emptyTables(), cache: range.cache, family: range.family }
    const inside = [...range.present.keys()].filter((at) => at >= range.first && at < range.end)
    for (const at of inside.sort((a, b) => a - b)) this.forkPage(parent, range, copy, at)
    return copy
  }

  private forkPage(parent: Space, range: Range, copy: Range, at: number): void {
    const { page } = range.present.get(at)!
    const { folio } = page
    const start = at - (at % HUGE_PAGES)
    if (folio.isZero) {
      copy.present.set(at, { page, writable: false })
      return
    }
    if (this.everPinned.has(parent) && page.isExclusive && this.maybePinned(folio)) {
      if (range.huge.has(start)) this.splitHuge(range, start)
      this.addCopy(copy, at, true)
      return
    }
    if (!range.huge.has(start) || at === start) folio.mapped++
    if (range.huge.has(start)) copy.huge.add(start)
    page.isExclusive = false
    range.present.set(at, { page, writable: false })
    copy.present.set(at, { page, writable: false })
  }

  /** folio_maybe_dma_pinned, asked when the child has its reference already. */
  private maybePinned(folio: Folio): boolean {
    if (folio.order > 0) return folio.pincount > 0
    const refcount = refcountOf(folio) + 1
    return refcount >= 1024 || refcount < 0
  }

  pageOfFrame(frame: number): Page {
    let page = this.byFrame.get(frame)
    if (page === undefined) {
      page = { ...this.newFolio(0, { owned: 1 })[0]!, frame }
      this.byFrame.set(frame, page)
    }
    return page
  }

  /** A page of a file, there from its first use on, in a folio of the cache's order where a whole one fits. */
  pageOfFile(file: number, index: number): Page {
    const cache = this.cacheOf(file)
    if (!cache.has(index)) {
      const pages = 2 ** this.folioOrder
      const first = index - (index % pages)
      const isWhole = Array.from({ length: pages }, (_, i) => cache.has(first + i)).every((isThere) => !isThere)
      const made = this.newFolio(isWhole ? this.folioOrder : 0, { owned: 1 })
      for (const [i, page] of made.entries()) cache.set((isWhole ? first : index) + i, page)
    }
    return cache.get(index)!
  }

  /** A page that nobody else has ever seen: the next buffer of a pipe. */
  freshPage(): Page {
    return this.newFolio(0, { owned: 1 })[0]!
  }

  /** Backings of the ranges with a page in [from, to), by address. */
  backings(space: Space, from: number, to: number): Range['backing'][] {
    return this.rangesOf(space)
      .filter(({ first, end }) => first < to && end > from)
      .sort((a, b) => a.first - b.first)
      .map(({ backing }) => backing)
  }

  /** Every count of mappings, made anew from the page tables. */
  check(): void {
    const counts = new Map<Folio, number>()
    for (const range of [...this.ranges.values()].flat()) {
      if (!range.isPrivate) continue
      for (const [at, { page }] of range.present) {
        if (at < range.first || at >= range.end || page.folio.isZero) continue
        const start = at - (at % HUGE_PAGES)
        const entries = range.huge.has(start) && at !== start ? 0 : 1
        counts.set(page.folio, (counts.get(page.folio) ?? 0) + entries)
      }
    }
    if (this.folios.some((folio) => folio.mapped !== (counts.get(folio) ?? 0))) throw new Error('mapped')
  }

  private rangesOf(space: Space): Range[] {
    const known = this.ranges.get(space)
    if (known !== undefined) return known
    const made = [undeclared(space)]
    this.ranges.set(space, made)
    return made
  }

  private rangeOf(space: Space, page: number): Range {
    const range = this.rangesOf(space).find(({ first, end }) => first <= page && page < end)
    if (range === undefined) throw new Error('the ranges cover every address')
    return range
  }

  private newFolio(order: number, what: Partial<Folio>): Page[] {
    const folio: Folio = {
      order,
      isZero: false,
      isAnonymous: false,
      owned: 0,
      mapped: 0,
      held: 0,
      pincount: 0,
      ...what,
    }
    this.folios.push(folio)
    return Array.from({ length: 2 ** order }, (_, index) => ({ folio, index, frame: null, isExclusive: false }))
  }
}

/** What a row says of a range. */
export type Properties = Omit<Range, 'first' | 'end' | 'present' | 'huge' | 'cache' | 'family'>

const NOTHING: Properties = {
  backing: 'nothing',
  order: 0,
  readable: false,
  writable: false,
  isUntouched: false,
  isPrivate: true,
  shows: null,
}

function emptyTables(): Pick<Range, 'present' | 'huge' | 'cache' | 'family'> {
  return { present: new Map(), huge: new Set(), cache: new Map(), family: null }
}

/** `first`: the page that the mapping begins at. */
export function properties(
  row: Pick<SlowRow, 'backing' | 'flags' | 'order' | 'file' | 'offset'>,
  first = 0,
): Properties {
  const { backing, flags, order, file, offset } = row
  const isOfFile = file !== null && !['anon', 'thp', ...KERNEL_BACKINGS].includes(backing)
  const isHuge = backing === 'thp' || backing === 'hugetlb'
  return {
    backing,
    order: order ?? (isHuge ? HUGE_ORDER : 0),
    readable: !flags.has('prot_none'),
    writable: !flags.has('prot_read') && backing !== 'rodata',
    isUntouched: flags.has('untouched') && backing !== 'p2pdma',
    isPrivate: backing === 'anon' || backing === 'thp' || (flags.has('private') && FILES.includes(backing)),
    shows: isOfFile ? { file, shift: Math.floor(Math.max(offset, 0) / PAGE) - first } : null,
  }
}

/** Memory that no row mentions is touched anonymous memory (slab, for kernel addresses), made once for each space. */
function undeclared(space: Space): Range {
  const none = new Set<never>()
  const what = properties({
    backing: space === KERNEL ? 'slab' : 'anon',
    flags: none,
    order: null,
    file: null,
    offset: -1,
  })
  return { first: 0, end: Number.POSITIVE_INFINITY, ...emptyTables(), ...what }
}
