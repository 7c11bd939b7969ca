import { PAGE_SIZE } from '../units.ts'
import { ZERO_PAGE } from './page-store.ts'

/**
 * What pages hold, for a model that moves data and not only counts. A page gets its bytes when they are first asked
 * for: zeroes, or what `fill` writes there. The zero page always holds zeroes.
 * @kernel include/linux/highmem.h: kmap_local_page
 */
export class PageBytes {
  private readonly fill: (page: number, bytes: Uint8Array) => void
  private contents: (Uint8Array | undefined)[] = []
  /** Pages that {@link forget} leaves alone. */
  private readonly kept = new Set<number>()

  constructor(fill: (page: number, bytes: Uint8Array) => void = () => {}) {
    this.fill = fill
  }

  /** The 4096 bytes of a page row, to read and to write. */
  bytesOf(page: number): Uint8Array {
    const known = this.contents[page]
    if (known !== undefined) return known
    const bytes = new Uint8Array(PAGE_SIZE)
    if (page !== ZERO_PAGE) this.fill(page, bytes)
    this.contents[page] = bytes
    return bytes
  }

  /** Up to `length` bytes from `offset` of a page on, as far as the page goes that holds them: an offset may reach into the rows behind. */
  piece(page: number, offset: number, length: number): Uint8Array {
    const row = page + Math.floor(offset / PAGE_SIZE)
    const from = offset % PAGE_SIZE
    return this.bytesOf(row).subarray(from, Math.min(from + length, PAGE_SIZE))
  }

  /** Makes `to` hold what `from` holds. @kernel mm/memory.c: copy_user_highpage */
  copyPage(from: number, to: number): void {
    this.bytesOf(to).set(this.bytesOf(from))
  }

  /** The page's content outlives {@link forget}, until it is dropped. It begins with zeroes. */
  keep(page: number): void {
    this.kept.add(page)
    this.contents[page] = new Uint8Array(PAGE_SIZE)
  }

  /** The page was freed: what it held is gone. */
  drop(page: number): void {
    this.kept.delete(page)
    delete this.contents[page]
  }

  /** Drops every content that is not kept: each page begins anew when it is next asked for. */
  forget(): void {
    const kept = [...this.kept].map((page) => [page, this.contents[page]] as const)
    this.contents = []
    for (const [page, bytes] of kept) this.contents[page] = bytes
  }
}
