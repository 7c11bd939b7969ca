import { EINVAL } from '../errno.ts'
import { grown } from '../grown.ts'
import { invariant } from '../invariant.ts'
import type { PageStore } from '../memory/page-store.ts'
import { pagesSpanned } from '../units.ts'

/** The entry is a link to the next chunk. @kernel include/linux/scatterlist.h: SG_CHAIN */
export const SG_CHAIN = 1 << 0
/** The entry is the last of its list. @kernel include/linux/scatterlist.h: SG_END */
export const SG_END = 1 << 1
/** pinscope's own: the entry came from a user page, and the table's hold has the pin. @see IterToSg */
export const SG_PINNED = 1 << 2

/** No entry, where the kernel has NULL: row 0 is never used. */
export const SG_NONE = 0
/** Page of an entry that has none, where the kernel has NULL. */
export const SG_NO_PAGE = -1

/** Bytes of an entry. @kernel include/linux/scatterlist.h: struct scatterlist (64-bit, with DMA fields) */
export const SCATTERLIST_BYTES = 32

/** Entries of a list that one allocation holds at most: a page of 32-byte entries. @kernel include/linux/scatterlist.h: SG_MAX_SINGLE_ALLOC (64-bit) */
export const SG_MAX_SINGLE_ALLOC = 128
/** Entries of a chunk of the pools. @kernel include/linux/scatterlist.h: SG_CHUNK_SIZE */
export const SG_CHUNK_SIZE = 128
/** Most entries of a chained list; 128 where lists cannot be chained. @kernel include/linux/scatterlist.h: SG_MAX_SEGMENTS */
export const SG_MAX_SEGMENTS = 2048

/** Entries that exist at one time, at most, those of arrays given back included. */
export const SG_ENTRIES_MAX = 1 << 26

const SMALLEST_CLASS = 3

/**
 * `struct scatterlist` as columns: every entry of every list of a lane. An `sg` is a row of them, and where the kernel
 * counts a pointer up, the row is counted up: the entries of one array lie one behind the other.
 *
 * Arrays come in powers of two from 8 entries on ({@link take}), and one given back is used again, last given first: a
 * warm store allocates nothing. An entry takes no reference on its page.
 *
 * @kernel include/linux/scatterlist.h: struct scatterlist (page_link, offset, length). The same in 6.1, 6.12, 6.18 and
 *   mainline; the DMA fields are not modelled.
 */
export class Scatterlists {
  /** Row of the entry's first page; of a link, row of the entry it leads to. @kernel scatterlist.page_link */
  page = new Int32Array(1024)
  /** From the start of that page; beyond 4096 where the page is the head of a larger range. */
  offsetBytes = new Float64Array(1024)
  lengthBytes = new Float64Array(1024)
  /** {@link SG_CHAIN}, {@link SG_END}, {@link SG_PINNED}. */
  bits = new Uint8Array(1024)

  /** On the first entry of an array in use: log2 of its entries. 0 everywhere else. */
  private sizeClass = new Uint8Array(1024)
  /** First free array of each size; its `page` is the next one. */
  private free = new Int32Array(32).fill(SG_NONE)
  private used = 1

  /** An array of `entries` entries, its contents left over from before. */
  take(entries: number): number {
    invariant(entries > 0 && entries <= SG_ENTRIES_MAX, 'a scatterlist array has entries')
    const size = classOf(entries)
    let sg = this.free[size]
    if (sg === SG_NONE) {
      sg = this.used
      this.used += 2 ** size
      while (this.used > this.page.length) this.grow()
    } else this.free[size] = this.page[sg]
    this.sizeClass[sg] = size
    return sg
  }

  /** Gives an array of `entries` entries back, as it was taken. */
  give(sg: number, entries: number): void {
    const size = classOf(entries)
    invariant(this.sizeClass[sg] === size, 'no array of that size was taken there')
    this.sizeClass[sg] = 0
    this.page[sg] = this.free[size]
    this.free[size] = sg
  }

  /** Clears the `nents` entries from `sg` on and marks the last as the end. @kernel lib/scatterlist.c: sg_init_table */
  initTable(sg: number, nents: number): void {
    this.page.fill(SG_NO_PAGE, sg, sg + nents)
    this.offsetBytes.fill(0, sg, sg + nents)
    this.lengthBytes.fill(0, sg, sg + nents)
    this.bits.fill(0, sg, sg + nents)
    this.markEnd(sg + nents - 1)
  }

  /** Page row, length and offset in bytes; a mark of the end stays. @kernel include/linux/scatterlist.h: sg_set_page, sg_assign_page */
  setPage(sg: number, page: number, lengthBytes: number, offsetBytes: number): void {
    invariant((this.bits[sg] & SG_CHAIN) === 0, 'sg_set_page: the entry is a link')
    this.page[sg] = page
    this.offsetBytes[sg] = offsetBytes
    this.lengthBytes[sg] = lengthBytes
  }

