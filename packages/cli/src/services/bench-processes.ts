import { type ChildProcess, fork } from 'node:child_process'
import { PROCESSES, type TimedSample } from './bench-process.ts'

/**
 * Runs this command again for each share of the rounds, one process after the other. Null where one of them failed: it has
 * said why, and its exit status is this process's.
 */
export async function measureInProcesses(
  rounds: number,
  onSample: (sample: TimedSample) => void,
): Promise<readonly TimedSample[] | null> {
  const samples: TimedSample[] = []
  const shares = Math.min(PROCESSES, rounds)
  for (let own = 0; own < shares; own++) {
    const status = await runShare(`${own}/${shares}`, (sample) => {
      samples.push(sample)
      onSample(sample)
    })
    if (status === 0) continue
    process.exitCode = status
    return null
  }
  return samples
}

async function runShare(share: string, onSample: (sample: TimedSample) => void): Promise<number> {
  const [, program, ...words] = process.argv
  const child = fork(program!, [...words, '--share', share], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const stop = () => child.kill()
  process.once('exit', stop)
  child.on('message', (sample: TimedSample) => onSample(sample))
  try {
    return await statusOf(child)
  } finally {
    process.off('exit', stop)
  }
}

/** Exit status; of a process that a signal ended, as a shell would tell it. */
function statusOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      if (signal === null) resolve(code ?? 2)
      else reject(new Error(`a process that measured was ended by ${signal}`))
    })
  })
}
