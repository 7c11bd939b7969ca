import { PENDING_MAX, REORDER_ROWS_MAX } from '../../limits.ts'
import { NONE } from '../../op-batch.ts'
import type { ImportRow } from '../import-row.ts'
import type { ImportRows } from '../import-rows.ts'
import { TimeOrder } from './time-order.ts'

/** A thread, or a request of io_uring by its user data. */
export type OperationKey = number | string

interface BpftraceEvent {
  readonly tsNs: number
  readonly line: number
  readonly apply: () => void
}

/** What every recording of descriptors leaves open. */
export const TAKEN_AS_FILES =
  'what is read and written is taken as files: sockets, pipes and terminals are not told apart'

/** An operation whose return is not recorded: it is over when its thread begins another, or nothing more comes for so many events. */
const UNENDED_EVENTS_MAX = 1024

const NO_BEGIN = 'returns of operations that are not in the file, or make no row'
/** A trace holds neither; the kernel refuses the address, and cuts the length. */
const ABOVE = 'operations with an address or a length above 2^53'
const NO_BEFORE = 'segments whose first, or the one before, is not in the file'

/**
 * Operations out of the events that a bpftrace script prints. bpftrace reads the buffer of each CPU in turn, so what it prints
 * is in order on each CPU only: the return of a call that slept may stand before its entry. Events are put in order first.
 */
export class BpftraceOperations {
  private readonly rows: ImportRows
  private readonly order = new TimeOrder<BpftraceEvent>()
  /** Operations whose return is not awaited, oldest first, with the number of the event that began them. */
  private readonly unended = new Map<OperationKey, { row: ImportRow; event: number }>()
  private events = 0
  private lost = 0
  /** Segments that the operation under way has, by its key. */
  private readonly wanted = new Map<OperationKey, number>()
  private cut = 0
  private firstCut = 0
  private began = 0

  constructor(rows: ImportRows) {
    this.rows = rows
    rows.timeText = (seconds, ns) => (seconds === 0 ? String(ns) : `${seconds}${String(ns).padStart(9, '0')}`)
  }

  /**
   * An operation begins. Its segments are those of the row, and those that {@link segment} adds: `segments` in all, NONE where
   * that is not told. `awaits`: its return is recorded.
   */
  begin(key: OperationKey, row: ImportRow, segments: number, awaits: boolean): void {
    this.began++
    this.push(row.tsNs, () => {
      this.putUnended(key)
      if (segments !== NONE) this.want(key, segments)
      if (awaits) this.rows.open(key, row)
      else this.unended.set(key, { row, event: this.events })
    })
  }

  /** Segment number `at`, from 1, of the operation under way. */
  segment(key: OperationKey, tsNs: number, at: number, addressBytes: number, lengthBytes: number): void {
    this.push(tsNs, () => {
      const row = this.underWay(key)
      if (row?.segmentCount === at) row.addSegment(addressBytes, lengthBytes)
      else this.rows.skip(NO_BEFORE)
    })
  }

  /** Segment number `at` of an operation is none that a trace can have: the operation is passed over, with its other segments. */
  drop(key: OperationKey, tsNs: number, at: number): void {
    if (at === 0) this.began++
    this.push(tsNs, () => {
      if (at === 0) this.putUnended(key)
      const row = this.unended.get(key)?.row ?? this.rows.close(key)
      this.unended.delete(key)
      this.wanted.delete(key)
      if (row !== undefined) this.rows.cancel(row)
      this.rows.skip(ABOVE)
    })
  }

  /** The position of the operation under way, which its first line did not have. */
  position(key: OperationKey, tsNs: number, offsetBytes: number): void {
    this.push(tsNs, () => {
      const row = this.underWay(key)
      // A file that is only appended to is written at its end, wherever the call says.
      if (row?.offsetBytes === NONE) row.offsetBytes = offsetBytes
    })
  }

  /** A system call returns. `call`: its name id; NONE where that is not told. */
  end(key: OperationKey, tsNs: number, call: number, result: number): void {
    this.push(tsNs, () => {
      const row = this.underWay(key)
      if (row === undefined || (call !== NONE && row.call !== NONE && row.call !== call)) {
        this.rows.skip(NO_BEGIN)
        return
      }
      row.resultBytes = result
      if (this.rows.close(key) !== undefined) this.put(key, row)
      else this.putUnended(key)
    })
  }

  /** A request of io_uring completes. */
  complete(key: OperationKey, tsNs: number, result: number): void {
    this.push(tsNs, () => {
      const row = this.rows.close(key)
      if (row === undefined) {
        this.rows.skip(NO_BEGIN)
        return
      }
      row.endAt(tsNs)
      row.resultBytes = result
      if (!row.isHalf) this.rows.put(row)
      else this.putByResult(row, result)
    })
  }

  /** bpftrace says that it lost so many events. */
  lose(events: number): void {
    this.lost += events
  }

  /** No more lines will come. */
  finish(): void {
    while (this.order.size > 0) this.applyNext()
    for (const key of this.unended.keys()) this.putUnended(key)
    const { rows, lost, cut, firstCut } = this
    if (lost > 0) {
      rows.doubt(`bpftrace lost ${lost} events: operations and returns are missing (set BPFTRACE_PERF_RB_PAGES higher)`)
    }
    if (cut > 0) {
      const which = `${cut} (first at line ${firstCut})`
      rows.doubt(`operations with more segments than the script printed: ${which}; the rest of them is missing`)
    }
    if (this.began === 0)
      rows.doubt('no line tells of an operation: docs/formats/bpftrace.md says what a script must print')
  }

  /** A vectored request: only the result tells how long it was. */
  private putByResult(row: ImportRow, result: number): void {
    row.isHalf = false
    if (result <= 0) {
      this.rows.cancel(row)
      this.rows.skip('vectored io_uring requests that moved nothing: their segments are not recorded')
      return
    }
    row.lengthBytes = result
    this.rows.put(row)
  }

  private underWay(key: OperationKey): ImportRow | undefined {
    return this.unended.get(key)?.row ?? this.rows.peek(key)
  }

  private putUnended(key: OperationKey): void {
    const before = this.unended.get(key)
    if (before === undefined) return
    this.unended.delete(key)
    this.put(key, before.row)
  }

  private put(key: OperationKey, row: ImportRow): void {
    const isCut = row.segmentCount < (this.wanted.get(key) ?? 0)
    if (isCut && this.cut++ === 0) this.firstCut = row.line
    this.wanted.delete(key)
    this.rows.put(row)
  }

  private want(key: OperationKey, segments: number): void {
    this.wanted.delete(key)
    this.wanted.set(key, segments)
    if (this.wanted.size > PENDING_MAX) this.wanted.delete(this.wanted.keys().next().value!)
  }

  private push(tsNs: number, apply: () => void): void {
    this.order.push({ tsNs, line: this.rows.line, apply })
    if (this.order.size > REORDER_ROWS_MAX) this.applyNext()
  }

  private applyNext(): void {
    const event = this.order.take()!
    const { line } = this.rows
    this.rows.line = event.line
    this.events++
    event.apply()
    for (const [key, { event: began }] of this.unended) {
      if (this.events - began < UNENDED_EVENTS_MAX) break
      this.putUnended(key)
    }
    this.rows.line = line
  }
}
