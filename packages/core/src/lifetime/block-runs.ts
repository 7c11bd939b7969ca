/** No event told what is there. */
export const BLOCK_UNKNOWN = 0
/** Nothing is there. @kernel include/linux/iomap.h: IOMAP_HOLE */
export const BLOCK_HOLE = 1
/** Reserved, not allocated. @kernel IOMAP_DELALLOC */
export const BLOCK_RESERVED = 2
/**
 * Allocated: reads as what the disk has, unless it is written first. Unwritten blocks, which read as zeros, are told as
 * allocated and zeroed. @kernel IOMAP_MAPPED, IOMAP_UNWRITTEN
 */
export const BLOCK_ALLOCATED = 3

/** What is known of a block of a file: a page's worth. */
export interface FileBlock {
  /** `BLOCK_*`. */
  readonly state: number
  /** It reads as what it should: its page cache was written or zeroed. */
  readonly isWritten: boolean
  /** Data was copied into its page cache: it was dirty. */
  readonly isCopied: boolean
  /** The same, and no writeback of a range with it has begun since. */
  readonly isDirty: boolean
  /** Row that reserved, allocated or punched it, or wrote it since; 0: none, or rows that differ. */
  readonly row: number
  /** What that row did to it: `reserved`. */
  readonly what: string
  /** Number of the write that did, see {@link FileSpace.writeNumber}. */
  readonly write: number
}

/** Blocks first … end - 1, of all of which the same is known. */
export interface BlockRun extends FileBlock {
  readonly first: number
  readonly end: number
}

/** A block that no event was about. */
export const UNKNOWN_BLOCK: FileBlock = {
  state: BLOCK_UNKNOWN,
  isWritten: false,
  isCopied: false,
  isDirty: false,
  row: 0,
  what: '',
  write: 0,
}

/** The blocks of a file as runs, in their order: a range costs its runs, however long it is. */
export class BlockRuns {
  private readonly runs: BlockRun[] = []

  /** What is known of a block; undefined: no event was about it. */
  at(index: number): FileBlock | undefined {
    const run = this.runs[this.indexOf(index)]
    return run !== undefined && run.first <= index ? run : undefined
  }

  /** Tells of each run that has blocks of [first, end), cut to it. */
  each(first: number, end: number, tell: (run: BlockRun, blocks: number) => void): void {
    for (let at = this.indexOf(first); at < this.runs.length && this.runs[at].first < end; at++) {
      const run = this.runs[at]
      tell(run, Math.min(run.end, end) - Math.max(run.first, first))
    }
  }

  /** Sets each block of [first, end) to what `change` makes of it; `isOver` tells of a write by its number. */
  change(first: number, end: number, isOver: IsOver, change: (block: FileBlock) => FileBlock): void {
    if (end <= first) return
    const from = this.indexOf(first)
    const changed: BlockRun[] = []
    let at = first
    let to = from
    for (; to < this.runs.length && this.runs[to].first < end; to++) {
      const run = this.runs[to]
      if (run.first < first) changed.push({ ...run, end: first })
      if (at < run.first) changed.push({ ...change(UNKNOWN_BLOCK), first: at, end: run.first })
      at = Math.min(run.end, end)
      changed.push({ ...change(run), first: Math.max(run.first, first), end: at })
      if (run.end > end) changed.push({ ...run, first: end })
    }
    if (at < end) changed.push({ ...change(UNKNOWN_BLOCK), first: at, end })
    this.runs.splice(from, to - from, ...changed)
    this.join(Math.max(from - 2, 0), from + changed.length, isOver)
  }

  /** As {@link change}, but for blocks that no event was about: these stay so. */
  changeKnown(first: number, end: number, isOver: IsOver, change: (block: FileBlock) => FileBlock): void {
    const last = this.runs.at(-1)?.end ?? 0
    const from = this.indexOf(first)
    if (from === this.runs.length || this.runs[from].first >= end) return
    this.change(Math.max(first, this.runs[from].first), Math.min(end, last), isOver, (block) =>
      block === UNKNOWN_BLOCK ? block : change(block),
    )
  }

  /** Index of the first run that ends behind block `index`. */
  private indexOf(index: number): number {
    let low = 0
    let high = this.runs.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.runs[middle].end <= index) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Joins neighbours among the runs from index `from` to `to` of which the same is known. */
  private join(from: number, to: number, isOver: IsOver): void {
    for (let at = Math.min(to, this.runs.length - 1); at > from; at--) {
      const before = this.runs[at - 1]
      const run = this.runs[at]
      if (before.end !== run.first || !isAlike(before, run, isOver)) continue
      const row = before.row === run.row ? run.row : 0
      this.runs.splice(at - 1, 2, { ...run, first: before.first, row })
    }
  }
}

/** The write with this number is over. */
type IsOver = (write: number) => boolean

/** Two runs may be one: who wrote what is written does not matter when that write is over. */
function isAlike(a: BlockRun, b: BlockRun, isOver: IsOver): boolean {
  if (a.state !== b.state || a.isWritten !== b.isWritten) return false
  if (a.isCopied !== b.isCopied || a.isDirty !== b.isDirty) return false
  return (
    (a.row === b.row && a.what === b.what && a.write === b.write) || (a.isWritten && isOver(a.write) && isOver(b.write))
  )
}
