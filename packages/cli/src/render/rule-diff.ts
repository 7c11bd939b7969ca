/** A line of a comparison: in both texts, only in the first, or only in the second. */
export interface DiffLine {
  readonly sign: ' ' | '-' | '+'
  readonly text: string
}

/** The lines of two short texts against each other: as few changes as can be. */
export function lineDiff(before: readonly string[], after: readonly string[]): DiffLine[] {
  const common = commonLines(before, after)
  const lines: DiffLine[] = []
  let a = 0
  let b = 0
  while (a < before.length || b < after.length) {
    if (a < before.length && before[a] === after[b]) {
      lines.push({ sign: ' ', text: before[a++] })
      b++
    } else if (a < before.length && (b === after.length || common[a + 1][b] >= common[a][b + 1])) {
      lines.push({ sign: '-', text: before[a++] })
    } else lines.push({ sign: '+', text: after[b++] })
  }
  return lines
}

/** `[a][b]`: lines in common, at most, of what comes from line a and from line b on. */
function commonLines(before: readonly string[], after: readonly string[]): number[][] {
  const table = Array.from({ length: before.length + 2 }, () => Array<number>(after.length + 2).fill(0))
  for (let a = before.length - 1; a >= 0; a--) {
    for (let b = after.length - 1; b >= 0; b--) {
      table[a][b] = before[a] === after[b] ? table[a + 1][b + 1] + 1 : Math.max(table[a + 1][b], table[a][b + 1])
    }
  }
  return table
}
