import { counted, grouped } from '../render/text.ts'
import type { TraceInput } from './input.ts'

/** What the progress line needs of a stream; `process.stderr` is one. */
export interface ProgressStream {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

/** How far a job is. */
export interface JobProgress {
  /** Rows of the input so far. */
  readonly rows: number
  /** Of a replay: pins and references that are held. */
  readonly pinsOpen?: number
}

const ERASE_LINE = '\r\u001b[2K'
const QUIET_MS = 1000
const REDRAW_MS = 100
/** Where nobody watches, a line now and then shows that the job is alive. */
const LOG_LINE_MS = 30_000

/**
 * Tells on stderr how far a long replay is: a line redrawn in place on a terminal, one line each 30 s elsewhere and in
 * CI. Says nothing in the first second.
 */
export class Progress {
  private readonly stream: ProgressStream
  private readonly live: boolean
  private readonly now: () => number
  private readonly startMs: number
  private inputStartMs: number
  private nextMs: number
  private shown = false
  /** Rows of the inputs that are done. */
  private rowsBefore = 0

  constructor(stream: ProgressStream, env: NodeJS.ProcessEnv, now: () => number = () => performance.now()) {
    this.stream = stream
    this.live = stream.isTTY === true && env.TERM !== 'dumb' && (env.CI ?? '') === ''
    this.now = now
    this.startMs = now()
    this.inputStartMs = this.startMs
    this.nextMs = this.startMs + (this.live ? QUIET_MS : LOG_LINE_MS)
    // The cursor must not stay behind a half line when Ctrl-C ends the process.
    if (this.live) process.once('exit', this.erase)
  }

  /** Called after each batch of `input`. */
  update(input: TraceInput, { rows, pinsOpen }: JobProgress): void {
    const nowMs = this.now()
    if (nowMs < this.nextMs) return
    this.nextMs = nowMs + (this.live ? REDRAW_MS : LOG_LINE_MS)
    const allRows = this.rowsBefore + rows
    const line = progressLine(input, {
      rows: allRows,
      rowsPerSecond: (allRows / (nowMs - this.startMs)) * 1000,
      pinsOpen,
      seconds: (nowMs - this.inputStartMs) / 1000,
    })
    if (this.live) this.stream.write(`${ERASE_LINE}${line.slice(0, (this.stream.columns ?? 80) - 1)}`)
    else this.stream.write(`${line}\n`)
    this.shown = true
  }

  /** An input is done; the next one counts on from its rows. */
  inputDone(rows: number): void {
    this.rowsBefore += rows
    this.inputStartMs = this.now()
  }

  /** Takes the line away. */
  readonly erase = (): void => {
    process.off('exit', this.erase)
    if (this.live && this.shown) this.stream.write(ERASE_LINE)
    this.shown = false
  }
}

interface Pace {
  readonly rows: number
  readonly rowsPerSecond: number
  readonly pinsOpen: number | undefined
  /** Since this input began. */
  readonly seconds: number
}

function progressLine(input: TraceInput, { rows, rowsPerSecond, pinsOpen, seconds }: Pace): string {
  const read = input.readBytes()
  const parts: string[] = []
  if (input.sizeBytes !== null && input.sizeBytes > 0 && read > 0) {
    const share = Math.min(1, read / input.sizeBytes)
    parts.push(`${Math.floor(share * 100)}%`, `${clock((seconds / share) * (1 - share))} left`)
  }
  parts.push(`${grouped(rows)} rows`, `${(read / 1e6).toFixed(1)} MB`, `${grouped(Math.round(rowsPerSecond))} rows/s`)
  // The name last: a long one is cut where the terminal ends.
  if (pinsOpen !== undefined) parts.push(`${counted(pinsOpen, 'pin')} held`)
  return [...parts, input.name].join(', ')
}

/** `1:05` for 65 seconds. */
function clock(seconds: number): string {
  const whole = Math.round(seconds)
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`
}
