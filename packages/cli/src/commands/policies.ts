import { Command } from '@oclif/core/command'
import { json } from '../flags.ts'

export default class Policies extends Command {
  static override summary = 'List the extraction policies: what each takes on a page.'
  static override description =
    'By iterator type and direction: nothing, a reference (FOLL_GET), a pin (FOLL_PIN), or the errno of a refusal.'
  static override examples = ['<%= config.bin %> policies', '<%= config.bin %> policies --json']
  static override flags = { json }

  async run(): Promise<void> {
    const { flags } = await this.parse(Policies)
    const { listPolicies } = await import('../services/list-policies.ts')
    const { print } = await import('../services/print.ts')
    const policies = listPolicies()
    await print(flags.json, { policies }, async (terminal) => {
      const { policiesText } = await import('../render/policies.ts')
      return policiesText(terminal, policies)
    })
  }
}
