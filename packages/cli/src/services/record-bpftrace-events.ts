/** A line that record.bt printed. */
export interface BpftraceEvent {
  /** Its letter, as the head of record.bt explains them. */
  readonly kind: string
  /** Since the first event, or a little before; -Infinity of a file, which must be known before what names it. */
  readonly ns: number
  readonly tid: number
  /** What stands behind letter, time and thread; of a file (N) behind the letter. */
  readonly cells: readonly string[]
}

const EVENT = /^([EXOWSVIADUCRFPQ]),(\d{1,10}?)(\d{9}),(\d{1,10})(?:,(.*))?$/
const FILE = /^N,(.*)$/
const LOST = /^Lost (\d+) events$/
/** How far a line may stand from its place: bpftrace empties the buffer of each CPU in turn, many times a second. */
const SPREAD_NS = 1_000_000_000

/** Reads what bpftrace prints, in order of time. */
export class BpftraceEvents {
  private baseSeconds: number | null = null
  private held: BpftraceEvent[] = []
  private latestNs = 0
  private holdUntilNs = 2 * SPREAD_NS
  /** Events that bpftrace dropped because nobody took them in time. */
  lost = 0

  /** Takes a line; gives the events that are old enough to stand in order. */
  take(line: string): BpftraceEvent[] {
    const event = this.read(line)
    if (event === null) return []
    this.held.push(event)
    this.latestNs = Math.max(this.latestNs, event.ns)
    if (this.latestNs < this.holdUntilNs) return []
    this.holdUntilNs = this.latestNs + SPREAD_NS
    return this.release(this.latestNs - SPREAD_NS)
  }

  /** No more lines will come: the rest of the events. */
  end(): BpftraceEvent[] {
    return this.release(Number.POSITIVE_INFINITY)
  }

  private release(beforeNs: number): BpftraceEvent[] {
    this.held.sort((a, b) => (a.ns === b.ns ? 0 : a.ns - b.ns)) // stable: the order of the lines where times are equal
    const first = this.held.findIndex(({ ns }) => ns >= beforeNs)
    const count = first === -1 ? this.held.length : first
    return this.held.splice(0, count)
  }

  private read(line: string): BpftraceEvent | null {
    const file = FILE.exec(line)
    if (file !== null) return { kind: 'N', ns: Number.NEGATIVE_INFINITY, tid: 0, cells: file[1]!.split(',') }
    const match = EVENT.exec(line)
    if (match === null) {
      this.lost += Number(LOST.exec(line)?.[1] ?? 0)
      return null
    }
    const [, kind = '', seconds, ns, tid, rest] = match
    this.baseSeconds ??= Number(seconds)
    return {
      kind,
      ns: (Number(seconds) - this.baseSeconds) * 1e9 + Number(ns),
      tid: Number(tid),
      cells: rest === undefined ? [] : rest.split(','),
    }
  }
}
