import type { ConsumerCounter, ConsumerLimit, ConsumerOption, Registry } from '@pinscope/core'

/** A consumer as `pinscope consumers --json` prints it. */
export interface ListedConsumer {
  readonly name: string
  readonly package: string
  readonly summary: string
  /** Kernel file and symbol that it stands for. */
  readonly kernel: string
  readonly accepts: readonly string[]
  readonly entriesMax: number
  readonly avoided: string
  readonly options: readonly ConsumerOption[]
  readonly limits: readonly ConsumerLimit[]
  readonly counters: readonly ConsumerCounter[]
}

/** Every consumer of a registry, without its code. */
export function listConsumers(registry: Registry): ListedConsumer[] {
  return registry.consumers().map(({ packageName, definition }) => ({
    name: definition.name,
    package: packageName,
    summary: definition.summary,
    kernel: definition.kernel,
    accepts: definition.accepts,
    entriesMax: definition.entriesMax,
    avoided: definition.avoided,
    options: definition.options ?? [],
    limits: definition.limits ?? [],
    counters: definition.counters ?? [],
  }))
}
