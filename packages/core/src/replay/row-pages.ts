import { PAGE_LIST_MAX } from '../extract/page-list.ts'
import { ITER_BVEC, ITER_FOLIOQ, ITER_KVEC, ITER_XARRAY } from '../iter/iter-type.ts'
import { KERNEL_MM } from '../memory/address-spaces.ts'
import { EVENT_PAGES_MAX } from '../memory/file-pages.ts'
import { NO_FILE } from '../memory/mapping.ts'
import type { Memory } from '../memory/memory.ts'
import type { FilePlace } from '../memory/page-cache.ts'
import { isAnonymous } from '../memory/page-store.ts'
import {
  EVENT_COMPARE,
  EVENT_DEDUPE,
  EVENT_NAMES,
  EVENT_REFLINK,
  EVENT_TRUNCATE,
  type EventName,
  NONE,
  type OpBatch,
} from '../trace/op-batch.ts'
import { PAGE_SIZE } from '../units.ts'

/** Events that find each page of the range present: it is locked, read, changed, or handed on. */
const FINDING: readonly EventName[] = [
  'lock',
  'unlock',
  'store',
  'load',
  'dma',
  'dirty',
  'mkwrite',
  'stable',
  'compare',
  'slot',
  'append',
]
/** Events about such pages of the range as there are. */
const LOOKING: readonly EventName[] = [
  'clean',
  'writeback',
  'writeback_end',
  'invalidate',
  'reclaim',
  'migrate',
  'dedupe',
  'reflink',
]

const codesOf = (names: readonly EventName[]): readonly number[] => names.map((name) => EVENT_NAMES.indexOf(name))
const EVENT_DMA = EVENT_NAMES.indexOf('dma')
const FINDING_EVENTS = codesOf(FINDING)
const LOOKING_EVENTS = codesOf(LOOKING)
/** A row of these about a file of which there is no page does nothing: its name may be a slip. */
const PAGE_EVENTS = [...FINDING_EVENTS, ...LOOKING_EVENTS]

/** Told of each page of a row, of which the event concerns the bytes from `from` to `end`; `file` -1: of no file by name. */
export type TellPage = (page: number, from: number, end: number, file: number, index: number) => void

/** Told of the first page of a folio, which is page `index` of `file`. */
export type TellFolio = (head: number, file: number, index: number) => void

/** Rows about a range of a file and another one, which is in `segs`. */
const EVENTS_OF_TWO: readonly number[] = [EVENT_REFLINK, EVENT_COMPARE, EVENT_DEDUPE]

/** The row has a source by `file` and a destination by its segments. */
export function namesDestination(batch: OpBatch, row: number): boolean {
  return batch.segmentCount[row] > 0 && batch.file[row] !== NONE && EVENTS_OF_TWO.includes(batch.event[row])
}

/** The file of the destination; -1 where its segments are addresses. */
export function destinationFile(batch: OpBatch, row: number): number {
  const isOfFile = batch.iterType[row] === ITER_XARRAY || batch.iterType[row] === ITER_FOLIOQ
  return isOfFile ? batch.segments.offsetBytes[batch.segmentFirst[row]] : NONE
}

/**
 * The pages that a row about pages names: by `file`, `offset` and `len` those of the page cache, which has the pages of the
 * file's mappings too; by segments the pages that are there.
 */
export class RowPages {
  /** Files that operations name: their pages are in memory, whether the model has them or not. */
  readonly used = new Set<number>()
  /** The first row about pages of a file that nothing maps or uses; null: there was none. */
  unknown: { readonly row: number; readonly line: number; readonly file: number } | null = null

  /** Of the page that is told of: its address, where the row names it by that; else -1. */
  private virtualPage = -1
  private virtualMm = KERNEL_MM
  /** The row tells what a device does. */
  private isOfDevice = false
  /** The row looks at such pages as there are. */
  private isLooking = false
  private readonly memory: Memory
  /** By head page, where folios were that left their file while somebody had them: for what is told to people. */
  private readonly former = new Map<number, FilePlace>()
  private readonly found = new Int32Array(PAGE_LIST_MAX)

  constructor(memory: Memory) {
    this.memory = memory
  }

