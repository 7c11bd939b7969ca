import type { Registry, TraceReader } from '@pinscope/core'
import type { NotedPlugin } from '../direct/start-notes.ts'

/** Where a replay gets its consumers from. */
export interface ConsumerSource {
  /** What a worker thread makes the same source of. */
  readonly spec: ConsumerSpec
  /** The consumers: at least those of these names, or all when there is none of one of these names. */
  load(names: readonly string[]): Promise<Registry>
  /** The same trace; by the time it hands out a row, the consumer that the row names is in the registry, if there is one. */
  watch(trace: TraceReader): TraceReader
}

/** Where the consumers come from, as plain data: the plugins that come with the command, or oclif and folders of plugins. */
export type ConsumerSpec =
  | { readonly kind: 'own'; readonly plugins: readonly NotedPlugin[] }
  | { readonly kind: 'oclif'; readonly root: string; readonly folders: readonly string[] }
