import * as Args from '@oclif/core/args'
import { Command } from '@oclif/core/command'
import * as Flags from '@oclif/core/flags'
import { inputFlags, laneFlags, writeFlags } from '../../flags.ts'

export default class TraceAnonymize extends Command {
  static override summary = 'Take out of a trace what tells where it comes from; it replays to the same figures.'
  static override description =
    'Files, ids and address spaces are numbered in the order in which they appear; user addresses and page frames lie elsewhere, in the same distance from their neighbours. Offsets in pages, what is contiguous, huge page alignment, times, lengths and positions in files stay; so do names of calls, consumers and stacks. Of the lines above the rows only kernel, filesystem, recorder and sizes are kept, and x_ columns are left out.'
  static override examples = ['<%= config.bin %> trace anonymize mine.csv -o for-the-list.csv']
  static override args = {
    trace: Args.string({ required: true, ignoreStdin: true, description: 'Trace file; - is standard input.' }),
  }
  static override flags = {
    ...writeFlags,
    ...inputFlags,
    plugin: laneFlags.plugin,
    'no-progress': Flags.boolean({ default: false, summary: 'Do not tell on stderr how far a long trace is.' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(TraceAnonymize)
    const { anonymizeTrace } = await import('@pinscope/core')
    const { editTrace } = await import('../../services/edit-trace.ts')
    await editTrace(this.config, [args.trace], flags, ([reader]) => anonymizeTrace(reader))
  }
}
