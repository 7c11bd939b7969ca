import { TIME_FILETIME } from '../text/decimal-time.ts'
import { TIME_UNITS, type UnitColumn } from './column-part.ts'

/** Recordings are of these years; beyond the last a clock that counts from 1970 is in the wrong unit. */
const YEAR_FIRST = 2000
const YEAR_LAST = 2100
/** A clock that counts from boot does not reach this. */
const UPTIME_YEARS_MAX = 10
const SECONDS_PER_YEAR = 31_556_952
const FILETIME_YEAR = 1601
const UNIX_YEAR = 1970

/**
 * A doubt about the unit of times, from the first of them: as a time since 1970 it lies far in the future, and in another unit it
 * does not. Null when there is none, which a clock that counts from boot, or from the start of the recording, never gives.
 */
export function clockDoubt(text: string, ts: UnitColumn): string | null {
  const value = Number(text)
  const year = yearOf(value, ts.unit)
  if (!Number.isFinite(value) || year <= YEAR_LAST || yearsOf(value, ts.unit) <= UPTIME_YEARS_MAX) return null
  const other = [...TIME_UNITS].find(([, unit]) => isOfRecordings(yearOf(value, unit)))
  if (other === undefined) return null
  const seen = `the first ts is ${text}, which in ${ts.unitName} is in the year ${Math.floor(year).toLocaleString('en-US')}`
  const [name, unit] = other
  return `${seen}, but in ${name} in ${Math.floor(yearOf(value, unit))}; try ts=${ts.column + 1}:${name}`
}

function yearsOf(value: number, unit: number): number {
  return (value * 10 ** unit) / 1e9 / SECONDS_PER_YEAR
}

function yearOf(value: number, unit: number): number {
  return (unit === TIME_FILETIME ? FILETIME_YEAR : UNIX_YEAR) + yearsOf(value, unit)
}

function isOfRecordings(year: number): boolean {
  return year >= YEAR_FIRST && year < YEAR_LAST
}
