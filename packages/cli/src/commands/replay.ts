import * as Args from '@oclif/core/args'
import { Command } from '@oclif/core/command'
import * as Flags from '@oclif/core/flags'
import { inputFlags, json, laneFlags } from '../flags.ts'

export default class Replay extends Command {
  static override summary = 'Replay recorded I/O through extraction policies and consumers, and count.'
  static override description =
    'Every operation of the trace becomes an iov_iter; a policy takes its pages out; a consumer builds its list and lets them go when the I/O is done. One policy with one consumer is a lane; few lanes stand side by side, many get a line each. Several traces are replayed one after the other, each in a world of its own, and added up.\n\nExit status: 0 clean; 1 a gate of --fail-on failed; 2 usage, or a trace that cannot be read; 3 a plugin is broken; 130 interrupted.'
  static override examples = [
    '<%= config.bin %> replay traces/fio-libaio-randrw.csv',
    '<%= config.bin %> replay traces/sqlite3.csv --policy all',
    '<%= config.bin %> replay traces/fio-uring-randrw.csv --verify-data --no-quirk bvec-entries-short',
    '<%= config.bin %> replay traces/*.csv -c bio -O bio.logical-block-size=4096 --json -o report.json',
    '<%= config.bin %> replay traces/sqlite3.csv -c vhost-scsi --faults page@3',
    'zcat trace.csv.gz | <%= config.bin %> replay - --in-flight --fail-on leak,violation,mismatch',
  ]
  static override args = {
    traces: Args.string({
      multiple: true,
      required: true,
      ignoreStdin: true,
      description:
        'Trace files, in the format of pinscope or any that `pinscope formats` lists, as they are, .gz or .zst; - is standard input. Among several, folders and files that end in .md or .json are passed over: `traces/*` will do.',
    }),
  }
  static override flags = {
    ...laneFlags,
    ...inputFlags,
    'verify-data': Flags.boolean({
      default: false,
      summary: 'Move the data too: each byte must arrive where the iterator names it. Off by default: slow.',
      description:
        'Pages hold bytes. A device fills a read through the lists that the consumer built, and what the iterator names is looked at; a write is read both ways. A byte that differs is a wrong-data violation. Operations that fail, read around a hole or list no page (buffered I/O) are not compared. The time goes with the bytes: direct I/O of programs takes 3 to 9 times as long to replay, operations of megabytes 90 times.',
    }),
    'in-flight': Flags.boolean({
      default: false,
      summary: 'Operations without a recorded completion are in flight where the trace was cut, not leaked.',
    }),
    jobs: Flags.string({
      default: '1',
      helpValue: 'N',
      summary: 'Threads to replay a long trace in, 1 by default; auto: as many as there are cores, at most 8.',
      description:
        "The report is the same, to the byte. A trace is cut into parts where no row depends on another: plain files in pinscope's own format, text or Arrow, of 42 MB or more, with operations on user memory that complete as they are submitted, and `map` rows only at the beginning; consumers that keep nothing from one operation to the next (null, bio, buffered and others). Anything else, and --verify-data and --faults, takes one thread whatever N is.",
    }),
    'fail-on': Flags.string({
      default: 'leak,violation',
      helpValue: 'LIST',
      summary: 'Exit with 1 when one of these is found: leak, violation, mismatch, error; or none.',
      description:
        'leak: a pin or reference nobody let go. violation: one let go twice or the wrong way, memory freed or changed while in use, an iterator misused, or (with --verify-data) wrong data. mismatch: a row whose pins are not those that the kernel counted. error: an operation that ends with an errno.',
    }),
    output: Flags.string({
      char: 'o',
      helpValue: 'FILE',
      summary: 'Write to this file, whole or not at all; - is standard output.',
    }),
    format: Flags.string({ helpValue: 'FORMAT', summary: 'table (the default) or json.' }),
    json,
    'no-progress': Flags.boolean({ default: false, summary: 'Do not tell on stderr how far a long replay is.' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Replay)
    const { replayCommand } = await import('../services/replay-command.ts')
    const { oclifPlugins } = await import('../services/load-plugins.ts')
    await replayCommand(oclifPlugins(this.config, flags.plugin), args.traces, flags)
  }
}
