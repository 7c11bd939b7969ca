import { secondsOf, ticksOf } from '../text/text.ts'
import { type SplitTime, TimeOfDay, timeOfDayText } from '../text/time-of-day.ts'

/** The forms that babeltrace2 writes times in. */
type TimeForm = 'day' | 'date' | 'seconds' | 'cycles'

const NAMES: Readonly<Record<TimeForm, string>> = {
  day: 'time of day without a date, in local time',
  date: 'date and time (--clock-date), as they stand',
  seconds: 'seconds (--clock-seconds)',
  cycles: 'cycles of the clock (--clock-cycles), taken as ns',
}

/** Times of babeltrace2 as seconds and ns. */
export class LttngClock {
  private form: TimeForm | null = null
  private readonly timeOfDay = new TimeOfDay()

  get name(): string {
    return NAMES[this.form ?? 'seconds']
  }

  /** True when the times count something that need not be ns. */
  get isCycles(): boolean {
    return this.form === 'cycles'
  }

  /** Null when the text is no time, or in another form than the first. */
  at(text: string): SplitTime | null {
    const form = formOf(text)
    this.form ??= form
    if (form !== this.form) return null
    if (form === 'day') return this.timeOfDay.at(text)
    if (form === 'cycles') return ticksOf(text, 1e9)
    return form === 'seconds' ? secondsOf(text) : dateOf(text)
  }

  textOf(seconds: number, ns: number): string {
    if (this.form === 'day') return timeOfDayText(seconds, ns)
    if (this.form === 'date')
      return `${new Date(seconds * 1000).toISOString().slice(0, 10)} ${timeOfDayText(seconds, ns)}`
    return `${seconds}.${String(ns).padStart(9, '0')}`
  }
}

function formOf(text: string): TimeForm {
  if (text.includes('-')) return 'date'
  if (text.includes(':')) return 'day'
  return text.includes('.') ? 'seconds' : 'cycles'
}

function dateOf(text: string): SplitTime | null {
  const match = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)\.(\d{1,9})$/.exec(text)
  const ms = match === null ? Number.NaN : Date.parse(`${match[1]}T${match[2]}Z`)
  return Number.isNaN(ms) ? null : { seconds: ms / 1000, ns: Number(match![3]!.padEnd(9, '0')) }
}
