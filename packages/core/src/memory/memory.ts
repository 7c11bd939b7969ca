import { AddressSpaces } from './address-spaces.ts'
import { PageBytes } from './page-bytes.ts'
import { PageCache } from './page-cache.ts'
import { PageStore } from './page-store.ts'

/** Everything that iterators point into: pages, who maps them, which file has them, and what they hold. */
export class Memory {
  readonly pages = new PageStore()
  readonly cache = new PageCache(this.pages)
  readonly spaces = new AddressSpaces(this.pages, this.cache)
  /** Contents; null where only counts matter. */
  bytes: PageBytes | null = null
  /** Where a walk of one page leaves its row: written and read at once. */
  readonly onePage = new Int32Array(1)

  /** Gives pages contents from now on: zeroes, or what `fill` writes. Off by default: 4 KiB for each page touched. */
  holdBytes(fill?: (page: number, bytes: Uint8Array) => void): PageBytes {
    this.bytes ??= new PageBytes(fill)
    this.spaces.bytes = this.bytes
    return this.bytes
  }
}
