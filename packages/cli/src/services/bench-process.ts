import type { Registry } from '@pinscope/core'
import { BenchRunner, type BenchSample, type BenchSettings } from './bench-measure.ts'
import type { Workload } from './bench-workloads.ts'
import { tuneV8 } from './tune-v8.ts'

/** The rounds are shared out among so many processes. */
export const PROCESSES = 3

/** A sample, and which it is. */
export interface TimedSample extends BenchSample {
  readonly name: string
  /** From 0. */
  readonly round: number
}

/** Measures the rounds of one share, `2/3` for the third of three, and sends each sample to the process that started this one. */
export async function measureShare(
  settings: BenchSettings & { readonly rounds: number },
  share: string,
  workloads: readonly Workload[],
  registry: Registry,
): Promise<void> {
  const [own, all] = share.split('/').map(Number) as [number, number]
  tuneV8()
  const runner = new BenchRunner(settings, registry)
  for (const workload of workloads) await runner.prepare(workload)
  for (let round = own; round < settings.rounds; round += all) {
    for (const workload of workloads) {
      const sample = await runner.sample(workload)
      process.send?.({ ...sample, name: workload.name, round } satisfies TimedSample)
    }
  }
}
