const QUOTE = '"'

/** The cells of a line, out of their quotes, and where each begins: byte columns from 1. */
export interface QuotedCells {
  readonly texts: readonly string[]
  readonly columns: readonly number[]
}

/**
 * The cells of a line of which some or all are in quotes, with quotes in them doubled. Null when a quote is not closed, or
 * something other than a comma follows it.
 */
export function quotedCells(line: string): QuotedCells | null {
  const texts: string[] = []
  const columns: number[] = []
  let at = 0
  for (;;) {
    columns.push(at + 1)
    const end = line[at] === QUOTE ? closingQuote(line, at + 1) : commaFrom(line, at)
    if (end < 0) return null
    const next = line[at] === QUOTE ? end + 1 : end
    texts.push(line[at] === QUOTE ? line.slice(at + 1, end).replaceAll('""', QUOTE) : line.slice(at, end))
    if (next === line.length) return { texts, columns }
    if (line[next] !== ',') return null
    at = next + 1
  }
}

function commaFrom(line: string, at: number): number {
  const comma = line.indexOf(',', at)
  return comma < 0 ? line.length : comma
}

/** The quote that ends the cell; -1 when there is none. */
function closingQuote(line: string, from: number): number {
  let at = line.indexOf(QUOTE, from)
  while (at >= 0 && line[at + 1] === QUOTE) at = line.indexOf(QUOTE, at + 2)
  return at
}
