import * as Flags from '@oclif/core/flags'
import { standsForText } from './stands-for.ts'

/** `--json`, for every command. */
export const json = Flags.boolean({
  default: false,
  summary: 'Print JSON, and nothing else, on standard output; errors too.',
})

/** The flags that choose consumers, policies, kernel and plugins: the same for `replay` and `explain`. */
export const laneFlags = {
  consumer: Flags.string({
    char: 'c',
    multiple: true,
    multipleNonGreedy: true,
    helpValue: 'NAME',
    summary: 'Kernel subsystem that takes the pages (`pinscope consumers` lists them).',
    description:
      'Repeat it for one lane each, or say `all`. Without it, rows go to the consumer that they name, and to `bio` when they name none.',
  }),
  policy: Flags.string({
    char: 'p',
    multiple: true,
    multipleNonGreedy: true,
    helpValue: 'NAME',
    summary: 'How pages are taken out of the iterator (`pinscope policies` lists them).',
    description:
      'Repeat it for lanes side by side, or say `all`. Without it, each consumer extracts as the modelled kernel does at that place.',
  }),
  kernel: Flags.string({
    helpValue: 'VERSION',
    summary: 'Kernel whose behaviour is modelled: 6.1, 6.12, 6.18 or mainline.',
    description: `Without it: the version that the trace was recorded on (\`# kernel\`), else mainline. ${standsForText()}; any other version is taken for the nearest one.`,
  }),
  quirk: Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    helpValue: 'NAME',
    summary: 'Switch an upstream defect on that the version has not (`pinscope policies --quirks`).',
    description: 'Repeatable. A lane with a quirk switched is not compared with what a kernel counted.',
  }),
  'no-quirk': Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    helpValue: 'NAME',
    summary: 'Switch an upstream defect off that the version has.',
    description: 'Repeatable.',
  }),
  faults: Flags.string({
    helpValue: 'STEP@N',
    summary: 'Make the Nth step of a kind fail, in each lane: alloc, page, copy, limit, complete or map.',
    description:
      'alloc: an allocation of the consumer. page: a page taken out of the iterator. copy: a copy between the iterator and a buffer. limit: a list or a budget is full. complete: the I/O ends with -EIO. Steps are counted from 1, in each trace anew. What is not let go then is a leak, as ever. Such a lane is not compared with what a kernel counted.',
  }),
  'consumer-option': Flags.string({
    char: 'O',
    multiple: true,
    multipleNonGreedy: true,
    helpValue: 'NAME.OPTION=VALUE',
    summary: 'Set an option of a consumer, such as bio.logical-block-size=4096.',
    description: 'Repeatable. `pinscope consumers` tells the options, their defaults and bounds.',
  }),
  plugin: Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    helpValue: 'FOLDER',
    summary: 'Folder of a plugin package whose consumers to add, for this run.',
    description: 'Its package.json names the hook: oclif.hooks["pinscope:register"]. Repeatable.',
  }),
}
