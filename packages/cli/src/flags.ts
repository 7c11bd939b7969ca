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

/** The flags that say how a trace file is read: the same for every command that takes traces. */
export const inputFlags = {
  'input-format': Flags.string({
    helpValue: 'NAME',
    summary: 'Format of the traces, where their content does not tell (`pinscope formats` lists them).',
  }),
  'input-option': Flags.string({
    char: 'I',
    multiple: true,
    multipleNonGreedy: true,
    helpValue: 'NAME=VALUE',
    summary: 'Set an option of the format, such as event=D for blktrace (`pinscope formats` tells them).',
    description: 'Repeatable.',
  }),
  columns: Flags.string({
    helpValue: 'SPEC',
    summary: 'Read any CSV: which column is what, such as ts=2:us,op=5,offset=3,len=4.',
    description: 'Columns count from 1. Short for --input-format csv --input-option columns=SPEC.',
  }),
  layout: Flags.string({
    helpValue: 'POLICY',
    summary:
      'Where buffers lie that a trace has no addresses of: aligned, offset=N, malloc, random:SEED, worst or nsg.',
    description:
      'aligned (the default): at the start of a page. offset=N: N bytes into one. malloc: as glibc gives them. random:SEED: on any byte. worst: on the last byte of a page. nsg: so that the scatter-gather list has as many elements as were recorded. The report names it, with the least, expected and most pins of any layout.',
  }),
}

/** The flags that say where a trace is written and as what: the same for every command that writes one. */
export const writeFlags = {
  output: Flags.string({
    char: 'o',
    helpValue: 'FILE',
    summary: 'Write to this file, whole or not at all; - is standard output, as is no -o.',
    description:
      'Its name tells the format: .csv (the format of pinscope), .jsonl, .arrow (a file) or .arrows (a stream); .gz or .zst behind it compresses.',
  }),
  to: Flags.string({
    helpValue: 'FORMAT',
    summary: 'csv, jsonl, arrow or arrow-stream, where the name of the file does not tell; .gz or .zst may follow.',
  }),
}
