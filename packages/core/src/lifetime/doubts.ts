/** Doubts that are kept, at most: what is wrong once is wrong often. */
const DOUBTS_MAX = 100

/**
 * Rows that make no sense by themselves, but may in a recording that was cut at its front: told as warnings, with what the
 * audit made of them.
 */
export class Doubts {
  readonly texts: string[] = []

  /** The row at `line`, an `event` row, is doubtful: `what`. Said once a row. */
  add(line: number, event: string, what: string): void {
    const text = `line ${line}: ${event} ${what}`
    if (this.texts.length < DOUBTS_MAX && this.texts.at(-1) !== text) this.texts.push(text)
  }
}
