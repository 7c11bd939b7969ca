import { PAGE_SIZE } from '../../../units.ts'
import { NONE } from '../../op-batch.ts'
import type { Segments } from './call.ts'
import { type PageRun, pageRuns } from './page-kind.ts'

/** Pages of one operation that are looked at, as many as the recorder does: 256 MiB. */
const PAGES_MAX = 1 << 16
/** Addresses of a process end here, in pages. */
export const SPACE_PAGES = 2 ** 35

/** An operation over memory of a process, as far as its pages are concerned. */
export interface MemoryUse {
  readonly tsNs: number
  readonly segments: Segments
  /** What the recorder saw: {@link pageRuns}. */
  readonly pages: string
  /** Data goes into the memory. */
  readonly isDestination: boolean
  /** Bytes that came; NaN: not known. */
  readonly result: number
}

/** Pages of an operation that follow each other and were seen alike. */
export interface UsedPages {
  readonly firstPage: number
  readonly endPage: number
  readonly letter: string
  readonly order: number
  /** Bytes from the start of the operation to that of the first page; less than 0 where it begins inside the page. */
  readonly startBytes: number
  /** More pages than are looked at one by one. */
  readonly isBeyond: boolean
}

/** The pages of an operation, in the order of its segments. */
export function* usedPages({ segments, pages }: MemoryUse): Generator<UsedPages> {
  const runs = new Runs(pageRuns(pages))
  let before = 0
  let looked = 0
  for (let i = 0; i < segments.length; i += 2) {
    const address = segments[i]!
    const length = segments[i + 1]!
    const end = length === 0 ? 0 : Math.min(Math.floor((address + length - 1) / PAGE_SIZE) + 1, SPACE_PAGES)
    let page = Math.floor(address / PAGE_SIZE)
    while (page < end) {
      const isBeyond = looked >= PAGES_MAX
      const { letter, order, count } = runs.take(isBeyond ? end - page : Math.min(end - page, PAGES_MAX - looked))
      const startBytes = before + page * PAGE_SIZE - address
      yield { firstPage: page, endPage: page + count, letter, order, startBytes, isBeyond }
      page += count
      looked += count
    }
    before += length
  }
}

/** Hands out the runs of a `pages` cell piece by piece; behind them, nothing was looked at. */
class Runs {
  private readonly runs: readonly PageRun[]
  private at = 0
  private taken = 0

  constructor(runs: readonly PageRun[]) {
    this.runs = runs.filter(({ count }) => count > 0)
  }

  /** The next pages that are alike, at most so many. */
  take(countMax: number): PageRun {
    const run = this.runs[this.at]
    if (run === undefined) return { letter: '?', order: NONE, count: countMax }
    const count = Math.min(countMax, run.count - this.taken)
    this.taken += count
    if (this.taken === run.count) {
      this.at++
      this.taken = 0
    }
    return { ...run, count }
  }
}
