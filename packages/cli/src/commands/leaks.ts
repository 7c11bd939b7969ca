import * as Args from '@oclif/core/args'
import { Command } from '@oclif/core/command'
import * as Flags from '@oclif/core/flags'
import { inputFlags, json, laneFlags } from '../flags.ts'

export default class Leaks extends Command {
  static override summary = 'Match recorded reference events, and tell what was never let go: by stack, oldest first.'
  static override description =
    'For traces of reference events (level R): get and put, pin and unpin of pages, and references on kernel objects, as page_ref and netfs tracepoints record them. Nothing is modelled. An event that lets go does not say whose reference it is: where several are open it goes to a call site whose references that stack let go before, then to the same task, then to the last one.\n\nExit status: 0 nothing is open; 1 something is; 2 usage, or a trace that cannot be read; 130 interrupted.'
  static override examples = [
    '<%= config.bin %> leaks traces/formats/page-ref.txt',
    '<%= config.bin %> leaks trace.txt --older-than 5s --json',
    '<%= config.bin %> leaks trace.txt --folded | flamegraph.pl --title "references never put" > leaks.svg',
  ]
  static override args = {
    trace: Args.string({ required: true, ignoreStdin: true, description: 'Trace file; - is standard input.' }),
  }
  static override flags = {
    'older-than': Flags.string({
      default: '0',
      helpValue: 'TIME',
      summary: 'Leave out what was taken so shortly before the end: 500ms, 2s, 1m.',
    }),
    top: Flags.integer({
      default: 10,
      min: 1,
      helpValue: 'N',
      summary: 'Call sites to print; JSON and --folded have all.',
    }),
    folded: Flags.boolean({
      default: false,
      exclusive: ['json'],
      summary: 'Print folded stacks with a count each, for flame graphs.',
    }),
    output: Flags.string({
      char: 'o',
      helpValue: 'FILE',
      summary: 'Write to this file, whole or not at all; - is standard output.',
    }),
    ...inputFlags,
    plugin: laneFlags.plugin,
    json,
    'no-progress': Flags.boolean({ default: false, summary: 'Do not tell on stderr how far a long trace is.' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Leaks)
    const { leaksCommand } = await import('../services/leaks-command.ts')
    await leaksCommand(this.config, args.trace, flags)
  }
}
