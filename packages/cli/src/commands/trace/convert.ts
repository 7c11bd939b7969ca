import * as Args from '@oclif/core/args'
import { Command } from '@oclif/core/command'
import * as Flags from '@oclif/core/flags'
import { inputFlags, json, laneFlags, writeFlags } from '../../flags.ts'

export default class TraceConvert extends Command {
  static override summary = 'Write a trace in another format: the text format of pinscope, JSON Lines or Arrow.'
  static override description =
    'Reads the format of pinscope and every format that `pinscope formats` lists. Where a recording has no addresses, --layout says where buffers lie, and the header of what is written says so too. What was read, passed over and taken for granted is told on standard error.'
  static override examples = [
    '<%= config.bin %> trace convert traces/formats/strace-raw.txt -o raw.csv',
    '<%= config.bin %> trace convert disk.blktrace.zst -o disk.arrow --layout worst',
    '<%= config.bin %> trace convert recordings/*.txt -o traces/ --to csv.zst',
    '<%= config.bin %> trace convert --sort log.txt -o - | <%= config.bin %> replay -',
  ]
  static override args = {
    traces: Args.string({
      multiple: true,
      required: true,
      ignoreStdin: true,
      description: 'Trace files, as they are, .gz or .zst; - is standard input. Several need -o FOLDER and --to.',
    }),
  }
  static override flags = {
    ...writeFlags,
    ...inputFlags,
    sort: Flags.boolean({
      default: false,
      summary: 'Put rows in order however far they are from it: all of them are held in memory.',
      description:
        'Without it a recording may be out of order by some thousand rows. Of recordings of other formats only.',
    }),
    plugin: laneFlags.plugin,
    quiet: Flags.boolean({ char: 'q', default: false, summary: 'Tell nothing on standard error but errors.' }),
    json,
    'no-progress': Flags.boolean({ default: false, summary: 'Do not tell on stderr how far a long trace is.' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(TraceConvert)
    const { convertCommand } = await import('../../services/convert-command.ts')
    await convertCommand(this.config, args.traces, flags)
  }
}
