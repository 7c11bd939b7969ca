import { PAGE_UNKNOWN, type PageKind } from './page-kind.ts'

/** Pages that are kept together: 2 MiB of addresses. */
const BLOCK_PAGES = 512
/** Blocks of an address space. Beyond it one of them is forgotten: its pages are told anew when they are used again. */
const BLOCKS_MAX = 1 << 13
/** In a page's byte: an operation used it. */
const USED = 0x80

interface Block {
  readonly number: number
  readonly kinds: Uint8Array
  /** A forked process has it too: it is copied before it is changed. */
  isShared: boolean
}

/** What the rows of a trace told so far of the pages of an address space, a byte each. */
export class KnownPages {
  /** More memory was used than is kept track of. */
  wereForgotten = false
  /** By number. */
  private readonly blocks: Block[] = []
  /** Index that was found last. */
  private last = 0

  /** Blocks in use. */
  get size(): number {
    return this.blocks.length
  }

  /** The kind that a row told of the page. */
  kindOf(page: number): PageKind {
    return (this.byteOf(page) & ~USED) as PageKind
  }

  /** An operation used the page: what it is was seen, not only taken from its neighbours. */
  isUsed(page: number): boolean {
    return (this.byteOf(page) & USED) !== 0
  }

  /** An operation uses the page. */
  use(page: number, kind: PageKind): void {
    this.blockOf(page).kinds[page % BLOCK_PAGES] = kind | USED
  }

  /** A row told of the pages, in which an operation may use some. */
  tell(firstPage: number, endPage: number, kind: PageKind): void {
    for (let page = firstPage; page < endPage; ) {
      const end = Math.min(endPage, page - (page % BLOCK_PAGES) + BLOCK_PAGES)
      this.blockOf(page).kinds.fill(kind, page % BLOCK_PAGES, (page % BLOCK_PAGES) + (end - page))
      page = end
    }
  }

  /** The pages are gone, or others. True when something was known of them. */
  forget(firstPage: number, endPage: number): boolean {
    const from = this.placeOf(Math.floor(firstPage / BLOCK_PAGES))
    let wasKnown = false
    let to = from
    for (; to < this.blocks.length && this.blocks[to]!.number * BLOCK_PAGES < endPage; to++) {
      const first = Math.max(firstPage - this.blocks[to]!.number * BLOCK_PAGES, 0)
      const end = Math.min(endPage - this.blocks[to]!.number * BLOCK_PAGES, BLOCK_PAGES)
      const kinds = this.blocks[to]!.kinds.subarray(first, end)
      if (kinds.every((kind) => kind === PAGE_UNKNOWN)) continue
      wasKnown = true
      this.own(to).kinds.fill(PAGE_UNKNOWN, first, end)
    }
    // Blocks between the first and the last are empty now.
    const isEmpty = (at: number) => this.blocks[at]!.kinds.every((kind) => kind === PAGE_UNKNOWN)
    const firstEmpty = from < to && !isEmpty(from) ? from + 1 : from
    const endEmpty = firstEmpty < to && !isEmpty(to - 1) ? to - 1 : to
    this.blocks.splice(firstEmpty, endEmpty - firstEmpty)
    return wasKnown
  }

  /** What is known, for a process that was forked. */
  copy(): KnownPages {
    const copy = new KnownPages()
    for (const block of this.blocks) {
      block.isShared = true
      copy.blocks.push(block)
    }
    return copy
  }

  private byteOf(page: number): number {
    const number = Math.floor(page / BLOCK_PAGES)
    const block = this.blocks[this.placeOf(number)]
    if (block?.number !== number) return PAGE_UNKNOWN
    return block.kinds[page % BLOCK_PAGES]!
  }

  /** The block of a page, to be changed. */
  private blockOf(page: number): Block {
    const number = Math.floor(page / BLOCK_PAGES)
    const at = this.placeOf(number)
    if (this.blocks[at]?.number === number) return this.own(at)
    const block = { number, kinds: new Uint8Array(BLOCK_PAGES), isShared: false }
    this.blocks.splice(at, 0, block)
    if (this.blocks.length > BLOCKS_MAX) {
      this.wereForgotten = true
      this.blocks.splice(at === 0 ? this.blocks.length - 1 : 0, 1)
    }
    return block
  }

  private own(at: number): Block {
    const block = this.blocks[at]!
    if (!block.isShared) return block
    const own = { number: block.number, kinds: block.kinds.slice(), isShared: false }
    this.blocks[at] = own
    return own
  }

  /** Index of the first block of that number or a higher one. */
  private placeOf(number: number): number {
    if (this.blocks[this.last]?.number === number) return this.last
    let low = 0
    let high = this.blocks.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.blocks[middle]!.number >= number) high = middle
      else low = middle + 1
    }
    this.last = low
    return low
  }
}
