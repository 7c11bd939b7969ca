import type { Operation } from '../consumer/operation.ts'
import { RETAIN_PIN, RETENTION_NAMES, type Retention } from '../extract/retention.ts'
import type { SegmentTable } from '../iter/segment-table.ts'
import { PAGE_KINDS } from '../memory/page-store.ts'
import { PAGE_SIZE, pageNumberOf, pagesSpanned } from '../units.ts'
import type { ExplainedPage, ExplainedStep } from './explanation.ts'
import type { Lane } from './lane.ts'
import type { Watcher } from './watcher.ts'

/** Writes down what happens to one operation, step by step. */
export class RowWatcher implements Watcher {
  number = 0
  readonly steps: ExplainedStep[] = []
  pinsAcquired = 0
  pinsReleased = 0
  refsAcquired = 0
  refsReleased = 0

  private readonly lane: Lane
  private readonly lists = new Map<string, number>()
  /** Submission is over: later releases belong to the completion. */
  private submitted = false

  /** Segments of the batch, and index of the row's first one. A consumer may have an iterator over its own. */
  private readonly segments: SegmentTable
  private readonly firstSegment: number

  constructor(lane: Lane, segments: SegmentTable, firstSegment: number) {
    this.lane = lane
    this.segments = segments
    this.firstSegment = firstSegment
  }

  /** What submission counted; from now on only the completion is told. */
  counted(pinsAcquired: number, pinsReleased: number, refsAcquired: number, refsReleased: number): void {
    this.pinsAcquired = pinsAcquired
    this.pinsReleased = pinsReleased
    this.refsAcquired = refsAcquired
    this.refsReleased = refsReleased
    this.submitted = true
  }

  extracted(io: Operation, segment: number, startBytes: number, bytes: number): void {
    const { list } = io
    let offset = startBytes
    const pages = Array.from({ length: list.length }, (_, i) => {
      const page = this.page(io, i, startBytes < 0 ? null : pageNumberOf(offset))
      offset += list.lengthBytes[i]
      return page
    })
    this.steps.push({
      kind: 'extract',
      segment: io.iter.table === this.segments ? segment - this.firstSegment : segment,
      bytes,
      retention: RETENTION_NAMES[list.retention],
      pages,
    })
  }

  listBuilt(
    list: string,
    bytes: number,
    count: number,
    page: Int32Array,
    offset: Int32Array,
    length: Int32Array,
    note: string,
  ): void {
    const index = this.lists.get(list) ?? 0
    this.lists.set(list, index + 1)
    const entries = Array.from({ length: count }, (_, i) => ({
      page: page[i],
      offsetBytes: offset[i],
      lengthBytes: length[i],
      pages: pagesSpanned(offset[i], length[i]),
    }))
    this.steps.push({ kind: 'list', list, index, bytes, note, entries })
  }

  released(retention: Retention, pages: number, operation: number): void {
    if (pages === 0 || operation !== this.number) return
    if (this.submitted) {
      if (retention === RETAIN_PIN) this.pinsReleased += pages
      else this.refsReleased += pages
    }
    const when = this.completing ? 'complete' : this.submitted ? 'event' : 'submit'
    const last = this.steps.at(-1)
    const kind = retention === RETAIN_PIN ? 'pin' : 'ref'
    if (last?.kind === 'release' && last.when === when && last.retention === kind) {
      this.steps[this.steps.length - 1] = { ...last, pages: last.pages + pages }
    } else {
      this.steps.push({ kind: 'release', when, retention: kind, pages, note: '' })
    }
  }

  note(text: string): void {
    this.steps.push({ kind: 'note', text })
  }

  /** The lane has begun to complete the operation. */
  completing = false

  private page(io: Operation, index: number, virtualPage: number | null): ExplainedPage {
    const { pages } = this.lane
    const row = io.list.page[index]
    const head = pages.headOf(row)
    return {
      page: row,
      virtual: virtualPage === null ? null : `0x${(virtualPage * PAGE_SIZE).toString(16)}`,
      backing: PAGE_KINDS[pages.kindOf(row)],
      head,
      order: pages.orderOf(row),
      offsetBytes: io.list.offsetBytes[index],
      lengthBytes: io.list.lengthBytes[index],
      refcount: pages.refcountOf(head),
      pincount: pages.pincountOf(head),
    }
  }
}
