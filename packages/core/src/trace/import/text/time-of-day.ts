import { secondsOf } from './text.ts'

const DAY_SECONDS = 86_400
/** Clocks are set, but not by half a day: an earlier time of day is one of the next day. */
const WRAP_SECONDS = DAY_SECONDS / 2

/** A time, split because ns since 1970 do not fit a double. */
export interface SplitTime {
  readonly seconds: number
  readonly ns: number
}

/** Times of day without a date, `23:59:59.999`, in the order of a file: behind midnight the next day begins. */
export class TimeOfDay {
  private days = 0
  private lastSeconds = 0

  /** Seconds since the midnight before the first time; null when the text is no time of day. */
  at(text: string): SplitTime | null {
    const match = /^(\d\d):(\d\d):(\d\d(?:\.\d{1,9})?)$/.exec(text)
    if (match === null) return null
    const { seconds, ns } = secondsOf(match[3]!)!
    const ofDay = Number(match[1]) * 3600 + Number(match[2]) * 60 + seconds
    if (ofDay < this.lastSeconds - WRAP_SECONDS) this.days++
    this.lastSeconds = ofDay
    return { seconds: this.days * DAY_SECONDS + ofDay, ns }
  }
}

/** `23:59:59.999000000` of seconds since a midnight. */
export function timeOfDayText(seconds: number, ns: number): string {
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0')
  return `${two((seconds / 3600) % 24)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}.${String(ns).padStart(9, '0')}`
}
