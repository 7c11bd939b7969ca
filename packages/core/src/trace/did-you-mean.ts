/** The word of `words` that `text` is a slip of, or null: at most one edit in three letters, two in longer texts. */
export function closestWord(text: string, words: readonly string[]): string | null {
  const editsMax = text.length < 4 ? 1 : 2
  let closest: string | null = null
  let fewest = editsMax + 1
  for (const word of words) {
    if (Math.abs(word.length - text.length) > editsMax) continue
    const edits = editDistance(text.toLowerCase(), word)
    // A word that shares nothing with the text is not what was meant.
    if (edits < fewest && edits < word.length) {
      fewest = edits
      closest = word
    }
  }
  return closest
}

/** Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment) between two short texts. */
function editDistance(from: string, to: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let i = 1; i <= from.length; i++) {
    const row = [i]
    for (let j = 1; j <= to.length; j++) {
      const same = from[i - 1] === to[j - 1] ? 0 : 1
      let edits = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + same)
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) {
        edits = Math.min(edits, beforeLast[j - 2]! + 1)
      }
      row.push(edits)
    }
    beforeLast = last
    last = row
  }
  return last[to.length]!
}
