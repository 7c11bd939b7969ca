import { invariant } from '../invariant.ts'
import { PAGE_SIZE } from '../units.ts'
import { KIND_FILE, type PageStore } from './page-store.ts'

/** Nothing at that index. @kernel lib/xarray.c: xas_load, NULL */
export const CACHE_HOLE = -1
/** A value entry: a shadow of an evicted folio, or an exceptional entry. @kernel include/linux/xarray.h: xa_is_value */
export const CACHE_VALUE = -2

const LEAF = 1024

/** A page of a file. @kernel include/linux/mm_types.h: struct folio.mapping, struct folio.index */
export interface FilePlace {
  readonly file: number
  /** Counts pages from the start of the file. */
  readonly index: number
}

/**
 * The page cache: which folio holds which page of a file. `file` is any small number that the caller chooses; an index
 * counts pages from the start of the file.
 * @kernel include/linux/fs.h: struct address_space.i_pages (an xarray of folios); mm/filemap.c: filemap_get_entry
 */
export class PageCache {
  /** Of the folios that {@link populate} makes, unless it is told otherwise. */
  order = 0
  /** What they are: shared memory where the file system is tmpfs. @kernel mm/shmem.c: shmem_mapping */
  kind = KIND_FILE
  private readonly pages: PageStore
  /** By file and index / 1024: rows + 3, so that 0 is a hole; see {@link CACHE_VALUE}. */
  private readonly leaves = new Map<number, Map<number, Int32Array>>()

  constructor(pages: PageStore) {
    this.pages = pages
  }

  /** Page row at an index, {@link CACHE_HOLE} or {@link CACHE_VALUE}. @kernel lib/xarray.c: xas_load; folio_file_page */
  find(file: number, index: number): number {
    const leaf = this.leaves.get(file)?.get(Math.floor(index / LEAF))
    const entry = leaf === undefined ? 0 : leaf[index % LEAF]
    return entry === 0 ? CACHE_HOLE : entry - 3
  }

  /**
   * Adds the folio whose head page is row `head` at `index`, a multiple of its pages. Whoever adds it keeps it alive.
   * @kernel mm/filemap.c: __filemap_add_folio
   */
  add(file: number, index: number, head: number): void {
    const pages = 2 ** this.pages.orderOf(head)
    invariant(this.pages.headOf(head) === head && index % pages === 0, 'a folio lies at a multiple of its size')
    for (let i = 0; i < pages; i++) this.set(file, index + i, head + i + 3)
  }

  /** Leaves a value entry at an index. */
  addValue(file: number, index: number): void {
    this.set(file, index, CACHE_VALUE + 3)
  }

  /** Takes [index, end) out: holes. @kernel mm/truncate.c: truncate_inode_pages_range */
  remove(file: number, index: number, end: number): void {
    for (let i = index; i < end; i++) this.set(file, i, 0)
  }

  /**
   * Makes pages present at [index, end), where they are not: small folios, or folios of `order` where a whole one fits.
   * The range is `bytes` bytes from `positions[at]` on: a column and an index, as in {@link AddressSpaces.walk}.
   */
  populate(file: number, positions: Float64Array, at: number, bytes: number, order = this.order): void {
    const end = Math.ceil((positions[at] + bytes) / PAGE_SIZE)
    const step = 2 ** order
    for (let index = Math.floor(positions[at] / PAGE_SIZE); index < end; index++) {
      if (this.find(file, index) >= 0) continue
      const first = index - (index % step)
      const fits = order > 0 && this.isEmpty(file, first, first + step)
      this.add(file, fits ? first : index, this.pages.allocateFolio(fits ? order : 0, this.kind))
    }
  }

  /** First index from `index` on where something is, or {@link CACHE_HOLE} when nothing is. @kernel lib/xarray.c: xas_find */
  next(file: number, index: number): number {
    const leaves = this.leaves.get(file)
    if (leaves === undefined) return CACHE_HOLE
    let best = CACHE_HOLE
    for (const [region, leaf] of leaves) {
      const first = region * LEAF
      if (first + LEAF <= index || (best !== CACHE_HOLE && first > best)) continue
      for (let i = Math.max(index - first, 0); i < LEAF; i++) {
        if (leaf[i] === 0) continue
        if (best === CACHE_HOLE || first + i < best) best = first + i
        break
      }
    }
    return best
  }

  /** Something is in the file's cache, or was. */
  has(file: number): boolean {
    return this.leaves.has(file)
  }

  /** Tells of each page present at [index, end), which may be infinite, by index. For events, once in a while. */
  visit(file: number, index: number, end: number, tell: (page: number, index: number) => void): void {
    for (const [region, leaf] of this.leavesOf(file)) {
      const first = region * LEAF
      const stop = Math.min(LEAF, end - first)
      for (let i = Math.max(index - first, 0); i < stop; i++) if (leaf[i] >= 3) tell(leaf[i] - 3, first + i)
    }
  }

  /** Where a page row is: its file and index; null: nowhere. Looks through all files. */
  placeOf(row: number): FilePlace | null {
    for (const [file, leaves] of this.leaves) {
      for (const [region, leaf] of leaves) {
        const at = leaf.indexOf(row + 3)
        if (at >= 0) return { file, index: region * LEAF + at }
      }
    }
    return null
  }

  /**
   * Takes everything from `index` on out, and tells the first page of each folio. One that begins before it stays as it is:
   * splitting it is not modelled, and fails in the kernel where somebody has a reference.
   * @kernel mm/truncate.c: truncate_inode_pages_range, truncate_inode_partial_folio
   */
  truncate(file: number, index: number, tell: (page: number) => void): void {
    for (const [region, leaf] of this.leavesOf(file)) {
      const first = region * LEAF
      for (let i = Math.max(index - first, 0); i < LEAF; i++) {
        const page = leaf[i] - 3
        const head = page < 0 ? page : this.pages.headOf(page)
        if (page >= 0 && first + i - (page - head) < index) continue
        leaf[i] = 0
        if (page >= 0 && head === page) tell(page)
      }
    }
  }

  private leavesOf(file: number): [number, Int32Array][] {
    return [...(this.leaves.get(file) ?? [])].sort(([a], [b]) => a - b)
  }

  private isEmpty(file: number, index: number, end: number): boolean {
    for (let i = index; i < end; i++) if (this.find(file, i) !== CACHE_HOLE) return false
    return true
  }

  private set(file: number, index: number, entry: number): void {
    let leaves = this.leaves.get(file)
    if (leaves === undefined) {
      leaves = new Map()
      this.leaves.set(file, leaves)
    }
    const region = Math.floor(index / LEAF)
    let leaf = leaves.get(region)
    if (leaf === undefined) {
      leaf = new Int32Array(LEAF)
      leaves.set(region, leaf)
    }
    leaf[index % LEAF] = entry
  }
}
