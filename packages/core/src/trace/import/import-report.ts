/** Lines or records that made no row, for one reason. */
export interface SkippedLines {
  readonly reason: string
  readonly count: number
  /** The first of them. */
  readonly firstLine: number
}

/** What an importer made of a file: a plain object that JSON keeps as it is. */
export interface ImportReport {
  /** Name of the format, as `--input-format` takes it. */
  readonly format: string
  /** What the format is called. */
  readonly title: string
  /** Lines or records read. */
  readonly lines: number
  /** Rows made of them. */
  readonly rows: number
  /** Most frequent first. */
  readonly skipped: readonly SkippedLines[]
  /** What the times of the file count from and in: `unix seconds`, `seconds since boot`. */
  readonly clock: string
  /** First and last time as the file has them; null when there was none. */
  readonly firstTime: string | null
  readonly lastTime: string | null
  /** Rows that stood later in the file than one of a later time. */
  readonly reordered: number
  /** Operations by what the file tells of their buffers; levels that do not occur are left out. */
  readonly levels: Readonly<Record<string, number>>
  /** What was taken for granted because the file does not tell: a sentence each. */
  readonly assumptions: readonly string[]
  /** What looks wrong: a sentence each. */
  readonly doubts: readonly string[]
}
