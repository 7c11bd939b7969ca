import { grown } from '../grown.ts'
import { USER_PAGES_END } from '../memory/address-spaces.ts'
import {
  MAPPING_COW,
  MAPPING_FSDAX,
  MAPPING_NO_ACCESS,
  MAPPING_NO_PAGES,
  MAPPING_P2PDMA,
  MAPPING_READ_ONLY,
  MAPPING_SECRET,
  MAPPING_TRACKED,
  MAPPING_UNDECLARED,
  type Mapping,
  NO_FILE,
  NO_TABLE,
} from '../memory/mapping.ts'
import type { Memory } from '../memory/memory.ts'
import { KIND_ANON, KIND_HUGETLB, KIND_SHMEM, KIND_THP } from '../memory/page-store.ts'
import { PAGE_SIZE } from '../units.ts'

/** log2 of the pages of a leaf: 512 MiB. */
const LEAF_SHIFT = 17
const LEAF_PAGES = 1 << LEAF_SHIFT
export const LEAF_BYTES = LEAF_PAGES * PAGE_SIZE
/** Pages that have a class in common: 2 MiB. */
const CLASS_SHIFT = 9
const CLASSES_PER_LEAF = LEAF_PAGES >> CLASS_SHIFT
const WORDS_PER_LEAF = LEAF_PAGES >> 5

/** Leaves at most, 16 KiB each: 1 TiB of memory in one piece. What lies in further ones is never settled. */
export const LEAVES_MAX = 2048

/** Nothing settled there yet, and pages of several classes. */
const CLASS_NONE = 0
const CLASS_MIXED = 255
const ORDER_BITS = 5
/** Of memory that no `map` row declares: a replay warns of it, so that the first such operation is done in full. */
const CLASS_UNDECLARED = 1 << 8

/** Pages that are what they are for good, once they are there. */
const PLAIN_KINDS = [KIND_ANON, KIND_THP, KIND_HUGETLB, KIND_SHMEM]
/** Mappings that refuse an operation of one direction, or of one sort. @kernel mm/gup.c: check_vma_flags */
const MAPPING_REFUSING =
  MAPPING_READ_ONLY |
  MAPPING_NO_ACCESS |
  MAPPING_NO_PAGES |
  MAPPING_SECRET |
  MAPPING_FSDAX |
  MAPPING_P2PDMA |
  MAPPING_TRACKED

/**
 * The pages that operations went over in full, a bit a page, by virtual address. To work on such a page again changes
 * nothing that lasts: it is there, and it is the address space's own. Whoever changes memory in another way calls
 * {@link forget}.
 *
 * The class of a page is its kind and the order of its folio; 2 MiB with pages of several classes are not settled.
 * @kernel mm/gup.c: gup_fast_pte_range, which finds a present page and asks nobody
 */
export class SettledPages {
  /** Leaf after leaf. */
  bits = new Int32Array(0)
  /** Leaf after leaf: class of each 2 MiB. */
  classes = new Uint8Array(0)

  /**
   * Memory that needs no look at its pages, bytes [first, end) of address space {@link plainMm}: a mapping of anonymous,
   * hugetlb or shared memory that was touched, and that nothing happened to. The model makes its pages when they are asked for; to
   * be asked the first time is no more than the second. The class of all of it.
   */
  plainFirst = 0
  plainEnd = 0
  plainMm = 0
  plainClass = CLASS_NONE

  private readonly memory: Memory
  private leaves = 0
  private keyMm = new Int32Array(64)
  private keyRegion = new Int32Array(64).fill(-1)
  private leafAt = new Int32Array(64)

  constructor(memory: Memory) {
    this.memory = memory
  }

  /** The leaf of `region` = address / {@link LEAF_BYTES} of an address space, -1 where there is none. */
  find(mm: number, region: number): number {
    const { keyMm, keyRegion } = this
    const mask = keyRegion.length - 1
    let slot = hashOf(mm, region) & mask
    while (keyRegion[slot] !== -1) {
      if (keyRegion[slot] === region && keyMm[slot] === mm) return this.leafAt[slot]
      slot = (slot + 1) & mask
    }
    return -1
  }

  /** The class of the pages of `bytes` bytes at `addresses[index]`, 0 where they are not settled; finds {@link plainFirst} and its kin anew. */
  classAt(mm: number, addresses: Float64Array, index: number, bytes: number): number {
    const address = addresses[index]
    const page = Math.floor(address / PAGE_SIZE)
    this.setPlain(mm, this.memory.spaces.find(mm, page))
    if (address >= this.plainFirst && address + bytes <= this.plainEnd) return this.plainClass
    const region = Math.floor(page / LEAF_PAGES)
    const leaf = this.find(mm, region)
    const pages = Math.ceil((address + bytes) / PAGE_SIZE) - page
    return leaf < 0 ? CLASS_NONE : this.classIn(leaf, page - region * LEAF_PAGES, pages)
  }

  private setPlain(mm: number, { firstPage, endPage, kind, order, flags, under, file }: Mapping): void {
    const isPlain =
      PLAIN_KINDS.includes(kind) &&
      under === NO_TABLE &&
      file === NO_FILE &&
      (flags & ~(MAPPING_UNDECLARED | MAPPING_COW)) === 0
    const folioPages = 2 ** order
    // Where no whole folio fits in, at the ends of the mapping, are other pages.
    const first = Math.ceil(firstPage / folioPages) * folioPages
    const end = Math.floor(Math.min(endPage, USER_PAGES_END) / folioPages) * folioPages
    this.plainMm = mm
    this.plainFirst = first * PAGE_SIZE
    this.plainEnd = isPlain ? end * PAGE_SIZE : 0
    const undeclared = (flags & MAPPING_UNDECLARED) === 0 ? 0 : CLASS_UNDECLARED
    this.plainClass = ((kind + 1) << ORDER_BITS) | order | undeclared
  }

