/** ` Did you mean "bio"?` for the closest candidate, or nothing when none is close. */
export function didYouMean(typed: string, candidates: readonly string[], quote = '"'): string {
  const closest = closestTo(typed, candidates)
  return closest === null ? '' : `did you mean ${quote}${closest}${quote}?`
}

function closestTo(typed: string, candidates: readonly string[]): string | null {
  const lower = typed.toLowerCase()
  // A third of the letters may be wrong, at least one: "exrtact" is "extract", "zcrx" is not "bio".
  let least = Math.max(1, Math.floor(typed.length / 3)) + 1
  let closest: string | null = null
  for (const candidate of candidates) {
    const distance = candidate.toLowerCase().startsWith(lower) && lower !== '' ? 0 : editDistance(lower, candidate)
    if (distance < least) {
      least = distance
      closest = candidate
    }
  }
  return closest
}

/** Insertions, deletions, replacements and swaps of neighbours that turn one word into the other. */
function editDistance(from: string, to: string): number {
  let before: number[] = []
  let last = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let row = 1; row <= from.length; row++) {
    const next = [row]
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1]
      const swapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      const steps = [last[column] + 1, next[column - 1] + 1, last[column - 1] + (same ? 0 : 1)]
      if (swapped) steps.push(before[column - 2] + 1)
      next.push(Math.min(...steps))
    }
    before = last
    last = next
  }
  return last[to.length]
}
