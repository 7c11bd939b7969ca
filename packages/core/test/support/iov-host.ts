import { FOLIOQ_SLOTS, type FolioQueue } from '../../src/iter/folio-queue.ts'
import { Ledger } from '../../src/ledger/ledger.ts'
import { KERNEL_MM } from '../../src/memory/address-spaces.ts'
import { MAPPING_NO_ACCESS, MAPPING_READ_ONLY } from '../../src/memory/mapping.ts'
import { Memory } from '../../src/memory/memory.ts'
import { PAGE_KINDS } from '../../src/memory/page-store.ts'
import { PAGE_SIZE } from '../../src/units.ts'
import type { SlowFolio, SlowQueueSegment, SlowWorld } from '../model/iov/index.ts'
import { CASE_PAGES, filePieces, HOLE, HUGETLB, type IovCase, VALUE } from './iov-case.ts'

const KIND_ANON = PAGE_KINDS.indexOf('anon')
const KIND_FILE = PAGE_KINDS.indexOf('file')
const KIND_HUGETLB = PAGE_KINDS.indexOf('hugetlb')
const KIND_PFN = PAGE_KINDS.indexOf('pfn')
const KIND_SLAB = PAGE_KINDS.indexOf('slab')
const KIND_THP = PAGE_KINDS.indexOf('thp')

/** Page numbers where user memory, kernel memory and frames of the first case begin. */
const USER_FIRST = 0x10000
const KERNEL_FIRST = 0x80000
const FRAME_FIRST = 0x1000

/** In the twin's frame numbers: from here on it is a page by its row in the fast memory. */
const BY_ROW = 2 ** 40

const numbered = (letter: string) => Array.from({ length: CASE_PAGES }, (_, n) => `${letter}${n}`)
const USER_NAMES = numbered('u')
const KERNEL_NAMES = numbered('k')
const FRAME_NAMES = numbered('f')

/** The segments of a queue and the folios of a file as the twin has them; a test may change both. */
export type MutableQueue = (SlowQueueSegment & { readonly slots: SlowQueueSegment['slots'][number][] })[]
export type MutableFile = Map<number, SlowFolio>

/**
 * The memory that a case lies in, twice: the fast one, and the twin's by names. Names tell what a page is: `u3` is the
 * fourth user page of the case, `k`, `f` the same of kernel memory and frames, `q` pages of a queue, `x` pages of a file,
 * `p` pages of a pipe in order of their allocation. Cases follow each other in one memory, each in pages of its own.
 */
export class IovHost {
  readonly memory = new Memory()
  readonly ledger = new Ledger(this.memory.pages)
  /** Names by row; those of earlier cases stay. */
  readonly nameOf: string[] = []
  readonly rowOf = new Map<string, number>()
  /** References that each folio has by itself, by its head page. */
  readonly baseOf = new Map<number, number>()
  /** Pages of the current case whose contents the fast library asked for. */
  readonly touched: string[] = []
  readonly world: SlowWorld
  /** Cases so far. */
  cases = 0
  private first = 0
  private files = 0
  private refused: ReadonlySet<number> = new Set()
  private readOnly: ReadonlySet<number> = new Set()
  private slab: ReadonlySet<string> = new Set()

  constructor(hasContents = true) {
    this.memory.spaces.references = this.ledger.mappingReferences
    if (hasContents) this.memory.holdBytes((row, bytes) => this.fill(row, bytes))
    this.world = {
      userPage: (page, write) => this.userPage(page - USER_FIRST - this.first, write),
      kernelPage: (page) => KERNEL_NAMES[page - KERNEL_FIRST - this.first] ?? outside(),
      framePage: (frame) =>
        frame >= BY_ROW ? this.nameOf[frame - BY_ROW]! : (FRAME_NAMES[frame - FRAME_FIRST - this.first] ?? outside()),
      isSlab: (name) => this.slab.has(name),
      bytes: new Contents(),
    }
  }

  /** Makes room for a case: what it names are pages that no case before it had. */
  open({ type, refused, readOnly, slab, userOrder }: IovCase): void {
    this.first = this.cases++ * CASE_PAGES
    this.rowOf.clear()
    this.baseOf.clear()
    this.touched.length = 0
    this.world.bytes.clear()
    this.refused = new Set()
    this.readOnly = new Set(readOnly)
    this.slab = new Set(slab.map((n) => FRAME_NAMES[n]!))
    if (type === 'kvec') this.nameWalked(KERNEL_MM, KERNEL_FIRST, KERNEL_NAMES)
    if (type === 'bvec') this.nameFrames(slab)
    if (type === 'ubuf' || type === 'iovec') {
      if (userOrder > 0) this.mapUser(0, CASE_PAGES, userOrder, 0)
      for (const page of readOnly) this.mapUser(page, page + 1, 0, MAPPING_READ_ONLY)
      this.nameWalked(0, USER_FIRST, USER_NAMES)
      for (const page of refused) this.refuse(page)
    }
  }

  /** Address of a byte of a user page, a kernel page, and number of a frame. */
  userAddress(page: number, offsetBytes: number): number {
    return (USER_FIRST + this.first + page) * PAGE_SIZE + offsetBytes
  }

  kernelAddress(page: number, offsetBytes: number): number {
    return (KERNEL_FIRST + this.first + page) * PAGE_SIZE + offsetBytes
  }

  frame(page: number): number {
    return FRAME_FIRST + this.first + page
  }

  /** What the twin takes for the frame number of a page that is known by name. */
  frameOfName(name: string): number {
    return BY_ROW + this.rowOf.get(name)!
  }