  /** An operation went over the `bytes` bytes at `address` in full. */
  settle(mm: number, address: number, bytes: number): void {
    const first = Math.floor(address / PAGE_SIZE)
    const pages = Math.ceil((address + bytes) / PAGE_SIZE) - first
    const region = Math.floor(first / LEAF_PAGES)
    const from = first - region * LEAF_PAGES
    if (from + pages > LEAF_PAGES || first + pages > USER_PAGES_END) return
    const leaf = this.leafOf(mm, region)
    if (leaf < 0) return
    const word = leaf * WORDS_PER_LEAF
    for (let p = from; p < from + pages; p++) {
      if ((this.bits[word + (p >> 5)]! & (1 << (p & 31))) !== 0) continue
      const found = this.classOf(mm, first + p - from)
      if (found === CLASS_NONE) return
      const at = leaf * CLASSES_PER_LEAF + (p >> CLASS_SHIFT)
      if (this.classes[at] === CLASS_NONE) this.classes[at] = found
      else if (this.classes[at] !== found) this.classes[at] = CLASS_MIXED
      this.bits[word + (p >> 5)]! |= 1 << (p & 31)
    }
  }

  /**
   * The class of `pages` pages from page `from` of a leaf on, all of them settled; 0 where some page is not, or where there
   * are several classes.
   */
  classIn(leaf: number, from: number, pages: number): number {
    const last = from + pages - 1
    if (last >= LEAF_PAGES) return CLASS_NONE
    const at = leaf * CLASSES_PER_LEAF
    const found = this.classes[at + (from >> CLASS_SHIFT)]
    if (found === CLASS_MIXED) return CLASS_NONE
    for (let next = (from >> CLASS_SHIFT) + 1; next <= last >> CLASS_SHIFT; next++) {
      if (this.classes[at + next] !== found) return CLASS_NONE
    }
    const { bits } = this
    let word = leaf * WORDS_PER_LEAF + (from >> 5)
    let bit = from & 31
    let left = pages
    while (bit + left > 32) {
      const mask = -1 << bit
      if ((bits[word] & mask) !== mask) return CLASS_NONE
      left -= 32 - bit
      bit = 0
      word++
    }
    const mask = (left === 32 ? -1 : (1 << left) - 1) << bit
    return (bits[word] & mask) === mask ? found : CLASS_NONE
  }

  /** Nothing is settled any more. */
  forget(): void {
    this.plainEnd = 0
    if (this.leaves === 0) return
    this.leaves = 0
    this.keyRegion.fill(-1)
    this.bits.fill(0)
    this.classes.fill(0)
  }

  /** Class of the page that is there: 0 where there is none, one that an operation may change, or one that some may not take. */
  private classOf(mm: number, page: number): number {
    const { spaces, pages } = this.memory
    const row = spaces.pageAt(mm, page)
    const { flags } = spaces.find(mm, page)
    if (row < 0 || (flags & MAPPING_REFUSING) !== 0) return CLASS_NONE
    const kind = pages.kindOf(row)
    if (!PLAIN_KINDS.includes(kind)) return CLASS_NONE
    // A page of a shared mapping is the same one whoever writes to it.
    if ((flags & MAPPING_COW) !== 0 && !pages.isExclusive(row)) return CLASS_NONE
    return ((kind + 1) << ORDER_BITS) | pages.orderOf(row)
  }

  private leafOf(mm: number, region: number): number {
    const known = this.find(mm, region)
    if (known >= 0 || this.leaves === LEAVES_MAX) return known
    if ((this.leaves + 1) * 2 > this.keyRegion.length) this.growIndex()
    const leaf = this.leaves++
    const words = this.leaves * WORDS_PER_LEAF
    if (words > this.bits.length) {
      const capacity = Math.max(this.leaves, (this.leaves - 1) * 2)
      this.bits = grown(this.bits, capacity * WORDS_PER_LEAF)
      this.classes = grown(this.classes, capacity * CLASSES_PER_LEAF)
    }
    this.insert(mm, region, leaf)
    return leaf
  }

  private insert(mm: number, region: number, leaf: number): void {
    const { keyMm, keyRegion } = this
    const mask = keyRegion.length - 1
    let slot = hashOf(mm, region) & mask
    while (keyRegion[slot] !== -1) slot = (slot + 1) & mask
    keyMm[slot] = mm
    keyRegion[slot] = region
    this.leafAt[slot] = leaf
  }

  private growIndex(): void {
    const { keyMm, keyRegion, leafAt } = this
    const capacity = keyRegion.length * 2
    this.keyMm = new Int32Array(capacity)
    this.keyRegion = new Int32Array(capacity).fill(-1)
    this.leafAt = new Int32Array(capacity)
    for (let i = 0; i < keyRegion.length; i++) {
      if (keyRegion[i] !== -1) this.insert(keyMm[i], keyRegion[i], leafAt[i])
    }
  }
}

/** The order of the folios of a class. */
export function orderOfClass(found: number): number {
  return found & ((1 << ORDER_BITS) - 1)
}

function hashOf(mm: number, region: number): number {
  return (Math.imul(region, 0x9e3779b1) + Math.imul(mm, 0x85ebca6b)) >>> 8
}
