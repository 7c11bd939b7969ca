import * as Args from '@oclif/core/args'
import { Command } from '@oclif/core/command'
import * as Flags from '@oclif/core/flags'
import { inputFlags, json, laneFlags } from '../flags.ts'

const { kernel, quirk, 'no-quirk': noQuirk, faults, 'consumer-option': consumerOption, plugin } = laneFlags

export default class Compare extends Command {
  static override summary = 'Compare lanes figure by figure: two ways to take the same I/O, or two reports.'
  static override description =
    'Traces are replayed once, in each of the lanes that --base and --with name. Reports of `pinscope replay --json` are compared as they are: two of them lane by lane, or two lanes of one. Absolute, difference, and relative to the base; then in words what differs most.\n\nA lane is CONSUMER[:POLICY][@KERNEL]. Without a policy it is the one that the kernel itself has there; without a kernel it is --kernel, else the one that the trace names, else mainline.\n\nExit status: 0, whatever differs; 2 usage, or a file that cannot be read; 3 a plugin is broken; 130 interrupted.'
  static override examples = [
    '<%= config.bin %> compare traces/fio-libaio-randrw.csv --base bio:get-pages --with bio:extract',
    '<%= config.bin %> compare traces/sqlite3.csv --base smbdirect-legacy@6.1 --with smbdirect@mainline',
    '<%= config.bin %> compare traces/*.csv --base 9p@6.1 --with 9p@6.12 --with 9p@mainline',
    '<%= config.bin %> compare before.json after.json',
    '<%= config.bin %> compare report.json --base bio:extract --with bio:folio --json -o difference.json',
  ]
  static override args = {
    files: Args.string({
      multiple: true,
      required: true,
      ignoreStdin: true,
      description:
        'Trace files (.csv, .gz or .zst), or one or two reports (.json); - is standard input, which may be either.',
    }),
  }
  static override flags = {
    base: Flags.string({
      char: 'b',
      helpValue: 'LANE',
      summary: 'The lane that the others are measured by: CONSUMER[:POLICY][@KERNEL].',
      description: 'Of two reports it is a lane of the first one. Not needed where lanes pair by themselves.',
    }),
    with: Flags.string({
      char: 'w',
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'LANE',
      summary: 'A lane to compare with the base.',
      description: 'Repeat it for a column each. Of two reports it is a lane of the second one.',
    }),
    kernel,
    quirk,
    'no-quirk': noQuirk,
    faults,
    'consumer-option': consumerOption,
    plugin,
    ...inputFlags,
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
    'no-progress': Flags.boolean({ default: false, summary: 'Do not tell on stderr how far a long replay is.' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Compare)
    const { compareCommand } = await import('../services/compare-command.ts')
    await compareCommand(this.config, args.files, flags)
  }
}
