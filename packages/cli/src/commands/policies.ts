import { Command } from '@oclif/core/command'
import * as Flags from '@oclif/core/flags'
import { json } from '../flags.ts'

export default class Policies extends Command {
  static override summary = 'List the extraction policies, or with --quirks the upstream defects.'
  static override description =
    'What a policy takes on a page, by iterator type and direction: nothing, a reference (FOLL_GET), a pin (FOLL_PIN), or the errno of a refusal.\n\nA quirk is an upstream defect. The model has it where the kernel version has it; replay and explain switch it with --quirk and --no-quirk. The list tells which versions have it, what they do, and what the model does without it.'
  static override examples = [
    '<%= config.bin %> policies',
    '<%= config.bin %> policies --json',
    '<%= config.bin %> policies --quirks --kernel 6.12',
  ]
  static override flags = {
    quirks: Flags.boolean({ default: false, summary: 'List upstream defects instead.' }),
    kernel: Flags.string({ helpValue: 'VERSION', summary: 'With --quirks: only those of this version.' }),
    json,
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Policies)
    const { policiesCommand } = await import('../services/policies-command.ts')
    await policiesCommand(flags)
  }
}
