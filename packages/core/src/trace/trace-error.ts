/** Where a trace is wrong, what stands there, what was expected, and what to do. */
export interface TraceErrorDetail {
  /** The file as the user named it; `-` for standard input. */
  readonly file: string
  /** From 1; 0 when the fault has no line (an unreadable carrier). */
  readonly line: number
  /** From 1, in bytes, of the first byte of the offending text; 0 when it has none. */
  readonly column: number
  /** What is wrong, in one clause: `ts is "12x", expected an integer of nanoseconds`. */
  readonly problem: string
  /** What the user can do about it; empty when the problem says it all. */
  readonly hint: string
}

/** Bad input. Its message is `file:line:column: problem` and, after a newline, the hint. */
export class TraceError extends Error {
  override readonly name = 'TraceError'
  readonly detail: TraceErrorDetail

  constructor(detail: TraceErrorDetail) {
    super(messageOf(detail))
    this.detail = detail
  }
}

function messageOf({ file, line, column, problem, hint }: TraceErrorDetail): string {
  const where = line === 0 ? file : column === 0 ? `${file}:${line}` : `${file}:${line}:${column}`
  return hint === '' ? `${where}: ${problem}` : `${where}: ${problem}\n${hint}`
}
