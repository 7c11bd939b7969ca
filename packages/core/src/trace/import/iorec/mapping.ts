import type { PageKind } from './page-kind.ts'
import type { RecordedFile } from './recorded-file.ts'

/** A mapping of a process, or what is left of it. Never changed: a change makes another one, because forks share them. */
export interface Mapping {
  readonly firstPage: number
  readonly endPage: number
  readonly isShared: boolean
  /** Of huge pages. @kernel MAP_HUGETLB */
  readonly isHugetlb: boolean
  /** Null: anonymous. */
  readonly file: RecordedFile | null
  /** Index in the file of its first page. */
  readonly filePage: number
  readonly isReadable: boolean
  readonly isWritable: boolean
  /** What it allows is known at any time; else only what it allowed when it was made. */
  readonly isExact: boolean
  /** The `map` row that told of all of it; 0: none. */
  readonly whole: PageKind
}

/** Most mappings of one address space. @kernel include/linux/mm.h: DEFAULT_MAX_MAP_COUNT, 65530 */
const MAPPINGS_MAX = 1 << 16

/** The mappings of an address space, by address, none over another: a new one hides what was there. @kernel mm/mmap.c */
export class Mappings {
  /** There were more than MAPPINGS_MAX, and all of them were forgotten. */
  wereForgotten = false
  private list: Mapping[] = []
  private isShared = false
  /** The one that was found last. */
  private last: Mapping | null = null

  get size(): number {
    return this.list.length
  }

  /** The mapping of a page; null: none is known. */
  find(page: number): Mapping | null {
    const { last } = this
    if (last !== null && last.firstPage <= page && page < last.endPage) return last
    const mapping = this.list[this.placeOf(page)]
    if (mapping === undefined || mapping.firstPage > page) return null
    this.last = mapping
    return mapping
  }

  /** Puts a mapping in the place of what was there. */
  put(mapping: Mapping): void {
    this.replace(mapping.firstPage, mapping.endPage, [mapping])
    if (this.list.length <= MAPPINGS_MAX) return
    this.clear()
    this.wereForgotten = true
  }

  /** @kernel munmap(2) */
  remove(firstPage: number, endPage: number): void {
    this.replace(firstPage, endPage, [])
  }

  /** What is mapped in the range allows this from now on. @kernel mprotect(2) */
  protect(firstPage: number, endPage: number, isReadable: boolean, isWritable: boolean): void {
    this.replace(
      firstPage,
      endPage,
      this.within(firstPage, endPage).map((mapping) => ({ ...mapping, isReadable, isWritable })),
    )
  }

  /** The mappings in the range, cut to it. */
  within(firstPage: number, endPage: number): Mapping[] {
    const found: Mapping[] = []
    for (let at = this.placeOf(firstPage); at < this.list.length; at++) {
      const mapping = this.list[at]!
      if (mapping.firstPage >= endPage) break
      found.push(cut(mapping, Math.max(firstPage, mapping.firstPage), Math.min(endPage, mapping.endPage)))
    }
    return found
  }

  /** A `map` row told of all of the mapping. */
  setWhole(mapping: Mapping, whole: PageKind): void {
    this.replace(mapping.firstPage, mapping.endPage, [{ ...mapping, whole }])
  }

  /** The same mappings for a process that was forked. */
  copy(): Mappings {
    const copy = new Mappings()
    copy.list = this.list
    copy.isShared = true
    this.isShared = true
    return copy
  }

  private clear(): void {
    this.list = []
    this.last = null
  }

  /** Index of the first mapping that ends behind the page. */
  private placeOf(page: number): number {
    let low = 0
    let high = this.list.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.list[middle]!.endPage > page) high = middle
      else low = middle + 1
    }
    return low
  }

  private replace(firstPage: number, endPage: number, by: readonly Mapping[]): void {
    if (endPage <= firstPage) return
    this.last = null
    if (this.isShared) this.list = [...this.list]
    this.isShared = false
    const from = this.placeOf(firstPage)
    const old = this.list.slice(from, this.placeOf(endPage - 1) + 1).filter((mapping) => mapping.firstPage < endPage)
    const [first] = old
    const last = old.at(-1)
    const before = first !== undefined && first.firstPage < firstPage ? [cut(first, first.firstPage, firstPage)] : []
    const after = last !== undefined && last.endPage > endPage ? [cut(last, endPage, last.endPage)] : []
    this.list.splice(from, old.length, ...before, ...by, ...after)
  }
}

function cut(mapping: Mapping, firstPage: number, endPage: number): Mapping {
  return { ...mapping, firstPage, endPage, filePage: mapping.filePage + firstPage - mapping.firstPage }
}
