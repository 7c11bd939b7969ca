import { holding } from '../grown.ts'
import { invariant } from '../invariant.ts'
import { PAGE_SIZE } from '../units.ts'
import { CacheLeaves, LEAF } from './cache-leaves.ts'
import { KIND_FILE, type PageStore } from './page-store.ts'

/** Nothing at that index. @kernel lib/xarray.c: xas_load, NULL */
export const CACHE_HOLE = -1
/** A value entry: a shadow of an evicted folio, or an exceptional entry. @kernel include/linux/xarray.h: xa_is_value */
export const CACHE_VALUE = -2

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
  /** By file: rows + 3, so that 0 is a hole; see {@link CACHE_VALUE}. */
  private readonly files = new Map<number, CacheLeaves>()
  /** Leaves of all files by their number, and by page row the number of the one that has it, or had it. */
  private readonly leaves: Leaf[] = [{ file: -1, region: -1, entries: new Int32Array(0) }]
  private leafOf = new Int32Array(1024)

  constructor(pages: PageStore) {
    this.pages = pages
  }

  /** Page row at an index, {@link CACHE_HOLE} or {@link CACHE_VALUE}. @kernel lib/xarray.c: xas_load; folio_file_page */
  find(file: number, index: number): number {
    const leaf = this.files.get(file)?.get(Math.floor(index / LEAF))
    const entry = leaf === undefined ? 0 : this.leaves[leaf].entries[index % LEAF]
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
    for (const { region, entries } of this.leavesIn(file, index, Number.POSITIVE_INFINITY)) {
      const first = region * LEAF
      for (let i = Math.max(index - first, 0); i < LEAF; i++) if (entries[i] !== 0) return first + i
    }
    return CACHE_HOLE
  }

  /** Something is in the file's cache, or was. */
  has(file: number): boolean {
    return this.files.has(file)
  }

  /** Tells of each page present at [index, end), which may be infinite, by index. For events, once in a while. */
  visit(file: number, index: number, end: number, tell: (page: number, index: number) => void): void {
    for (const { region, entries } of this.leavesIn(file, index, end)) {
      const first = region * LEAF
      const stop = Math.min(LEAF, end - first)
      for (let i = Math.max(index - first, 0); i < stop; i++) {
        if (entries[i] >= 3) tell(entries[i] - 3, first + i)
      }
    }
  }

  /** Where a page row is: its file and index; null: nowhere. */
  placeOf(row: number): FilePlace | null {
    if (row >= this.leafOf.length) return null
    const { file, region, entries } = this.leaves[this.leafOf[row]]
    const at = entries.indexOf(row + 3)
    return at < 0 ? null : { file, index: region * LEAF + at }
  }

  /**
   * Takes everything from `index` on out, and tells the first page of each folio. One that begins before it stays as it is:
   * splitting it is not modelled, and fails in the kernel where somebody has a reference.
   * @kernel mm/truncate.c: truncate_inode_pages_range, truncate_inode_partial_folio
   */
  truncate(file: number, index: number, tell: (page: number) => void): void {
    for (const { region, entries } of this.leavesIn(file, index, Number.POSITIVE_INFINITY)) {
      const first = region * LEAF
      for (let i = Math.max(index - first, 0); i < LEAF; i++) {
        const page = entries[i] - 3
        const head = page < 0 ? page : this.pages.headOf(page)
        if (page >= 0 && first + i - (page - head) < index) continue
        entries[i] = 0
        if (page >= 0 && head === page) tell(page)
      }
    }
  }

  /** Leaves with an index of [index, end), by index. */
  private *leavesIn(file: number, index: number, end: number): Generator<Leaf> {
    const ofFile = this.files.get(file)
    if (ofFile === undefined || index >= end) return
    for (const leaf of ofFile.in(Math.floor(index / LEAF), Math.ceil(end / LEAF))) yield this.leaves[leaf]
  }

  private isEmpty(file: number, index: number, end: number): boolean {
    for (let i = index; i < end; i++) if (this.find(file, i) !== CACHE_HOLE) return false
    return true
  }

  private set(file: number, index: number, entry: number): void {
    const region = Math.floor(index / LEAF)
    let ofFile = this.files.get(file)
    if (ofFile === undefined) {
      ofFile = new CacheLeaves()
      this.files.set(file, ofFile)
    }
    let leaf = ofFile.get(region)
    if (leaf === undefined) {
      leaf = this.leaves.push({ file, region, entries: new Int32Array(LEAF) }) - 1
      ofFile.add(region, leaf)
    }
    this.leaves[leaf].entries[index % LEAF] = entry
    if (entry < 3) return
    this.leafOf = holding(this.leafOf, entry - 3)
    this.leafOf[entry - 3] = leaf
  }
}

/** Entries of {@link LEAF} indices of a file. */
interface Leaf {
  readonly file: number
  /** Their first index / {@link LEAF}. */
  readonly region: number
  readonly entries: Int32Array
}
