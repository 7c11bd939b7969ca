import { EINVAL, ENOMEM, PAGE } from './slow-types.ts'

/** An entry of a table made of frames. */
export interface SlowFrameEntry {
  readonly pfn: number
  readonly offset: number
  length: number
  /** Marked as the last one. */
  isEnd: boolean
}

/** @kernel struct sg_append_table. `prv` is the last entry that was made, an index of `entries`. */
export interface SlowAppendTable {
  readonly entries: SlowFrameEntry[]
  nents: number
  origNents: number
  prv: number | null
}

export function createAppendTable(): SlowAppendTable {
  return { entries: [], nents: 0, origNents: 0, prv: null }
}

/** What is asked for. `room`: so many entries can be had before the memory is at an end. */
export interface SlowAppend {
  readonly pfns: readonly number[]
  readonly offset: number
  readonly size: number
  readonly maxSegment: number
  readonly leftPages: number
  readonly room?: number
}

/** 0 or a negative errno. @kernel lib/scatterlist.c: sg_alloc_append_table_from_pages */
export function appendFromPages(table: SlowAppendTable, asked: SlowAppend): number {
  const maxSegment = Math.floor(asked.maxSegment / PAGE) * PAGE
  if (maxSegment < PAGE) return EINVAL
  const prv = table.prv === null ? null : table.entries[table.prv]!
  if (prv !== null && asked.offset !== 0) return EINVAL
  const prvLength = prv === null ? 0 : prv.length
  const pfns = prv === null ? asked.pfns : mergeIntoPrevious(prv, asked.pfns, maxSegment)
  const chunks = pfns.length === 0 ? [] : chunksOf(pfns, maxSegment)
  if (chunks.length > (asked.room ?? Number.POSITIVE_INFINITY)) {
    if (prv !== null) prv.length = prvLength
    return ENOMEM
  }
  addChunks(table, chunks, asked.offset, asked.size)
  if (asked.leftPages === 0) table.entries[table.prv!]!.isEnd = true
  return 0
}

/** The frames that the last entry does not take. */
function mergeIntoPrevious(prv: SlowFrameEntry, pfns: readonly number[], maxSegment: number): readonly number[] {
  let next = Math.floor((prv.pfn * PAGE + prv.offset + prv.length) / PAGE)
  let taken = 0
  while (taken < pfns.length && pfns[taken] === next && prv.length + PAGE <= maxSegment) {
    prv.length += PAGE
    next++
    taken++
  }
  return pfns.slice(taken)
}

/** Runs of frames that follow each other, none longer than a segment may be. */
function chunksOf(pfns: readonly number[], maxSegment: number): number[][] {
  const chunks: number[][] = []
  for (const [at, pfn] of pfns.entries()) {
    const last = chunks.at(-1)
    if (last === undefined || last.length * PAGE >= maxSegment || pfn !== pfns[at - 1]! + 1) chunks.push([pfn])
    else last.push(pfn)
  }
  return chunks
}

/** Once the pages hold more than `bytes`, what is left of them wraps, and the entries are full again. */
function addChunks(table: SlowAppendTable, chunks: readonly number[][], offset0: number, bytes: number): void {
  let offset = offset0
  let size = bytes
  for (const chunk of chunks) {
    const chunkSize = chunk.length * PAGE - offset
    table.entries.push({
      pfn: chunk[0]!,
      offset,
      length: size < 0 ? chunkSize : Math.min(size, chunkSize),
      isEnd: false,
    })
    table.nents++
    table.origNents = table.nents
    table.prv = table.entries.length - 1
    size -= chunkSize
    offset = 0
  }
}
