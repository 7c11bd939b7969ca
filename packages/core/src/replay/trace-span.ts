import { COLUMN_END, COLUMN_EVENT } from '../trace/columns.ts'
import { addPins } from '../trace/layout/pins-of-row.ts'
import {
  EVENT_IO,
  EVENT_LOCK,
  EVENT_NAMES,
  EVENT_PIN,
  EVENT_PUT,
  type EventName,
  type OpBatch,
} from '../trace/op-batch.ts'

/** Rows that only an audit looks at. */
const AUDITED: readonly EventName[] = [
  'writeback',
  'reflink',
  'lease',
  'unlease',
  ...EVENT_NAMES.slice(EVENT_LOCK).filter((name) => name !== 'store'),
]

/** What the report says of the trace as a whole: rows, operations, time, and rows that only an audit looks at. */
export class TraceSpan {
  rows = 0
  operations = 0
  referenceEvents = 0
  /** What pinning every page of every operation takes: least, on average, and most, as far as addresses are assumed. */
  readonly pins = { min: 0, expected: 0, max: 0 }
  private firstNs = Number.NaN
  private lastNs = 0
  /** By event code. */
  private readonly others = new Float64Array(EVENT_NAMES.length)

  /** `isAssumed`: of some operations the addresses are assumed. */
  add(batch: OpBatch, isAssumed: boolean): void {
    const { length, tsNs, endNs, event } = batch
    if (length === 0) return
    this.rows += length
    if (Number.isNaN(this.firstNs)) this.firstNs = tsNs[0]
    this.lastNs = Math.max(this.lastNs, tsNs[latest(tsNs, length)])
    if (has(batch, COLUMN_END)) this.lastNs = Math.max(this.lastNs, endNs[latest(endNs, length)])
    if (has(batch, COLUMN_EVENT)) this.countEvents(batch)
    else this.operations += length
    if (!isAssumed) return
    for (let row = 0; row < length; row++) if (event[row] === EVENT_IO) addPins(this.pins, batch, row)
  }

  private countEvents({ length, event }: OpBatch): void {
    let operations = 0
    for (let row = 0; row < length; row++) {
      const kind = event[row]
      if (kind === EVENT_IO) operations++
      else if (kind >= EVENT_PIN && kind <= EVENT_PUT) this.referenceEvents++
      else this.others[kind]++
    }
    this.operations += operations
  }

  /** First submission to last submission or completion. */
  get spanNs(): number {
    return Number.isNaN(this.firstNs) ? 0 : this.lastNs - this.firstNs
  }

  warnings(): string[] {
    return AUDITED.flatMap((name) => {
      const rows = this.others[EVENT_NAMES.indexOf(name)]
      return rows === 0
        ? []
        : [
            `${rows} ${rows === 1 ? 'row' : 'rows'} with event ${name}: they change no count; pinscope audit looks at them`,
          ]
    })
  }
}

function has({ columns }: OpBatch, column: number): boolean {
  return (columns & (1 << column)) !== 0
}

/** Row of the latest of the times: not the time, since V8 allocates for a double that a loop carries until it optimises it. */
function latest(times: Float64Array, length: number): number {
  let last = 0
  for (let row = 1; row < length; row++) if (times[row] > times[last]) last = row
  return last
}
