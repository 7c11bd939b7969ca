import { Command } from '@oclif/core/command'
import { json, laneFlags } from '../flags.ts'

export default class Consumers extends Command {
  static override summary = 'List the consumers: kernel subsystems that a trace can be replayed through.'
  static override description =
    'Built-in ones and those of plugins, each with the kernel symbol that it stands for, the iterators that it accepts, its options, its limits and its counters.'
  static override examples = ['<%= config.bin %> consumers', '<%= config.bin %> consumers --json']
  static override flags = { plugin: laneFlags.plugin, json }

  async run(): Promise<void> {
    const { flags } = await this.parse(Consumers)
    const { loadPlugins } = await import('../services/load-plugins.ts')
    const { listConsumers } = await import('../services/list-consumers.ts')
    const { print } = await import('../services/print.ts')
    const consumers = listConsumers(await loadPlugins(this.config, flags.plugin))
    await print(flags.json, { consumers }, async (terminal) => {
      const { consumersText } = await import('../render/consumers.ts')
      return consumersText(terminal, consumers)
    })
  }
}
