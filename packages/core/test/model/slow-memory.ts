import type { SlowRow } from './slow-row.ts'

/** reference/iterators.md 5.1: the counts live on the folio; a small one has its pins in the refcount. */
export interface Folio {
  readonly order: number
  readonly isZero: boolean
  refcount: number
  pincount: number
}

export interface Page {
  readonly folio: Folio
  /** Place in the folio. */
  readonly index: number
  /** Page frame, where the trace names it. */
  readonly frame: number | null
}

interface Entry {
  readonly page: Page
  readonly writable: boolean
}

/** A range of virtual pages with one backing. What is left of one that another was mapped over keeps its pages. */
interface Range {
  readonly first: number
  readonly end: number
  readonly order: number
  readonly readable: boolean
  readonly writable: boolean
  readonly isUntouched: boolean
  readonly isPrivateFile: boolean
  readonly isSharedFile: boolean
  readonly present: Map<number, Entry>
}

export const KERNEL = 'kernel'
export type Space = number | typeof KERNEL

const PAGE = 4096
const HUGE_ORDER = 9
const KERNEL_BACKINGS = ['vmalloc', 'slab', 'rodata']

/** Every address space, and every folio that was ever touched. */
export class SlowMemory {
  readonly folios: Folio[] = []
  readonly zeroPage: Page
  private readonly ranges = new Map<Space, Range[]>()
  private readonly byFrame = new Map<number, Page>()

  constructor() {
    const folio: Folio = { order: 0, isZero: true, refcount: 1, pincount: 0 }
    this.folios.push(folio)
    this.zeroPage = { folio, index: 0, frame: null }
  }

  /** A `map` or `unmap` row. */
  apply(row: SlowRow): void {
    const space = KERNEL_BACKINGS.includes(row.backing) ? KERNEL : row.mm
    for (const { base, length } of row.segments) {
      const first = Math.floor(base / PAGE)
      const end = Math.ceil((base + length) / PAGE)
      this.replace(space, { first, end, present: new Map(), ...(row.event === 'map' ? properties(row) : UNMAPPED) })
    }
  }

  /** The page at a virtual page number, faulted in; null where it cannot be had. */
  touch(space: Space, page: number, write: boolean): Page | null {
    const range = this.rangeOf(space, page)
    if (!range.readable || (write && !range.writable)) return null
    const entry = range.present.get(page)
    if (entry !== undefined && (entry.writable || !write)) return entry.page
    if (!write && range.isUntouched) return this.install(range, page, this.zeroPage, false)
    if (write && range.isPrivateFile) return this.install(range, page, this.newFolio(0)[0]!, true)
    return this.faultFolio(range, page)
  }

  pageOfFrame(frame: number): Page {
    let page = this.byFrame.get(frame)
    if (page === undefined) {
      const folio: Folio = { order: 0, isZero: false, refcount: 1, pincount: 0 }
      this.folios.push(folio)
      page = { folio, index: 0, frame }
      this.byFrame.set(frame, page)
    }
    return page
  }

  /** Whether a shared file mapping, which tracks dirtying, lies in the range. */
  hasSharedFile(space: Space, from: number, to: number): boolean {
    return this.rangesOf(space).some(({ isSharedFile, first, end }) => isSharedFile && first < to && end > from)
  }

  private replace(space: Space, next: Range): void {
    const kept = this.rangesOf(space).flatMap((old) => [
      ...(old.first < next.first ? [{ ...old, end: Math.min(old.end, next.first) }] : []),
      ...(old.end > next.end ? [{ ...old, first: Math.max(old.first, next.end) }] : []),
    ])
    this.ranges.set(space, [...kept, next])
  }

  private rangesOf(space: Space): Range[] {
    return this.ranges.get(space) ?? [undeclared(space, this.ranges)]
  }

  private rangeOf(space: Space, page: number): Range {
    const range = this.rangesOf(space).find(({ first, end }) => first <= page && page < end)
    if (range === undefined) throw new Error('the ranges cover every address')
    return range
  }

  /** A folio lies at a multiple of its size, wholly inside its range; elsewhere the pages are small. */
  private faultFolio(range: Range, page: number): Page {
    const size = 2 ** range.order
    const first = Math.floor(page / size) * size
    const fits = first >= range.first && first + size <= range.end
    const start = fits ? first : page
    this.newFolio(fits ? range.order : 0).forEach((one, i) => {
      this.install(range, start + i, one, !range.isPrivateFile)
    })
    return range.present.get(page)!.page
  }

  private newFolio(order: number): Page[] {
    const folio: Folio = { order, isZero: false, refcount: 1, pincount: 0 }
    this.folios.push(folio)
    return Array.from({ length: 2 ** order }, (_, index) => ({ folio, index, frame: null }))
  }

  private install(range: Range, at: number, page: Page, writable: boolean): Page {
    range.present.set(at, { page, writable })
    return page
  }
}

const UNMAPPED = {
  order: 0,
  readable: false,
  writable: false,
  isUntouched: false,
  isPrivateFile: false,
  isSharedFile: false,
}

function properties(row: SlowRow): Omit<Range, 'first' | 'end' | 'present'> {
  const { backing, flags } = row
  const isHuge = backing === 'thp' || backing === 'hugetlb'
  return {
    order: row.order ?? (isHuge ? HUGE_ORDER : 0),
    readable: !flags.has('prot_none') && backing !== 'device' && backing !== 'pfn',
    writable: !flags.has('prot_read') && backing !== 'rodata',
    isUntouched: flags.has('untouched') && backing === 'anon',
    isPrivateFile: flags.has('private') && backing === 'file',
    isSharedFile: !flags.has('private') && backing === 'file',
  }
}

/** Memory that no row mentions is touched anonymous memory (slab, for kernel addresses), made once for each space. */
function undeclared(space: Space, ranges: Map<Space, Range[]>): Range {
  const whole: Range = {
    first: 0,
    end: Number.POSITIVE_INFINITY,
    order: 0,
    readable: true,
    writable: true,
    isUntouched: false,
    isPrivateFile: false,
    isSharedFile: false,
    present: new Map(),
  }
  ranges.set(space, [whole])
  return whole
}
