import type { ComparedFigure } from '@pinscope/core'
import { grouped, rounded } from './text.ts'

/** How a count is written: in full, or in five columns. */
export type CountText = (value: number) => string

/** What a figure is that does not differ. */
const SAME = 'same'

/** What became of a figure, with a sign: the difference, then what that is of the base in per cent; `n/a` of 0. */
export function changeTexts({ difference, relative }: ComparedFigure, text: CountText): [string, string] {
  if (difference === 0) return [SAME, '']
  const sign = difference < 0 ? '-' : '+'
  return [`${sign}${text(Math.abs(difference))}`, relative === null ? 'n/a' : `${sign}${perCent(Math.abs(relative))} %`]
}

/** The second of {@link changeTexts}, where there is no room for both. */
export function relativeText(figure: ComparedFigure): string {
  return figure.difference === 0 ? SAME : changeTexts(figure, FULL)[1]
}

/** Digits after the point that a share of two counts can need. */
const DIGITS_MAX = 14

/**
 * A share in per cent, `2.5` for 0.025: one digit after the point, or as many as it takes not to say 0 of what is
 * something, or 100 of what is not all.
 */
export function perCent(share: number): string {
  const value = share * 100
  if (value >= 1000) return grouped(Math.round(value))
  const digits = Array.from({ length: DIGITS_MAX }, (_, more) => Number(value.toFixed(more + 1)))
  return String(digits.find((shown) => shown !== 0 && (shown !== 100 || value === 100)) ?? value)
}

/** For tables that are too wide otherwise. */
export const SHORT: CountText = rounded
/** `1,234,567`. */
export const FULL: CountText = grouped
