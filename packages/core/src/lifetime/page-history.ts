import { grown } from '../grown.ts'

/** Events that a page's history tells, and in what words. */
const TOLD = {
  lock: 'locked',
  unlock: 'unlocked',
  store: 'stored to',
  dirty: 'marked dirty',
  clean: 'cleaned and write-protected',
  writeback: 'writeback began',
  writeback_end: 'writeback ended',
  writeback_error: 'writeback failed',
  mkwrite: 'page_mkwrite ran',
  truncate: 'truncated',
  invalidate: 'invalidated',
  reclaim: 'reclaimed',
  migrate: 'migrated',
  compare: 'compared by dedupe',
  dedupe: 'deduplicated',
  reflink: 'reflinked',
  free: 'freed by its owner',
} as const

/** Name of an event that a history tells. */
export type ToldEvent = keyof typeof TOLD

const NAMES = Object.keys(TOLD) as ToldEvent[]

/** One step of what happened to a page: the row, and what it did. */
export interface HistoryStep {
  readonly row: number
  readonly what: string
}

/** The row of the last event of each kind, by folio: columns made when the first such event comes. */
export class PageHistory {
  private readonly rows: (Int32Array<ArrayBuffer> | null)[] = NAMES.map(() => null)

  /** The folio with that head page had such an event in `row`. */
  note(event: ToldEvent, head: number, row: number): void {
    const kind = NAMES.indexOf(event)
    let column = this.rows[kind] ?? new Int32Array(1024)
    while (head >= column.length) column = grown(column, column.length * 2)
    column[head] = row
    this.rows[kind] = column
  }

  /** Row of the last event of a kind; 0: there was none. */
  rowOf(event: ToldEvent, head: number): number {
    return this.rows[NAMES.indexOf(event)]?.[head] ?? 0
  }

  /** What happened to a folio, in the order of the rows. */
  of(head: number): HistoryStep[] {
    return NAMES.map((event) => ({ row: this.rowOf(event, head), what: TOLD[event] })).filter(({ row }) => row > 0)
  }
}
