/** Header lines that tell of all rows of a trace: they do not hold of a part of it, nor of several together. */
const OF_THE_WHOLE = ['pins-acquired-total', 'pins-released-total', 'dropped', 'excerpt']

/** The header lines that hold of other rows too. */
export function withoutTotals(attributes: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...attributes].filter(([key]) => !OF_THE_WHOLE.includes(key)))
}
