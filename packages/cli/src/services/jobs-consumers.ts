import type { ConsumerSource, ConsumerSpec } from './consumer-source.ts'

/** The source of consumers that the main thread has, in a worker. */
export async function consumerSource(spec: ConsumerSpec): Promise<ConsumerSource> {
  if (spec.kind === 'own') {
    const { OwnPlugins } = await import('./own-plugins.ts')
    return new OwnPlugins(spec.plugins)
  }
  const { Config } = await import('@oclif/core/config')
  const { oclifPlugins } = await import('./load-plugins.ts')
  return oclifPlugins(await Config.load(spec.root), spec.folders)
}
