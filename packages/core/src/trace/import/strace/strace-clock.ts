import { secondsOf } from '../text/text.ts'
import { type SplitTime, TimeOfDay, timeOfDayText } from '../text/time-of-day.ts'

/** The forms that times of strace come in. */
type TimeForm = 'unix' | 'day' | 'delta' | 'none'

/** A -r time is seconds since the line before; seconds since 1970 are more than that since 1973. */
const UNIX_SECONDS_MIN = 100_000_000
/** Lines without a time are this far apart: their order is all that is known. */
const LINE_NS = 1000

const NAMES: Readonly<Record<TimeForm, string>> = {
  unix: 'seconds since 1970 (-ttt)',
  day: 'time of day without a date (-t, -tt), in local time',
  delta: 'seconds since the line before, summed up (-r)',
  none: 'none: the lines are told 1 us apart, in their order',
}

/** Times of a file of strace as seconds and ns, from whatever form its first line has. */
export class StraceClock {
  /** Form of the first line that {@link at} saw. */
  form: TimeForm | null = null
  private readonly timeOfDay = new TimeOfDay()
  private sumSeconds = 0
  private sumNs = 0

  /** What the times count, for the report. */
  get name(): string {
    return NAMES[this.form ?? 'none']
  }

  /** Time of the next line; null when it is not of the form of the lines before. Every line must come, as -r counts from each. */
  at(text: string | null): SplitTime | null {
    const form = formOf(text)
    this.form ??= form
    if (form !== this.form) return null
    if (text === null) return this.add(0, LINE_NS)
    if (form === 'day') return this.timeOfDay.at(text)
    const time = secondsOf(text)
    if (time === null) return null
    return form === 'delta' ? this.add(time.seconds, time.ns) : time
  }

  /** A time for the report, as the lines have it. */
  textOf(seconds: number, ns: number): string {
    if (this.form === 'day') return timeOfDayText(seconds, ns)
    return `${seconds}.${String(ns).padStart(9, '0')}`
  }

  private add(seconds: number, ns: number): SplitTime {
    const sum = this.sumNs + ns
    this.sumNs = sum % 1e9
    this.sumSeconds += seconds + Math.floor(sum / 1e9)
    return { seconds: this.sumSeconds, ns: this.sumNs }
  }
}

function formOf(text: string | null): TimeForm {
  if (text === null) return 'none'
  if (text.includes(':')) return 'day'
  return Number(text.split('.', 1)[0]) >= UNIX_SECONDS_MIN ? 'unix' : 'delta'
}
