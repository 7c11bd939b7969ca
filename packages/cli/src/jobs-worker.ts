import { parentPort } from 'node:worker_threads'
import { type PartJob, replayPartJob } from './services/jobs-part.ts'

/** A worker thread of `--jobs`: given one part of a trace, it posts how far it is, then the partial report; null where it is none. */
const post = (message: unknown) => parentPort?.postMessage(message)
parentPort?.once('message', (job: PartJob) => {
  const report = replayPartJob(job, (progress) => post({ progress })).catch(() => null)
  void report.then((one) => post({ report: one }))
})
