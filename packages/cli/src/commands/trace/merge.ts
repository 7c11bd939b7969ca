import * as Args from '@oclif/core/args'
import { Command } from '@oclif/core/command'
import * as Flags from '@oclif/core/flags'
import { inputFlags, laneFlags, writeFlags } from '../../flags.ts'

export default class TraceMerge extends Command {
  static override summary = 'Merge traces into one, sorted by time.'
  static override description =
    'Each trace begins at its own time 0; --shift moves it. Of equal times the row of the trace that is named first comes first. Address spaces, ids and files of the same name are the same ones, as in parts of one recording; --apart keeps those of each trace apart, as on several machines.'
  static override examples = [
    '<%= config.bin %> trace merge cpu0.bin cpu1.bin -o all.csv.zst',
    '<%= config.bin %> trace merge node1.csv node2.csv --shift 0 --shift 1.25s --apart -o both.arrow',
  ]
  static override args = {
    traces: Args.string({
      multiple: true,
      required: true,
      ignoreStdin: true,
      description: 'Two trace files or more; - is standard input.',
    }),
  }
  static override flags = {
    shift: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'TIME',
      summary: 'Add this to the times of a trace: the first --shift is for the first trace, and so on.',
    }),
    apart: Flags.boolean({ default: false, summary: 'Keep address spaces, ids and files of each trace apart.' }),
    ...writeFlags,
    ...inputFlags,
    plugin: laneFlags.plugin,
    'no-progress': Flags.boolean({ default: false, summary: 'Do not tell on stderr how far a long merge is.' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(TraceMerge)
    const { mergeCommand } = await import('../../services/merge-command.ts')
    await mergeCommand(this.config, args.traces, flags)
  }
}
