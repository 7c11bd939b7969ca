import { type Entry, PAGE, type Page, since, type Version } from '../../../core/test/consumer-twin/slow-common.ts'

/** A struct nfs_page: a part of one page, with a reference of its own. */
export interface NfsPage {
  readonly page: Page
  offset: number
  length: number
}

/** At most so many pages fit in the page array of a request: a page of pointers. */
const ARRAY_PAGES_MAX = PAGE / 8

/**
 * struct nfs_pageio_descriptor: nfs_pages in the order of the file become requests of at most `size` bytes. One that does
 * not fit whole is split. fs/nfs/pagelist.c: __nfs_pageio_add_request(), nfs_coalesce_size()
 */
export class SlowPageio {
  /** Requests that were sent, or will be at the end. */
  readonly requests: NfsPage[][] = []
  /** Times that a request was full. */
  limitHits = 0
  private readonly version: Version
  private readonly size: number
  /** Called for each nfs_page that a split makes. */
  private readonly onSplit: (part: NfsPage) => void
  private current: NfsPage[] = []

  constructor(version: Version, size: number, onSplit: (part: NfsPage) => void) {
    this.version = version
    this.size = size
    this.onSplit = onSplit
  }

  add(page: NfsPage): void {
    for (;;) {
      const fits = this.room(page)
      if (fits === page.length) {
        this.current.push(page)
        return
      }
      if (fits === 0) {
        this.send()
        continue
      }
      const part = { page: page.page, offset: page.offset, length: fits }
      this.onSplit(part)
      this.current.push(part)
      page.offset += fits
      page.length -= fits
    }
  }

  send(): void {
    if (this.current.length > 0) this.requests.push(this.current)
    this.current = []
  }

  /** Bytes of `next` that the request under way can take. */
  private room(next: NfsPage): number {
    const last = this.current.at(-1)
    if (last !== undefined && !this.meet(last, next)) return 0
    const count = this.current.reduce((sum, { length }) => sum + length, 0)
    // nfs_generic_pg_test
    const isLong = Math.floor((count + next.length) / PAGE) > ARRAY_PAGES_MAX
    const fits = isLong ? 0 : Math.min(this.size - count, next.length)
    if (fits < next.length) this.limitHits++
    return fits
  }

  /** The bytes can lie in one array of pages. 6.1: nfs_coalesce_size; later nfs_page_is_contiguous. */
  private meet(last: NfsPage, next: NfsPage): boolean {
    const end = last.offset + last.length
    const isSame = last.page === next.page
    if (!since(this.version, '6.12')) return isSame ? next.offset === end : next.offset === 0 && end === PAGE
    if (next.offset === 0) return end === PAGE
    return next.offset === end && isSame
  }
}

/** nfs_pages of one extraction. */
export function nfsPages(entries: readonly Entry[]): NfsPage[] {
  return entries.map(({ page, offset, length }) => ({ page, offset, length }))
}
