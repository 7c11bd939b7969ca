import { Worker } from 'node:worker_threads'
import type { PartialReport } from '@pinscope/core'
import type { PartJob, PartProgress } from './jobs-part.ts'

/** The package's own entry: this file may be in any chunk of the bundle. */
const WORKER = new URL(import.meta.resolve('@pinscope/cli/jobs-worker'))

type Message = { readonly progress: PartProgress } | { readonly report: PartialReport | null }

/** Worker threads, one for each part but the first. */
export class Crew {
  /** The reports of the parts in order; null as soon as one of them has none. */
  readonly reports: Promise<readonly PartialReport[] | null>
  private readonly workers: Worker[] = []
  private readonly progress: PartProgress[] = []
  private readonly reported: PartialReport[] = []
  private parts = Number.POSITIVE_INFINITY
  private settle: (reports: readonly PartialReport[] | null) => void = () => {}

  /** Starts `count` workers, which takes a while; {@link give} tells them what to do. */
  constructor(count: number) {
    this.reports = new Promise((resolve) => {
      this.settle = resolve
    })
    for (let index = 0; index < count; index++) this.workers.push(this.start(index))
  }

  /** A job for each worker, or for some. */
  give(jobs: readonly PartJob[]): void {
    this.parts = jobs.length
    for (const worker of this.workers.splice(jobs.length)) void worker.terminate()
    for (const [index, job] of jobs.entries()) this.workers[index]?.postMessage(job)
  }

  /** Rows and bytes of all workers so far. */
  get done(): PartProgress {
    const sum = (name: keyof PartProgress) => this.progress.reduce((all, one) => all + one[name], 0)
    return { rows: sum('rows'), bytes: sum('bytes') }
  }

  /** Ends all workers; where not all reports are there, there are none. */
  stop(): void {
    this.settle(null)
    this.progress.length = 0
    for (const worker of this.workers.splice(0)) void worker.terminate()
  }

  private start(index: number): Worker {
    // Whatever a worker prints, the main thread says it too if it comes to it.
    const worker = new Worker(WORKER, { stdout: true, stderr: true })
    worker.on('message', (message: Message) => {
      if ('progress' in message) this.progress[index] = message.progress
      else this.take(index, message.report)
    })
    // Out of memory, for example.
    worker.on('error', () => this.stop())
    worker.on('exit', () => index >= this.parts || this.reported[index] !== undefined || this.stop())
    return worker
  }

  private take(index: number, report: PartialReport | null): void {
    if (report?.isIndependent !== true) {
      this.stop()
      return
    }
    this.reported[index] = report
    if (Object.keys(this.reported).length === this.parts) this.settle(this.reported)
  }
}
