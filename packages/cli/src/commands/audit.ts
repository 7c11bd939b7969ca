import * as Args from '@oclif/core/args'
import { Command } from '@oclif/core/command'
import * as Flags from '@oclif/core/flags'
import { inputFlags, json, laneFlags } from '../flags.ts'

export default class Audit extends Command {
  static override summary = 'Replay recorded I/O with hazard rules listening: which are broken, and where.'
  static override description =
    'Replays the traces as `pinscope replay` does. Rules about the lifetime of pages, references, kernel objects, iterators, file space and leases listen to every step, and tell in which row one of them is broken, what happened to the page before, and what to do. Then two questions: what keeps the pages alive that are put into iterators which take nothing, and who drops the references that extractions take.\n\nExit status: 0 nothing found at --severity or above; 1 something was; 2 usage, or a trace that cannot be read; 3 a plugin is broken; 130 interrupted.'
  static override examples = [
    '<%= config.bin %> audit traces/fio-libaio-randrw.csv',
    '<%= config.bin %> audit traces/ground-truth/dio-anon.csv -c vhost-scsi --kernel mainline',
    '<%= config.bin %> audit traces/*.csv --rule H-10,H-11 --severity high --json -o audit.json',
  ]
  static override args = {
    traces: Args.string({
      multiple: true,
      required: true,
      ignoreStdin: true,
      description:
        'Trace files, in the format of pinscope or any that `pinscope formats` lists, as they are, .gz or .zst; - is standard input. Among several, folders and files that end in .md or .json are passed over: `traces/*` will do.',
    }),
  }
  static override flags = {
    ...laneFlags,
    ...inputFlags,
    rule: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'ID',
      summary: 'Only this rule listens, such as H-13 (`pinscope rules` lists them).',
      description: 'Repeatable, or several with commas between. Without it all rules listen.',
    }),
    severity: Flags.string({
      default: 'low',
      helpValue: 'SEVERITY',
      summary: 'Exit with 1 on findings as bad as this or worse: critical, high, medium, low or info.',
      description: 'Milder findings are told too, and do not change the exit status.',
    }),
    'in-flight': Flags.boolean({
      default: false,
      summary: 'Operations without a recorded completion are in flight where the trace was cut, not leaked.',
    }),
    output: Flags.string({
      char: 'o',
      helpValue: 'FILE',
      summary: 'Write to this file, whole or not at all; - is standard output.',
    }),
    json,
    'no-progress': Flags.boolean({ default: false, summary: 'Do not tell on stderr how far a long audit is.' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Audit)
    const { auditCommand } = await import('../services/audit-command.ts')
    const { oclifPlugins } = await import('../services/load-plugins.ts')
    await auditCommand(oclifPlugins(this.config, flags.plugin), args.traces, flags)
  }
}
