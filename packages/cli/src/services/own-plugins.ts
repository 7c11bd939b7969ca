import type { Dictionary, OpBatch, TraceReader } from '@pinscope/core'
import { PluginError, Registry } from '@pinscope/core'
import type { NotedPlugin } from '../direct/start-notes.ts'
import type { ConsumerSource, ConsumerSpec } from './consumer-source.ts'

/**
 * The plugins that come with the command, each loaded when one of its consumers is asked for. What they bring was noted when
 * they were built; the hook is the one that oclif would call.
 */
export class OwnPlugins implements ConsumerSource {
  readonly spec: ConsumerSpec
  private readonly registry = new Registry()
  private waiting: readonly NotedPlugin[]

  constructor(plugins: readonly NotedPlugin[]) {
    this.spec = { kind: 'own', plugins }
    // In the order of loadPlugins: consumers are listed in it.
    this.waiting = plugins.filter(({ hook }) => hook !== '').sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  async load(names: readonly string[]): Promise<Registry> {
    const unknown = names.some((name) => !this.has(name) && !this.waiting.some((plugin) => brings(plugin, name)))
    const wanted = this.waiting.filter((plugin) => unknown || names.some((name) => brings(plugin, name)))
    this.waiting = this.waiting.filter((plugin) => !wanted.includes(plugin))
    for (const plugin of wanted) this.registry.register(plugin.name, await registrationOf(plugin))
    return this.registry
  }

  watch(trace: TraceReader): TraceReader {
    return new WatchedTrace(trace, async (names) => {
      if (this.waiting.length > 0) await this.load(names)
    })
  }

  private has(name: string): boolean {
    return this.registry.find(name) !== undefined
  }
}

const brings = ({ consumers }: NotedPlugin, name: string): boolean => consumers.includes(name)

async function registrationOf({ name, hook }: NotedPlugin): Promise<unknown> {
  try {
    const file = new URL(hook, import.meta.resolve(`${name}/package.json`))
    const { default: register } = await import(file.href)
    return await register()
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw new PluginError(name, `its hook pinscope:register failed: ${message}`, { cause: error })
  }
}

/** A trace that tells of the consumers that its rows name before it hands out these rows. */
class WatchedTrace implements TraceReader {
  private readonly trace: TraceReader
  private readonly named: (names: readonly string[]) => Promise<void>

  constructor(trace: TraceReader, named: (names: readonly string[]) => Promise<void>) {
    this.trace = trace
    this.named = named
  }

  async *batches(): AsyncIterable<OpBatch> {
    let told = 0
    for await (const batch of this.trace.batches()) {
      const { consumers } = this.trace
      const names = Array.from({ length: consumers.size - told }, (_, i) => consumers.text(told + i))
      told = consumers.size
      if (names.length > 0) await this.named(names)
      yield batch
    }
  }

  get header(): TraceReader['header'] {
    return this.trace.header
  }
  get files(): Dictionary {
    return this.trace.files
  }
  get calls(): Dictionary {
    return this.trace.calls
  }
  get ids(): Dictionary {
    return this.trace.ids
  }
  get consumers(): Dictionary {
    return this.trace.consumers
  }
  get stacks(): Dictionary {
    return this.trace.stacks
  }
  get layout(): TraceReader['layout'] {
    return this.trace.layout
  }
  get imported(): TraceReader['imported'] {
    return this.trace.imported
  }
  get bytesRead(): number {
    return this.trace.bytesRead
  }
}
