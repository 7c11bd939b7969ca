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
    for (let i = 0; i < event.length; i++) this.storeTo(event, i, stored)
  }

  /**
   * A `dma` row of which some pages are held back: the others are stored to, and where any is held back an audit is told of
   * those here. Returns how many are held back.
   */
  beginOthers(
    { audit }: Operation,
    event: PageEvent,
    isHeldBack: (page: number) => boolean,
    stored: (page: number) => void,
  ): number {
    const held = event.isStore ? event.page.subarray(0, event.length).filter(isHeldBack).length : 0
    if (held === 0) this.begin(event, stored)
    if (held === 0) return 0
    for (let i = 0; i < event.length; i++) {
      const page = event.page[i]
      if (isHeldBack(page)) continue
      const [from, bytes] = [event.fromBytes[i], event.endBytes[i] - event.fromBytes[i]]
      if (event.id < 0) audit?.devices.store(page, from, bytes)
      else audit?.devices.begin(event.id, true, page, from, bytes)
      this.storeTo(event, i, stored)
    }
    return held
  }

  /** A `dma_end` row: what it stores has arrived. */
  end(id: number, stored: (page: number) => void): void {
    for (const { page } of this.open.filter((one) => one.id === id)) stored(page)
    this.open = this.open.filter((one) => one.id !== id)
  }

  /** A store with an id begins in a page. */
  beginPage(id: number, page: number): void {
    this.open.push({ id, page })
  }

  private storeTo({ id, page }: PageEvent, at: number, stored: (page: number) => void): void {
    if (id < 0) stored(page[at])
    else this.beginPage(id, page[at])
  }

  /** A device is storing into one of `pages` pages from row `page` on, or may be: not for I/O that still waits. */
  isAtWork({ borrows }: Operation, page: number, pages: number): boolean {
    if (this.open.some((one) => one.page >= page && one.page < page + pages)) return true
    for (let at = page; at < page + pages; at++) {
      for (let slot = borrows.first(at); slot !== 0; slot = borrows.nextOfPage[slot]) {
        if (borrows.isSource[slot] === ITER_DEST && borrows.isWaiting[slot] === 0) return true
      }
    }
    return false
  }
}

/** Bytes of a folio by its order. */
export function folioBytes(order: number): number {
  return PAGE_SIZE * 2 ** order
}
