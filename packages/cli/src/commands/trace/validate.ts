import * as Args from '@oclif/core/args'
import { Command } from '@oclif/core/command'
import { inputFlags, json, laneFlags } from '../../flags.ts'

export default class TraceValidate extends Command {
  static override summary = 'Check traces: the first fault of each file, with its place.'
  static override description = 'Every row is read. Exit status: 0 when every file is good, 2 when one is not.'
  static override examples = [
    '<%= config.bin %> trace validate traces/*.csv',
    'gen | <%= config.bin %> trace validate -',
  ]
  static override args = {
    traces: Args.string({
      multiple: true,
      required: true,
      ignoreStdin: true,
      description: 'Trace files; - is standard input.',
    }),
  }
  static override flags = { ...inputFlags, plugin: laneFlags.plugin, json }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(TraceValidate)
    const { formatsOfPlugins, openOptions } = await import('../../services/open-input.ts')
    const { validateTraces } = await import('../../services/validate-traces.ts')
    const { print } = await import('../../services/print.ts')
    const { faultText, validationText } = await import('../../render/validation.ts')
    const files = await validateTraces(
      args.traces,
      openOptions(flags, await formatsOfPlugins(this.config, flags.plugin)),
    )
    if (files.some(({ ok }) => !ok)) process.exitCode = 2
    process.stderr.write(faultText(files))
    await print(flags.json, { files }, async () => validationText(files))
  }
}
