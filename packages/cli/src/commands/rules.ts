import * as Args from '@oclif/core/args'
import { Command } from '@oclif/core/command'
import { json, laneFlags } from '../flags.ts'

export default class Rules extends Command {
  static override summary = 'List the hazard rules of `pinscope audit`, or tell one of them in full.'
  static override description =
    'A rule has a precondition, an event that breaks it, what that means (its verdict) and how bad it is. Told in full, it comes with what to do, where the kernel has it, a drawing, a trace that breaks it with what the audit says to that, and what the same trace looks like done right.'
  static override examples = [
    '<%= config.bin %> rules',
    '<%= config.bin %> rules H-10',
    '<%= config.bin %> rules 10 --json',
  ]
  static override args = {
    id: Args.string({ ignoreStdin: true, description: 'Rule to tell in full: H-31, h-31 or 31.' }),
  }
  static override flags = { plugin: laneFlags.plugin, json }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Rules)
    const { rulesCommand } = await import('../services/rules-command.ts')
    await rulesCommand(this.config, args.id, flags)
  }
}
