/** `1,234,567`. */
export function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ',')
}

const UNITS = ['k', 'M', 'G', 'T', 'P']

/** Figures below this are told in full by {@link rounded}. */
export const ROUNDED_MIN = 100_000

/** At most five columns: `99999` in full, more in three digits: `158k`, `46.1M`, `9.01P`. */
export function rounded(value: number): string {
  if (value < ROUNDED_MIN) return String(value)
  const digits = Number(value.toPrecision(3))
  const thousands = Math.floor(Math.log10(digits) / 3)
  const scaled = digits / 1000 ** thousands
  return `${scaled.toPrecision(3)}${UNITS[thousands - 1]}`
}

/** `1 leak`, `2 leaks`, `1,000 entries`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${grouped(count)} ${count === 1 ? one : many}`
}

/** A span of ns in the unit that reads best: `2.5 us`, `13 ms`. */
export function duration(ns: number): string {
  const [unit, per] = ns < 1e3 ? ['ns', 1] : ns < 1e6 ? ['us', 1e3] : ns < 1e9 ? ['ms', 1e6] : ['s', 1e9]
  const value = ns / (per as number)
  return `${Number.isInteger(value) ? grouped(value) : value < 100 ? Number(value.toFixed(2)) : grouped(Math.round(value))} ${unit}`
}

/**
 * Breaks text into lines of at most `columns`; lines after the first begin with `indent`. Blanks at its beginning stay.
 * A word longer than a line stays whole: a path that is cut cannot be clicked.
 */
export function wrapped(text: string, columns: number, indent = ''): string {
  const body = text.trimStart()
  const lines: string[] = []
  let line = text.slice(0, text.length - body.length)
  let empty = true
  for (const word of body.split(' ')) {
    if (!empty && line.length + 1 + word.length > columns) {
      lines.push(line)
      line = indent
      empty = true
    }
    line += empty ? word : ` ${word}`
    empty = false
  }
  return [...lines, line].join('\n')
}

const ANSI = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g')

/** Columns that a text takes, colour not counted. */
export function visibleLength(text: string): number {
  return text.replace(ANSI, '').length
}
