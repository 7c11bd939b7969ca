import { grown } from '../grown.ts'
import { invariant } from '../invariant.ts'
import type { Memory } from '../memory/memory.ts'
import { PageBits } from '../memory/page-bits.ts'
import { KIND_ANON } from '../memory/page-store.ts'
import { PAGE_SIZE } from '../units.ts'
import type { Allocations } from './allocations.ts'
import type { MappingReferences } from './mapping-references.ts'

/**
 * Pages that a consumer allocates itself: to copy through, or to keep what was sent. They have reference counts as any
 * page, but none of them is a page of the I/O: they are in no sum of pins and references, only in that of allocations.
 * A page freed is used again, last freed first.
 * @kernel include/linux/gfp.h: alloc_page, __free_page; include/linux/mm.h: get_page, put_page
 */
export class OwnedPages {
  private readonly memory: Memory
  private readonly references: MappingReferences
  private readonly allocations: Allocations
  private readonly fails: () => boolean
  /** Rows that were freed: a stack. */
  private free = new Int32Array(256)
  private freeCount = 0
  private readonly allocated = new PageBits()

  /** `fails` is asked before each allocation. */
  constructor(memory: Memory, references: MappingReferences, allocations: Allocations, fails: () => boolean) {
    this.memory = memory
    this.references = references
    this.allocations = allocations
    this.fails = fails
  }

  /** Row of a page with one reference and undefined contents; -1 when none can be had. @kernel alloc_page */
  alloc(): number {
    if (this.fails()) return -1
    const page = this.freeCount > 0 ? this.free[--this.freeCount] : this.memory.pages.allocateFolio(0, KIND_ANON)
    this.allocated.set(page)
    this.allocations.take(PAGE_SIZE)
    if (this.memory.bytes !== null) this.memory.bytes.keep(page)
    return page
  }

  /** One more reference. @kernel get_page */
  get(page: number): void {
    this.check(page)
    this.references.get(page)
  }

  /** Drops a reference; true when it was the last one, and the page is freed. @kernel put_page, __free_page */
  put(page: number): boolean {
    this.check(page)
    if (this.refcount(page) > 1) {
      this.references.put(page)
      return false
    }
    this.allocated.clear(page)
    if (this.freeCount === this.free.length) this.free = grown(this.free, this.freeCount * 2)
    this.free[this.freeCount++] = page
    this.allocations.give(PAGE_SIZE)
    if (this.memory.bytes !== null) this.memory.bytes.drop(page)
    return true
  }

  /** References on a page that is allocated. @kernel include/linux/page_ref.h: page_count */
  refcount(page: number): number {
    return this.memory.pages.refcountOf(page)
  }

  private check(page: number): void {
    invariant(this.allocated.has(page), 'a page of the consumer was used after it was freed')
  }
}
