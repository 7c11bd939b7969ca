import { invariant } from '../invariant.ts'
import { kindFlags, MAPPING_UNDECLARED, type Mapping, NO_FILE, NO_TABLE } from './mapping.ts'
import { KIND_ANON, KIND_SLAB } from './page-store.ts'

/** Address space of kernel addresses (kvec), where no process's mapping reaches. @kernel mm/init-mm.c: init_mm */
export const KERNEL_MM = -1

/** End of every address space, in pages: addresses stop at 2^53. */
const PAGES_END = 2 ** 41

/**
 * The mappings of every address space, sorted, without gaps or overlaps, covering everything. An address that no row ever
 * mentioned is taken as touched anonymous memory (small pages), and for kernel addresses as slab, because most recorders
 * do not see every mapping.
 * @kernel include/linux/mm_types.h: struct mm_struct (mm_mt)
 */
export class MappingTable {
  private readonly byMm = new Map<number, Mapping[]>()
  /** By file, the address spaces with a mapping that shows it, or showed it. */
  private readonly files = new Map<number, Set<number>>()
  private ids = 0

  /** A table id that nothing has. */
  newId(): number {
    return this.ids++
  }

  has(mm: number): boolean {
    return this.byMm.has(mm)
  }

  /** Every mapping of an address space, by address. */
  all(mm: number): readonly Mapping[] {
    return this.listOf(mm)
  }

  /** The mapping that covers a virtual page. */
  find(mm: number, page: number): Mapping {
    const list = this.all(mm)
    return list[indexOf(list, page)]
  }

  /** The address space that maps a virtual page through a table; undefined: none does. */
  mmOf(table: number, page: number): number | undefined {
    return [...this.byMm.keys()].find((mm) => this.find(mm, page).id === table)
  }

  /** The mappings with a page in [firstPage, endPage). */
  overlapping(mm: number, firstPage: number, endPage: number): readonly Mapping[] {
    const list = this.all(mm)
    return list.slice(indexOf(list, firstPage), indexOf(list, endPage - 1) + 1)
  }

  /** Puts a mapping in the place of what was there. What is left of that on either side stays. */
  put(mm: number, mapping: Mapping): void {
    const list = this.listOf(mm)
    const { firstPage, endPage } = mapping
    this.note(mm, mapping)
    const from = indexOf(list, firstPage)
    const to = indexOf(list, endPage - 1)
    const around: Mapping[] = []
    if (list[from].firstPage < firstPage) around.push({ ...list[from], endPage: firstPage })
    around.push(mapping)
    if (list[to].endPage > endPage) around.push({ ...list[to], firstPage: endPage })
    list.splice(from, to - from + 1, ...around)
  }

  /** Gives an address space all its mappings anew. */
  setAll(mm: number, mappings: readonly Mapping[]): void {
    this.byMm.set(mm, [...mappings])
    for (const mapping of mappings) this.note(mm, mapping)
  }

  delete(mm: number): void {
    this.byMm.delete(mm)
  }

  /** The mappings of every address space that lie over the table `under` and have a page in [firstPage, endPage). */
  over(under: number, firstPage: number, endPage: number): Mapping[] {
    return [...this.byMm.keys()].flatMap((mm) =>
      this.overlapping(mm, firstPage, endPage).filter((mapping) => mapping.under === under),
    )
  }

  /** The mappings of every address space that have a page of [firstPage, endPage) in common with one whose file has no name. */
  showing({ id, under }: Mapping, firstPage: number, endPage: number): Mapping[] {
    const isSame = (one: Mapping): boolean => one.id === id || (under !== NO_TABLE && one.under === under)
    return [...this.byMm.keys()].flatMap((mm) => this.overlapping(mm, firstPage, endPage).filter(isSame))
  }

  /** Tells of every mapping of a file that shows a page of [index, end) of it. @kernel include/linux/fs.h: struct address_space.i_mmap */
  eachOfFile(file: number, index: number, end: number, tell: (mapping: Mapping, mm: number) => void): void {
    for (const mm of this.files.get(file) ?? []) {
      for (const mapping of this.byMm.get(mm) ?? []) {
        const { fileShift, firstPage, endPage } = mapping
        if (mapping.file === file && firstPage + fileShift < end && endPage + fileShift > index) tell(mapping, mm)
      }
    }
  }

  /** Some mapping shows, or showed, the file. */
  isMapped(file: number): boolean {
    return this.files.has(file)
  }

  /** Takes over the mappings of another table; this one must have none. */
  copy(from: MappingTable): void {
    invariant(this.byMm.size === 0, 'mappings are copied before any is made')
    this.ids = from.ids
    for (const [file, mms] of from.files) this.files.set(file, new Set(mms))
    for (const [mm, mappings] of from.byMm) this.byMm.set(mm, [...mappings])
  }

  private note(mm: number, { file }: Mapping): void {
    if (file === NO_FILE) return
    const mms = this.files.get(file) ?? new Set<number>()
    this.files.set(file, mms.add(mm))
  }

  private listOf(mm: number): Mapping[] {
    let list = this.byMm.get(mm)
    if (list === undefined) {
      const isKernel = mm === KERNEL_MM
      const kind = isKernel ? KIND_SLAB : KIND_ANON
      // Nobody maps kernel memory row by row: that it is undeclared is no news.
      const flags = kindFlags(kind, isKernel ? 0 : MAPPING_UNDECLARED)
      const range = { firstPage: 0, endPage: PAGES_END, kind, order: 0, flags }
      list = [{ id: this.newId(), ...range, under: NO_TABLE, file: NO_FILE, fileShift: 0 }]
      this.byMm.set(mm, list)
    }
    return list
  }
}

/** Index of the mapping that covers `page` in a sorted list without gaps. */
function indexOf(list: readonly Mapping[], page: number): number {
  let low = 0
  let high = list.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (list[middle].firstPage <= page) low = middle
    else high = middle - 1
  }
  return low
}
