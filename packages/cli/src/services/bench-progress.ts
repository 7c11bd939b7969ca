import type { TimedSample } from './bench-process.ts'
import type { ProgressStream } from './progress.ts'

const ERASE_LINE = '\r\u001b[2K'
/** Where nobody watches, a line now and then shows that it is alive. */
const LOG_LINE_MS = 30_000

/** Tells on stderr how far it is: a line redrawn in place on a terminal, one each 30 s elsewhere and in CI. */
export class BenchProgress {
  private readonly stream: ProgressStream
  private readonly live: boolean
  private readonly now: () => number
  private nextMs: number

  constructor(stream: ProgressStream, env: NodeJS.ProcessEnv, now: () => number = () => performance.now()) {
    this.stream = stream
    this.live = stream.isTTY === true && env.TERM !== 'dumb' && (env.CI ?? '') === ''
    this.now = now
    this.nextMs = now() + LOG_LINE_MS
    if (!this.live) return
    stream.write('warming up')
    // The cursor must not stay behind a half line when Ctrl-C ends the process.
    process.once('exit', this.erase)
  }

  /** Called after each sample. */
  update({ name, round, nsPerOperation }: TimedSample, rounds: number): void {
    const line = `round ${round + 1} of ${rounds}: ${name}, ${(1000 / nsPerOperation).toFixed(2)} M operations/s`
    if (this.live) this.stream.write(`${ERASE_LINE}${line.slice(0, (this.stream.columns ?? 80) - 1)}`)
    else if (this.now() >= this.nextMs) {
      this.stream.write(`${line}\n`)
      this.nextMs = this.now() + LOG_LINE_MS
    }
  }

  /** Takes the line away. */
  readonly erase = (): void => {
    process.off('exit', this.erase)
    if (this.live) this.stream.write(ERASE_LINE)
  }
}
