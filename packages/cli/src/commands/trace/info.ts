import * as Args from '@oclif/core/args'
import { Command } from '@oclif/core/command'
import { inputFlags, json, laneFlags } from '../../flags.ts'

export default class TraceInfoCommand extends Command {
  static override summary = 'Tell what a trace holds: recording, operations, segments, sizes.'
  static override examples = [
    '<%= config.bin %> trace info traces/sqlite3.csv',
    '<%= config.bin %> trace info traces/sqlite3.csv --json',
  ]
  static override args = {
    trace: Args.string({ required: true, ignoreStdin: true, description: 'Trace file; - is standard input.' }),
  }
  static override flags = { ...inputFlags, plugin: laneFlags.plugin, json }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(TraceInfoCommand)
    const { traceInfo } = await import('@pinscope/core')
    const { openInput } = await import('../../services/input.ts')
    const { formatsOfPlugins, openInputTrace, openOptions } = await import('../../services/open-input.ts')
    const { print } = await import('../../services/print.ts')
    const options = openOptions(flags, await formatsOfPlugins(this.config, flags.plugin))
    const info = await traceInfo(await openInputTrace(openInput(args.trace), options))
    await print(flags.json, info, async (terminal) => {
      const { traceInfoText } = await import('../../render/trace-info.ts')
      return traceInfoText(terminal, info)
    })
  }
}
