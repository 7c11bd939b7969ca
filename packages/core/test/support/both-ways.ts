import { expect } from 'vitest'
import type { Consumer, ConsumerDefinition } from '../../src/consumer/consumer.ts'
import { type RegisteredConsumer, Registry } from '../../src/consumer/registry.ts'
import { replayEach } from '../../src/replay/replay.ts'
import type { ReplayOptions } from '../../src/replay/replay-options.ts'
import type { Report } from '../../src/report/report.ts'
import type { TraceReader } from '../../src/trace/trace-reader.ts'

/** A registry whose consumers count the operations that are handed to them. */
class CountingRegistry extends Registry {
  submitted = 0
  private readonly from: Registry

  constructor(from: Registry) {
    super()
    this.from = from
  }

  override find(name: string): RegisteredConsumer | undefined {
    const found = this.from.find(name)
    return found === undefined ? undefined : { ...found, definition: this.counting(found.definition) }
  }

  private counting(definition: ConsumerDefinition): ConsumerDefinition {
    return {
      ...definition,
      create: (environment) => {
        const consumer: Consumer = definition.create(environment)
        const submit = consumer.submit.bind(consumer)
        consumer.submit = (io) => {
          this.submitted++
          return submit(io)
        }
        return consumer
      },
    }
  }
}

/** How many operations were done where each is, and where those that repeat are counted. */
export interface BothWays {
  readonly all: number
  readonly done: number
  readonly report: Report
}

/**
 * Replays a trace in each of several ways, and in each with every operation done too: the reports are equal, as values and
 * as text.
 */
export async function bothWays(trace: TraceReader, ways: readonly ReplayOptions[], what = ''): Promise<BothWays> {
  const counting = ways.map(({ registry }) => [new CountingRegistry(registry), new CountingRegistry(registry)] as const)
  const reports = await replayEach(
    trace,
    ways.flatMap((way, n) => [
      { ...way, registry: counting[n]![0] },
      { ...way, registry: counting[n]![1], everyOperation: true },
    ]),
  )
  ways.forEach((way, n) => {
    const [counted, done] = [reports[2 * n], reports[2 * n + 1]]
    const where = `${what} ${way.kernel}`
    // Values first: their difference is easier to read.
    if (JSON.stringify(counted) !== JSON.stringify(done)) expect(counted, where).toEqual(done)
    expect(JSON.stringify(counted), where).toBe(JSON.stringify(done))
  })
  const sum = (at: 0 | 1) => counting.reduce((all, pair) => all + pair[at].submitted, 0)
  return { all: sum(1), done: sum(0), report: reports[0]! }
}
