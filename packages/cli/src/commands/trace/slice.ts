import * as Args from '@oclif/core/args'
import { Command } from '@oclif/core/command'
import * as Flags from '@oclif/core/flags'
import { inputFlags, laneFlags, writeFlags } from '../../flags.ts'

export default class TraceSlice extends Command {
  static override summary = 'Cut a part out of a trace: by time, rows, address space or file.'
  static override description =
    'What is kept fits all the flags given. Rows that map, unmap or register memory before the part are kept too, at the time where it begins: the operations in it rest on them. Times stay those of the whole trace.'
  static override examples = [
    '<%= config.bin %> trace slice traces/sqlite3.csv --time 2ms..10ms -o part.csv',
    '<%= config.bin %> trace slice traces/git-init-commit.csv --pid 7215 --rows 1..200 -o part.arrow',
  ]
  static override args = {
    trace: Args.string({ required: true, ignoreStdin: true, description: 'Trace file; - is standard input.' }),
  }
  static override flags = {
    time: Flags.string({
      helpValue: 'FROM..TO',
      summary: 'Operations submitted from the first time up to the second: 1.5s..2s, ..10ms, 1m..',
    }),
    rows: Flags.string({ helpValue: 'N..M', summary: 'Rows by number, both included: 1..1000, 500..' }),
    pid: Flags.integer({
      multiple: true,
      multipleNonGreedy: true,
      min: 0,
      helpValue: 'PID',
      summary: 'Rows of this address space (the mm column). Repeatable.',
    }),
    file: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'NAME',
      summary: 'Rows of the file of this very name. Repeatable.',
    }),
    ...writeFlags,
    ...inputFlags,
    plugin: laneFlags.plugin,
    'no-progress': Flags.boolean({ default: false, summary: 'Do not tell on stderr how far a long trace is.' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(TraceSlice)
    const { sliceCommand } = await import('../../services/slice-command.ts')
    await sliceCommand(this.config, args.trace, flags)
  }
}
