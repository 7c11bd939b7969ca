import * as Args from '@oclif/core/args'
import { Command } from '@oclif/core/command'
import { json, laneFlags } from '../flags.ts'

export default class Formats extends Command {
  static override summary = 'List the formats that traces are read in, and the layouts for those without addresses.'
  static override description =
    'A format is found by the content of the file; --input-format insists on one. With a name: how such a file is recorded, what it tells of buffers (L3 the address and length of every segment, L2 lengths, L1 a count, L0 bytes, R reference events), its clock, and its options.'
  static override examples = [
    '<%= config.bin %> formats',
    '<%= config.bin %> formats strace',
    '<%= config.bin %> formats --json',
  ]
  static override args = {
    format: Args.string({ ignoreStdin: true, description: 'Name of one format: all about it.' }),
  }
  static override flags = { plugin: laneFlags.plugin, json }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Formats)
    const { formatsCommand } = await import('../services/formats-command.ts')
    await formatsCommand(this.config, args.format, flags)
  }
}