  /** `foll`: FOLL_WRITE where the pages are faulted in for writing. */
  visit(batch: OpBatch, row: number, tell: TellPage, foll = 0): void {
    this.isOfDevice = batch.event[row] === EVENT_DMA
    this.isLooking = LOOKING_EVENTS.includes(batch.event[row])
    if (batch.segmentCount[row] === 0 || namesDestination(batch, row)) this.visitFile(batch, row, tell)
    else this.visitSegments(batch, row, tell, foll)
  }

  /** Pages of the second range of a row that names two: of the file whose blocks are replaced, or compared with. */
  visitDestination(batch: OpBatch, row: number, tell: TellPage): void {
    if (namesDestination(batch, row)) this.visitSegments(batch, row, tell, 0)
  }

  /**
   * The first page of each folio that the row names a page of, once; `index`: its place in the file. A folio that is cut by
   * the range is named as a whole.
   */
  visitFolios(batch: OpBatch, row: number, tell: TellFolio): void {
    const { pages } = this.memory
    const told = new Set<number>()
    // Of a range of a file the pages of a folio follow each other: a row may be about a million of them.
    const isRange = batch.segmentCount[row] === 0 || namesDestination(batch, row)
    let last = -1
    this.visit(batch, row, (page, _from, _end, file, index) => {
      const head = pages.headOf(page)
      if (head === last || told.has(head)) return
      last = head
      if (!isRange) told.add(head)
      tell(head, file, index < 0 ? index : index - (page - head))
    })
  }

  /** A folio leaves its file while somebody has it. */
  remember(head: number, file: number, index: number): void {
    if (file >= 0) this.former.set(head, { file, index })
  }

  /** Where a page was in a file that it has left; null: in none that was told of. */
  formerPlace(page: number): FilePlace | null {
    const head = this.memory.pages.headOf(page)
    const place = this.former.get(head)
    return place === undefined ? null : { file: place.file, index: place.index + page - head }
  }

  /**
   * The folio of the page that is told of leaves the page cache, and every page table, with the reference that the cache
   * had. `file` and `index` as they were told.
   */
  leave(file: number, index: number): void {
    const { files, references } = this.memory.spaces
    const drop = (head: number): void => references.put(head)
    if (file >= 0) files.remove(file, index, drop)
    else if (this.virtualPage >= 0) files.removeAt(this.virtualMm, this.virtualPage, drop)
  }

  /** Pages that the row names by frame number exist from now on, though nothing has listed them yet. */
  makeFrames(batch: OpBatch, row: number): void {
    if (batch.iterType[row] !== ITER_BVEC) return
    const { addressBytes, offsetBytes, lengthBytes } = batch.segments
    const first = batch.segmentFirst[row]
    for (let s = first; s < first + batch.segmentCount[row]; s++) {
      const pages = Math.min(Math.ceil((offsetBytes[s] + lengthBytes[s]) / PAGE_SIZE), EVENT_PAGES_MAX)
      for (let at = Math.floor(offsetBytes[s] / PAGE_SIZE); at < pages; at++) {
        this.memory.pages.pageOfFrame(addressBytes[s] + at)
      }
    }
  }

  private visitFile(batch: OpBatch, row: number, tell: TellPage): void {
    const position = Math.max(batch.offsetBytes[row], 0)
    const isTruncate = batch.event[row] === EVENT_TRUNCATE
    const length = isTruncate || batch.lengthBytes[row] < 0 ? Number.POSITIVE_INFINITY : batch.lengthBytes[row]
    // A page that is cut in the middle stays.
    const first = isTruncate ? Math.ceil(position / PAGE_SIZE) : Math.floor(position / PAGE_SIZE)
    this.prepare(batch, row, first, Math.ceil((position + length) / PAGE_SIZE))
    this.visitCache(batch.file[row], first, position, position + length, tell)
  }

  /** Who locks, reads or changes a page of a file finds it present; who looks for pages to write back or to drop does not ask for more. */
  private prepare(batch: OpBatch, row: number, first: number, end: number): void {
    const { files } = this.memory.spaces
    const file = batch.file[row]
    const event = batch.event[row]
    if (FINDING_EVENTS.includes(event)) files.populate(file, first, end)
    if (this.unknown !== null || !PAGE_EVENTS.includes(event)) return
    if (files.isKnown(file) || this.used.has(file)) return
    this.unknown = { row: batch.firstRow + row, line: batch.line[row], file }
  }

