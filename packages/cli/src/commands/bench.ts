import { Command } from '@oclif/core/command'
import * as Flags from '@oclif/core/flags'
import { json, laneFlags } from '../flags.ts'

export default class Bench extends Command {
  static override summary = 'Measure how fast this machine replays: made-up operations, no file needed.'
  static override description =
    'Workloads: null, bio, held (64 operations in flight), folio (huge pages), csv and arrow (read from text and from Arrow IPC in memory, and replayed), read-csv and read-arrow (read alone). The operations are the same for the same seed, on every machine.\n\nTimes depend on the machine and on what else it does. Compare the costs: the time of an operation in bare loops, each of which counts one page up and down again, measured right before. The first round of each process warms up and is not counted.\n\nExit status: 0; 1 a workload is slower, with --fail-on slower; 2 usage; 3 a plugin is broken; 130 interrupted.'
  static override examples = [
    '<%= config.bin %> bench',
    '<%= config.bin %> bench --only null,csv --rounds 15',
    '<%= config.bin %> bench -c msg-zerocopy -c tls',
    '<%= config.bin %> bench --json -o before.json',
    '<%= config.bin %> bench --baseline before.json --threshold 15% --fail-on slower',
  ]
  static override flags = {
    only: Flags.string({ helpValue: 'LIST', summary: 'These workloads alone: null,csv.' }),
    consumer: Flags.string({
      char: 'c',
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'NAME',
      summary: 'Measure null and this consumer instead (`pinscope consumers` lists them).',
      description:
        'Repeat it for more, or say `all`. A consumer extracts as kernel 6.18 does at that place. What it does with direct operations of 9 pages is measured, whether that is its trade or not.',
    }),
    rounds: Flags.integer({ default: 9, min: 1, max: 999, helpValue: 'N', summary: 'How often each workload is run.' }),
    operations: Flags.integer({
      default: 1_000_000,
      min: 1000,
      max: 10_000_000,
      helpValue: 'N',
      summary: 'Operations of each workload in each round.',
    }),
    seed: Flags.integer({
      default: 1,
      min: 0,
      max: 0xffffffff,
      helpValue: 'N',
      summary: 'Seed of the operations: where buffers lie, their lengths and order.',
    }),
    baseline: Flags.string({
      helpValue: 'FILE',
      summary: 'Compare with what an earlier `pinscope bench --json` wrote.',
    }),
    threshold: Flags.string({
      default: '10%',
      helpValue: 'PERCENT',
      summary: 'What differs by less is the same.',
    }),
    'fail-on': Flags.string({
      default: 'none',
      helpValue: 'LIST',
      summary: 'Exit with 1 when one of these is found: slower, other-work; or none.',
      description:
        'slower: a cost is higher by more than the threshold, and its middle rounds lie above those of the baseline. other-work: a workload does not do what it did for the baseline, so its cost says nothing.',
    }),
    plugin: laneFlags.plugin,
    output: Flags.string({
      char: 'o',
      helpValue: 'FILE',
      summary: 'Write to this file, whole or not at all; - is standard output.',
    }),
    json,
    'no-progress': Flags.boolean({ default: false, summary: 'Do not tell on stderr how far it is.' }),
    share: Flags.string({ hidden: true, summary: 'One of the processes that measure: which rounds are its own.' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Bench)
    const { benchCommand } = await import('../services/bench-command.ts')
    await benchCommand(this.config, flags)
  }
}
