import { PAGE_LIST_MAX } from '../extract/page-list.ts'
import { ITER_BVEC, ITER_FOLIOQ, ITER_KVEC, ITER_XARRAY } from '../iter/iter-type.ts'
import { KERNEL_MM } from '../memory/address-spaces.ts'
import type { Memory } from '../memory/memory.ts'
import { isAnonymous } from '../memory/page-store.ts'
import { EVENT_COMPARE, EVENT_DEDUPE, EVENT_REFLINK, EVENT_TRUNCATE, NONE, type OpBatch } from '../trace/op-batch.ts'
import { PAGE_SIZE } from '../units.ts'
import type { FileMappings } from './file-mappings.ts'

/** Pages of one event that are looked at, at most: 4 GiB. */
export const EVENT_PAGES_MAX = 1 << 20

/** Told of each page of a row, of which the event concerns the bytes from `from` to `end`; `file` -1: of no file by name. */
export type TellPage = (page: number, from: number, end: number, file: number, index: number) => void

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
 * The pages that a row about pages names: by `file`, `offset` and `len`, those of the page cache and those of mappings of
 * the file; by segments the pages that are there.
 */
export class RowPages {
  private readonly memory: Memory
  private readonly mappings: FileMappings
  private readonly found = new Int32Array(PAGE_LIST_MAX)

  constructor(memory: Memory, mappings: FileMappings) {
    this.memory = memory
    this.mappings = mappings
  }

  /** `foll`: FOLL_WRITE where the pages are faulted in for writing. */
  visit(batch: OpBatch, row: number, tell: TellPage, foll = 0): void {
    if (batch.segmentCount[row] === 0 || namesDestination(batch, row)) this.visitFile(batch, row, tell)
    else this.visitSegments(batch, row, tell, foll)
  }

  /** Pages of the second range of a row that names two: of the file whose blocks are replaced, or compared with. */
  visitDestination(batch: OpBatch, row: number, tell: TellPage): void {
    if (namesDestination(batch, row)) this.visitSegments(batch, row, tell, 0)
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
    this.visitCache(batch.file[row], first, position, position + length, tell)
  }

  /** Pages of the file from index `first` on; of the first one and the last the event concerns a part. */
  private visitCache(file: number, first: number, position: number, end: number, tell: TellPage): void {
    this.visitPages(file, first, Math.ceil(end / PAGE_SIZE), (page, index) => {
      const start = index * PAGE_SIZE
      tell(page, Math.max(position - start, 0), Math.min(end - start, PAGE_SIZE), file, index)
    })
  }

  /**
   * Pages of [first, end) of a file: those of the page cache and those of mappings of the file, with their indices. What a
   * private mapping has copied is of no file any more.
   */
  visitPages(file: number, first: number, end: number, tell: (page: number, index: number) => void): void {
    const { cache, pages, spaces } = this.memory
    cache.visit(file, first, end, tell)
    this.mappings.visit(spaces, file, first, end, (page, index) => {
      if (!isAnonymous(pages.kindOf(page))) tell(page, index)
    })
  }

  /** Stores to the page wait for writeback, or do not, as a `map` row of its file says; undefined where none does. */
  stableOf(page: number): boolean | undefined {
    let found: boolean | undefined
    for (const [file, isStable] of this.mappings.stable) {
      this.visitPages(file, 0, Number.POSITIVE_INFINITY, (at) => {
        if (at === page) found = isStable
      })
    }
    return found
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
    const end = Math.min(offset + length, EVENT_PAGES_MAX * PAGE_SIZE)
    for (let at = offset; at < end; at += PAGE_SIZE - (at % PAGE_SIZE)) {
      const index = Math.floor(at / PAGE_SIZE)
      const page = pages.findFrame(frame + index)
      if (page >= 0) tell(page, at % PAGE_SIZE, Math.min(end - index * PAGE_SIZE, PAGE_SIZE), -1, -1)
    }
  }

  private visitAddresses(mm: number, address: number, length: number, tell: TellPage, foll: number): void {
    const { spaces } = this.memory
    const firstPage = Math.floor(address / PAGE_SIZE)
    const endPage = Math.min(Math.ceil((address + length) / PAGE_SIZE), firstPage + EVENT_PAGES_MAX)
    for (let page = firstPage; page < endPage; ) {
      const found = spaces.walkPages(mm, page, Math.min(endPage - page, PAGE_LIST_MAX), foll, this.found)
      for (let i = 0; i < found; i++) {
        const start = (page + i) * PAGE_SIZE
        const end = Math.min(address + length - start, PAGE_SIZE)
        tell(this.found[i], Math.max(address - start, 0), end, -1, -1)
      }
      page += Math.max(found, 1)
    }
  }
}