  /** The entry is marked as the end. @kernel include/linux/scatterlist.h: sg_is_last */
  isLast(sg: number): boolean {
    return (this.bits[sg] & SG_END) !== 0
  }

  /** The entry is a link to a further array. @kernel include/linux/scatterlist.h: sg_is_chain */
  isChain(sg: number): boolean {
    return (this.bits[sg] & SG_CHAIN) !== 0
  }

  /** The list ends with this entry, which is a link no more. @kernel include/linux/scatterlist.h: sg_mark_end */
  markEnd(sg: number): void {
    this.bits[sg] = (this.bits[sg] | SG_END) & ~SG_CHAIN
  }

  /** Takes the end mark off. @kernel include/linux/scatterlist.h: sg_unmark_end */
  unmarkEnd(sg: number): void {
    this.bits[sg] &= ~SG_END
  }

  /** Makes the last of the `prvNents` entries from `prv` on a link to `sgl`. @kernel include/linux/scatterlist.h: sg_chain */
  chain(prv: number, prvNents: number, sgl: number): void {
    this.link(prv + prvNents - 1, sgl)
  }

  /** Makes an entry a link: length and offset 0, no end. @kernel include/linux/scatterlist.h: __sg_chain */
  link(sg: number, sgl: number): void {
    this.page[sg] = sgl
    this.offsetBytes[sg] = 0
    this.lengthBytes[sg] = 0
    this.bits[sg] = SG_CHAIN
  }

  /**
   * The next entry, across a link; {@link SG_NONE} after the one that is marked as the end. Past the entries of an array
   * without a mark it leads anywhere, as in the kernel. @kernel lib/scatterlist.c: sg_next (6.16 and later: inline in
   * include/linux/scatterlist.h)
   */
  next(sg: number): number {
    if ((this.bits[sg] & SG_END) !== 0) return SG_NONE
    return (this.bits[sg + 1] & SG_CHAIN) !== 0 ? this.page[sg + 1] : sg + 1
  }

  /** Entries up to the end mark; links are none. @kernel lib/scatterlist.c: sg_nents */
  nents(sgl: number): number {
    let nents = 0
    for (let sg = sgl; sg !== SG_NONE; sg = this.next(sg)) nents++
    return nents
  }

  /** Entries that hold the first `lengthBytes` bytes: 0 for none, -EINVAL for a list too short. @kernel lib/scatterlist.c: sg_nents_for_len */
  nentsForLen(sgl: number, lengthBytes: number): number {
    if (lengthBytes === 0) return 0
    let nents = 0
    let total = 0
    for (let sg = sgl; sg !== SG_NONE; sg = this.next(sg)) {
      nents++
      total += this.lengthBytes[sg]
      if (total >= lengthBytes) return nents
    }
    return EINVAL
  }

  /** The last of `nents` entries, which must be marked as the end (a BUG in the kernel). @kernel lib/scatterlist.c: sg_last */
  last(sgl: number, nents: number): number {
    let last = SG_NONE
    let sg = sgl
    for (let i = 0; i < nents; i++) {
      last = sg
      sg = this.next(sg)
    }
    invariant(last !== SG_NONE && this.isLast(last), 'sg_last: the entry is not marked as the end')
    return last
  }

  /** Pages from the entry's page to the page of its last byte, those before its offset included. @kernel lib/scatterlist.c: sg_page_count */
  pageCount(sg: number): number {
    return pagesSpanned(this.offsetBytes[sg], this.lengthBytes[sg])
  }

  private grow(): void {
    const capacity = this.page.length * 2
    invariant(capacity <= SG_ENTRIES_MAX, 'more scatterlist entries exist than SG_ENTRIES_MAX')
    this.page = grown(this.page, capacity)
    this.offsetBytes = grown(this.offsetBytes, capacity)
    this.lengthBytes = grown(this.lengthBytes, capacity)
    this.bits = grown(this.bits, capacity)
    this.sizeClass = grown(this.sizeClass, capacity)
  }
}

/** log2 of the smallest array that holds `entries`. */
function classOf(entries: number): number {
  const size = 32 - Math.clz32(entries - 1)
  return size < SMALLEST_CLASS ? SMALLEST_CLASS : size
}

/**
 * Row of the page `n` pages behind a page, in physical memory: by frame number where the page has one, else within its
 * folio, whose rows follow each other. @kernel include/linux/mm.h: nth_page
 */
export function nthPage(pages: PageStore, page: number, n: number): number {
  if (n === 0) return page
  const frame = pages.frameOf(page)
  return frame < 0 ? page + n : pages.pageOfFrame(frame + n)
}
