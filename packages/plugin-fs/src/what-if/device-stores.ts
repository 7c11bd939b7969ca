import { ITER_DEST, type Operation, PAGE_SIZE, type PageEvent } from '@pinscope/core'

interface StoreUnderWay {
  readonly id: number
  readonly page: number
}

/**
 * Stores of devices that are under way: from a `dma` row with an id to its `dma_end`, and those of direct I/O, which may
 * come at any time until it is over. What a copy is torn by.
 */
export class DeviceStores {
  private open: StoreUnderWay[] = []

  /** A `dma` row: of a store with an id the pages are at work, of one without each page is told to `stored` at once. */
  begin(event: PageEvent, stored: (page: number) => void): void {
    if (!event.isStore) return
    for (let i = 0; i < event.length; i++) {
      if (event.id < 0) stored(event.page[i])
      else this.open.push({ id: event.id, page: event.page[i] })
    }
  }

  /** A `dma_end` row: what it stores has arrived. */
  end(id: number, stored: (page: number) => void): void {
    for (const { page } of this.open.filter((one) => one.id === id)) stored(page)
    this.open = this.open.filter((one) => one.id !== id)
  }

  /** A device is storing into one of `pages` pages from row `page` on, or may be. */
  isAtWork({ borrows }: Operation, page: number, pages: number): boolean {
    if (this.open.some((one) => one.page >= page && one.page < page + pages)) return true
    for (let at = page; at < page + pages; at++) {
      for (let slot = borrows.first(at); slot !== 0; slot = borrows.nextOfPage[slot]) {
        if (borrows.isSource[slot] === ITER_DEST) return true
      }
    }
    return false
  }
}

/** Bytes of a folio by its order. */
export function folioBytes(order: number): number {
  return PAGE_SIZE * 2 ** order
}
