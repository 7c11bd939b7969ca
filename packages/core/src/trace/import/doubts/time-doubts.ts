import type { ImportRow } from '../import-row.ts'
import { type ColumnsHint, counted } from './columns-hint.ts'

const NS_PER_SECOND = 1e9
const NS_PER_DAY = 86_400e9

/** No machine does so many operations a second. */
const RATE_MAX = 50e6
/** Fewer operations tell nothing of a rate. */
const RATE_OPERATIONS_MIN = 1000
const DAYS_MIN = 10
const LATENCIES_MIN = 100
/** No storage answers sooner: memory alone takes as long. */
const LATENCY_MIN_NS = 100
const LATENCY_MAX_NS = 3600e9

/** Units of time from the finest to the coarsest, as `--columns` calls them. */
const UNITS = ['ns', 'us', 'ms', 's']

/** Times that cannot be: their unit is another. */
export class TimeDoubts {
  private operations = 0
  private firstNs = Number.POSITIVE_INFINITY
  private lastNs = Number.NEGATIVE_INFINITY
  private latencies = 0
  private latencyNs = 0

  add(row: ImportRow): void {
    const { tsNs } = row
    this.operations++
    if (tsNs < this.firstNs) this.firstNs = tsNs
    if (tsNs > this.lastNs) this.lastNs = tsNs
    if (!row.hasEnd) return
    this.latencies++
    this.latencyNs += row.endNs - tsNs
  }

  sentences(hint: ColumnsHint | null): string[] {
    return [this.tooFast(hint), this.tooSlow(hint), this.badLatency(hint)].flatMap((doubt) => doubt ?? [])
  }

  private tooFast(hint: ColumnsHint | null): string | null {
    const spanNs = this.lastNs - this.firstNs
    const rate = (this.operations / spanNs) * NS_PER_SECOND
    if (this.operations < RATE_OPERATIONS_MIN || spanNs <= 0 || rate <= RATE_MAX) return null
    const seen = `${counted(this.operations)} operations begin within ${counted(spanNs)} ns, ${counted(Math.round(rate / 1e6))} million a second`
    return `${seen}: the times may count something longer${tryUnit(hint, 'ts', +1)}`
  }

  private tooSlow(hint: ColumnsHint | null): string | null {
    const days = (this.lastNs - this.firstNs) / NS_PER_DAY
    if (days < DAYS_MIN || this.operations < DAYS_MIN || this.operations >= days) return null
    const seen = `${counted(this.operations)} operations begin within ${counted(Math.floor(days))} days, fewer than one a day`
    return `${seen}: the times may count something shorter${tryUnit(hint, 'ts', -1)}`
  }

  private badLatency(hint: ColumnsHint | null): string | null {
    const meanNs = this.latencyNs / this.latencies
    // All of them zero: the recorder had no completions, and said so in its way.
    if (this.latencies < LATENCIES_MIN || this.latencyNs === 0) return null
    if (meanNs >= LATENCY_MIN_NS && meanNs <= LATENCY_MAX_NS) return null
    const isShort = meanNs < LATENCY_MIN_NS
    const mean = isShort ? `${meanNs.toFixed(1)} ns` : `${counted(Math.round(meanNs / NS_PER_SECOND))} s`
    const seen = `operations complete after ${mean} on average`
    const name = hint !== null && hint.unitOf('latency') !== '' ? 'latency' : 'end'
    return `${seen}: the times may count something ${isShort ? 'longer' : 'shorter'}${tryUnit(hint, name, isShort ? +1 : -1)}`
  }
}

/** Advice to try the next unit; nothing where none is said of the column. */
function tryUnit(hint: ColumnsHint | null, name: string, step: 1 | -1): string {
  const at = hint === null ? -1 : UNITS.indexOf(hint.unitOf(name))
  const unit = UNITS[at + step]
  if (hint === null || at < 0 || unit === undefined) return '; --columns can say another unit'
  return `; try ${hint.withUnit(unit, name)}`
}
