import type { CachedPages } from './cached-pages.ts'
import { type Mapping, NO_FILE, NO_TABLE } from './mapping.ts'
import type { MappingTable } from './mapping-table.ts'
import type { PageCache } from './page-cache.ts'
import { isAnonymous, type PageStore } from './page-store.ts'
import { type PageTables, rowOf } from './page-tables.ts'

/** Pages of one event that are looked at, or made present, at most: 4 GiB. */
export const EVENT_PAGES_MAX = 1 << 20

/** Told of the first page of a folio that left the page cache, whose reference is dropped with it. */
export type DropFolio = (head: number) => void

/**
 * Pages of files as their mappings show them, and what takes them out of the page cache: then no mapping has them any
 * more, and the next access finds a new folio. Whoever has a reference keeps the old one, which is no file's.
 * @kernel mm/truncate.c: truncate_pagecache, truncate_cleanup_folio; mm/memory.c: unmap_mapping_folio, unmap_mapping_range
 */
export class FilePages {
  /** By file, where a `map` row said so: stores to its pages wait for writeback, or do not. @kernel AS_STABLE_WRITES */
  readonly stable = new Map<number, boolean>()
  private readonly pages: PageStore
  private readonly tables: PageTables
  private readonly mappings: MappingTable
  private readonly cache: PageCache
  private readonly cached: CachedPages

  constructor(pages: PageStore, tables: PageTables, mappings: MappingTable, cache: PageCache, cached: CachedPages) {
    this.pages = pages
    this.tables = tables
    this.mappings = mappings
    this.cache = cache
    this.cached = cached
  }

  /** A mapping shows the file, or has shown it, or something is in its page cache. */
  isKnown(file: number): boolean {
    return this.mappings.isMapped(file) || this.cache.has(file)
  }

  /** Stores to the page wait for writeback, or do not, as {@link stable} has it of its file; undefined where it does not. */
  stableOf(page: number): boolean | undefined {
    const place = this.stable.size === 0 ? null : this.cache.placeOf(page)
    return place === null ? undefined : this.stable.get(place.file)
  }

  /** Makes the pages of [index, to) present that a mapping of the file shows, as whoever looks at one finds it: the first {@link EVENT_PAGES_MAX}. */
  populate(file: number, index: number, to: number): void {
    const end = Math.min(to, index + EVENT_PAGES_MAX)
    this.mappings.eachOfFile(file, index, end, (mapping) => {
      const { firstPage, endPage, fileShift } = mapping
      const stop = Math.min(endPage, end - fileShift)
      for (let page = Math.max(firstPage, index - fileShift); page < stop; page++) this.cached.find(mapping, page)
    })
  }

  /** The file ends before page `index`: with the pages go the copies that private mappings have of them. @kernel mm/truncate.c: truncate_pagecache */
  truncate(file: number, index: number, drop: DropFolio): void {
    this.unmap(file, index, Number.POSITIVE_INFINITY, true)
    this.cache.truncate(file, index, drop)
  }

  /** The folio with page `index` of the file leaves it. @kernel mm/filemap.c: filemap_remove_folio */
  remove(file: number, index: number, drop: DropFolio): void {
    const page = this.cache.find(file, index)
    if (page < 0) return
    const head = this.pages.headOf(page)
    const first = index - (page - head)
    const end = first + 2 ** this.pages.orderOf(head)
    this.unmap(file, first, end, false)
    this.cache.remove(file, first, end)
    drop(head)
  }

  /** Some page left its file while a mapping showed it. */
  get hasLost(): boolean {
    return this.cached.hasUnmapped
  }

  /** The page that a virtual page showed before it left its file, where nothing is there since; else -1. */
  lastAt(mm: number, page: number): number {
    return this.cached.lastAt(this.mappings.find(mm, page), page)
  }

  /** As {@link remove}: the folio at a virtual page, of a mapping whose file may have no name. */
  removeAt(mm: number, page: number, drop: DropFolio): void {
    const mapping = this.mappings.find(mm, page)
    const entry = this.tables.entryAt(mapping.id, page)
    if (entry === 0 || isAnonymous(this.pages.kindOf(rowOf(entry)))) return
    const head = this.pages.headOf(rowOf(entry))
    const first = page - (rowOf(entry) - head)
    if (mapping.file !== NO_FILE) this.remove(mapping.file, first + mapping.fileShift, drop)
    else this.removeUnnamed(mapping, first, head, drop)
  }

  private removeUnnamed(mapping: Mapping, first: number, head: number, drop: DropFolio): void {
    const end = first + 2 ** this.pages.orderOf(head)
    for (const other of this.mappings.showing(mapping, first, end)) this.cached.unmap(other, first, end, false)
    const { under } = mapping
    if (under !== NO_TABLE) for (let at = first; at < end; at++) this.tables.setEntry(under, at, 0)
    drop(head)
  }

  /** Takes [index, end) of a file out of every page table; copies of private mappings only with `evenCows`. @kernel mm/memory.c: unmap_mapping_range */
  private unmap(file: number, index: number, end: number, evenCows: boolean): void {
    this.mappings.eachOfFile(file, index, end, (mapping) =>
      this.cached.unmap(mapping, index - mapping.fileShift, end - mapping.fileShift, evenCows),
    )
  }
}
