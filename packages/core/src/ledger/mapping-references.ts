import { grown } from '../grown.ts'
import type { PageReferences } from '../memory/page-references.ts'
import type { PageStore } from '../memory/page-store.ts'
import type { FolioCounts } from './folio-counts.ts'

/**
 * The references that mappings hold, and whoever else owns pages and is not replayed. They move counts and no sum of the
 * ledger; how far they moved each count is known, so that the rest can be told from them.
 * @kernel mm/memory.c: page references of page-table entries
 */
export class MappingReferences implements PageReferences {
  private readonly pages: PageStore
  private readonly counts: FolioCounts
  /** By head page: taken less dropped. The reference with which a folio was allocated is not in it. */
  private net = new Int32Array(1024)

  constructor(pages: PageStore, counts: FolioCounts) {
    this.pages = pages
    this.counts = counts
  }

  get(page: number): void {
    this.counts.get(page)
    this.note(page, 1)
  }

  put(page: number): void {
    this.counts.put(page)
    this.note(page, -1)
  }

  /** True when no folio has a reference or pin but those of mappings and the one with which it was allocated. */
  areAll(): boolean {
    const { length, head } = this.pages
    for (let page = 0; page < length; page++) if (head[page] === page && this.hasOthers(page)) return false
    return true
  }

  /** The folio with that head page has a reference or pin beyond those of mappings and the one with which it was allocated. */
  hasOthers(head: number): boolean {
    const mapped = head < this.net.length ? this.net[head] : 0
    return this.pages.refcount[head] !== 1 + mapped || this.pages.pincount[head] !== 0
  }

  private note(page: number, by: number): void {
    const head = this.pages.head[page]
    if (head >= this.net.length) this.net = grown(this.net, this.pages.refcount.length)
    this.net[head] += by
  }
}
