import * as Args from '@oclif/core/args'
import { Command } from '@oclif/core/command'
import * as Flags from '@oclif/core/flags'
import { inputFlags, json, laneFlags } from '../flags.ts'

export default class Explain extends Command {
  static override summary = 'Draw one operation: segments, pages, what is taken, built, let go.'
  static override description =
    'Replays the trace up to the row, then tells that row step by step: the segments laid over page boundaries, each page with its folio and its counts after the step, the bios or scatterlists built, the release, and what the kernel counted where the trace says. 80 columns of plain text when piped: made to be quoted in a mail.'
  static override examples = [
    '<%= config.bin %> explain traces/fio-libaio-randrw.csv --row 3',
    '<%= config.bin %> explain traces/ground-truth/dio-thp.csv --row 3 --policy folio',
  ]
  static override args = {
    trace: Args.string({ required: true, ignoreStdin: true, description: 'Trace file; - is standard input.' }),
  }
  static override flags = {
    row: Flags.integer({
      required: true,
      min: 1,
      helpValue: 'N',
      summary: 'Row of the file, from 1; the header is no row.',
    }),
    ...laneFlags,
    ...inputFlags,
    json,
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Explain)
    const { explainCommand } = await import('../services/explain-command.ts')
    await explainCommand(this.config, args.trace, flags)
  }
}