  /** Pages of the file from index `first` on; of the first one and the last the event concerns a part. */
  private visitCache(file: number, first: number, position: number, end: number, tell: TellPage): void {
    this.virtualPage = -1
    this.memory.cache.visit(file, first, Math.ceil(end / PAGE_SIZE), (page, index) => {
      const start = index * PAGE_SIZE
      tell(page, Math.max(position - start, 0), Math.min(end - start, PAGE_SIZE), file, index)
    })
  }

  private visitSegments(batch: OpBatch, row: number, tell: TellPage, foll: number): void {
    const { addressBytes, offsetBytes, lengthBytes } = batch.segments
    const type = batch.iterType[row]
    const first = batch.segmentFirst[row]
    for (let s = first; s < first + batch.segmentCount[row]; s++) {
      const bytes = lengthBytes[s]
      if (type === ITER_FOLIOQ || type === ITER_XARRAY) {
        const position = addressBytes[s]
        this.visitCache(offsetBytes[s], Math.floor(position / PAGE_SIZE), position, position + bytes, tell)
      } else if (type === ITER_BVEC) this.visitFrames(addressBytes[s], offsetBytes[s], bytes, tell)
      else this.visitAddresses(type === ITER_KVEC ? KERNEL_MM : batch.mm[row], addressBytes[s], bytes, tell, foll)
    }
  }

  private visitFrames(frame: number, offset: number, length: number, tell: TellPage): void {
    const { pages } = this.memory
    this.virtualPage = -1
    const end = Math.min(offset + length, EVENT_PAGES_MAX * PAGE_SIZE)
    for (let at = offset; at < end; at += PAGE_SIZE - (at % PAGE_SIZE)) {
      const index = Math.floor(at / PAGE_SIZE)
      const page = pages.findFrame(frame + index)
      if (page >= 0) tell(page, at % PAGE_SIZE, Math.min(end - index * PAGE_SIZE, PAGE_SIZE), -1, -1)
    }
  }

  private visitAddresses(mm: number, address: number, length: number, tell: TellPage, foll: number): void {
    const { spaces, pages } = this.memory
    const firstPage = Math.floor(address / PAGE_SIZE)
    const endPage = Math.min(Math.ceil((address + length) / PAGE_SIZE), firstPage + EVENT_PAGES_MAX)
    for (let page = firstPage; page < endPage; ) {
      const found = this.find(mm, page, endPage, foll)
      for (let i = 0; i < found; i++) {
        const start = (page + i) * PAGE_SIZE
        const end = Math.min(address + length - start, PAGE_SIZE)
        const { file, fileShift } = spaces.find(mm, page + i)
        // A private mapping's own copy is no page of the file.
        const isOfFile = file !== NO_FILE && !isAnonymous(pages.kindOf(this.found[i]))
        this.virtualPage = page + i
        this.virtualMm = mm
        const index = isOfFile ? page + i + fileShift : -1
        tell(this.found[i], Math.max(address - start, 0), end, isOfFile ? file : -1, index)
      }
      page += Math.max(found, 1)
    }
  }

  /**
   * Lists pages of [page, end) in `found`. A device is at work in the page that it was given by its address, also when that
   * has left its file; who looks for such pages as there are finds none there.
   */
  private find(mm: number, page: number, end: number, foll: number): number {
    const { spaces } = this.memory
    const { files } = spaces
    const asksForLost = (this.isOfDevice || this.isLooking) && files.hasLost
    const last = asksForLost ? files.lastAt(mm, page) : -1
    if (last < 0) {
      const pages = asksForLost ? 1 : PAGE_LIST_MAX
      return spaces.walkPages(mm, page, Math.min(end - page, pages), foll, this.found)
    }
    this.found[0] = this.isLooking ? this.inCache(mm, page) : last
    return this.found[0] < 0 ? 0 : 1
  }

  /** What the file has at a virtual page of its mapping now, whether that shows it or not; else negative. */
  private inCache(mm: number, page: number): number {
    const { file, fileShift } = this.memory.spaces.find(mm, page)
    return file === NO_FILE ? -1 : this.memory.cache.find(file, page + fileShift)
  }
}