  /** From now on a user page cannot be had: it is not mapped any more. */
  refuse(page: number): void {
    if (this.refused.has(page)) return
    this.refused = new Set([...this.refused, page])
    this.rebase(USER_NAMES[page]!, -1)
    this.mapUser(page, page + 1, 0, MAPPING_NO_ACCESS)
  }

  /** Allocates a folio whose pages have the names `name`.0, `name`.1, …; one page has just the name. */
  folio(names: readonly string[], kind = KIND_FILE): number {
    const head = this.memory.pages.allocateFolio(Math.log2(names.length), kind)
    names.forEach((name, i) => {
      this.name(name, head + i)
    })
    return head
  }

  /** Fills an empty queue with the folios of a case; returns the twin's. */
  queueOf({ folios, slot }: IovCase, fast: FolioQueue): MutableQueue {
    const slow: MutableQueue = [{ slots: [] }]
    for (let i = 0; i < slot; i++) this.append(fast, slow, 0)
    for (const order of folios) {
      this.append(fast, slow, order === HOLE ? 0 : order)
      if (order === HOLE) this.clearSlot(fast, slow, fast.count - 1)
    }
    return slow
  }

  /** Adds a folio at the end of a queue. */
  append(fast: FolioQueue, slow: MutableQueue, order: number): void {
    const number = fast.count
    const pages = Array.from({ length: 2 ** order }, (_, i) => `q${number}.${i}`)
    fast.append(this.folio(pages), order)
    if (slow.at(-1)!.slots.length === FOLIOQ_SLOTS) slow.push({ slots: [] })
    slow.at(-1)!.slots.push({ pages })
  }

  /** Takes the folio out of the slot with a number, counted over all segments. */
  clearSlot(fast: FolioQueue, slow: MutableQueue, number: number): void {
    const segment = Math.floor(number / FOLIOQ_SLOTS)
    const slot = number % FOLIOQ_SLOTS
    fast.clear(segment, slot)
    const { slots } = slow[segment]!
    slots[slot] = { pages: slots[slot]!.pages, isCleared: true }
  }

  /** A file of a case: its number in the page cache, and the twin's folios. */
  fileOf({ folios }: IovCase): { file: number; slow: MutableFile } {
    const file = ++this.files
    const slow: MutableFile = new Map()
    for (const { index, pages, order } of filePieces(folios)) {
      const names = Array.from({ length: pages }, (_, i) => `x${index + i}`)
      if (order === VALUE) this.memory.cache.addValue(file, index)
      else this.memory.cache.add(file, index, this.folio(names, order === HUGETLB ? KIND_HUGETLB : KIND_FILE))
      const kind = order === VALUE ? 'value' : order === HUGETLB ? 'hugetlb' : 'folio'
      const folio: SlowFolio = { first: index, pages: order === VALUE ? [] : names, kind }
      for (let i = 0; i < pages; i++) slow.set(index + i, folio)
    }
    return { file, slow }
  }

  /** Takes the whole entry at an index of a file out. */
  punch(file: number, slow: MutableFile, index: number): void {
    const folio = slow.get(index)
    if (folio === undefined) return
    const end = folio.first + Math.max(folio.pages.length, 1)
    this.memory.cache.remove(file, folio.first, end)
    for (let i = folio.first; i < end; i++) slow.delete(i)
  }

  name(name: string, row: number): void {
    const { pages } = this.memory
    this.nameOf[row] = name
    this.rowOf.set(name, row)
    this.baseOf.set(pages.headOf(row), pages.refcountOf(pages.headOf(row)!))
  }

  /** The owner of a page took or dropped references. */
  rebase(name: string, by: number): void {
    const head = this.memory.pages.headOf(this.rowOf.get(name)!)
    this.baseOf.set(head, this.baseOf.get(head)! + by)
  }

  private userPage(page: number, write: boolean): string | null {
    if (this.refused.has(page) || (write && this.readOnly.has(page))) return null
    return USER_NAMES[page] ?? outside()
  }

  private mapUser(page: number, end: number, order: number, flags: number): void {
    const from = USER_FIRST + this.first
    this.memory.spaces.map(0, from + page, from + end, order > 0 ? KIND_THP : KIND_ANON, order, flags)
  }

  private nameWalked(mm: number, from: number, names: readonly string[]): void {
    const rows = new Int32Array(CASE_PAGES)
    this.memory.spaces.walkPages(mm, from + this.first, CASE_PAGES, 0, rows)
    names.forEach((name, n) => {
      this.name(name, rows[n]!)
    })
  }

  private nameFrames(slab: readonly number[]): void {
    const { pages } = this.memory
    FRAME_NAMES.forEach((name, n) => {
      const row = pages.pageOfFrame(this.frame(n), slab.includes(n) ? KIND_SLAB : KIND_PFN)
      this.name(name, row)
    })
  }

  private fill(row: number, bytes: Uint8Array): void {
    const name = this.nameOf[row]
    if (name === undefined) return
    this.touched.push(name)
    bytes.set(firstContents(name))
  }
}

/** What pages hold before anything is done, made when it is asked for. */
class Contents extends Map<string, Uint8Array> {
  override get(name: string): Uint8Array {
    const held = super.get(name)
    if (held !== undefined) return held
    const made = firstContents(name).slice()
    this.set(name, made)
    return made
  }
}

const contents = new Map<string, Uint8Array>()

/** Bytes that tell pages and offsets apart. */
function firstContents(name: string): Uint8Array {
  const known = contents.get(name)
  if (known !== undefined) return known
  const seed = [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 65_521, 7)
  const made = Uint8Array.from({ length: PAGE_SIZE }, (_, i) => (seed + i * 167 + (i >> 8) * 13) & 0xff)
  contents.set(name, made)
  return made
}

function outside(): never {
  throw new Error('the case reaches beyond its pages')
}
