import { Command } from '@oclif/core/command'
import * as Flags from '@oclif/core/flags'

export default class TraceRecord extends Command {
  static override summary = 'Run a command and record its I/O, with the address of every buffer (Linux).'
  static override description =
    'Records system calls, libaio and io_uring of the command and of all that it starts. The recorder is a C program that is built when it is first needed, with $CC, cc, gcc or clang; it needs no privilege. What it sees and what not: docs/recording.md. Ctrl-C ends the command and keeps what was recorded. The exit status is that of the command, 128 + N when signal N ended it; 2 when nothing could be recorded.'
  static override usage = 'trace record [-o FILE] [--pins] [--pages] [--raw] [--backend ptrace|bpftrace] -- COMMAND...'
  static override examples = [
    '<%= config.bin %> trace record -o dd.csv -- dd if=data of=/dev/null bs=64k iflag=direct',
    'sudo <%= config.bin %> trace record --pins --pages -o fio.arrow -- fio job.fio',
  ]
  static override flags = {
    output: Flags.string({
      char: 'o',
      helpValue: 'FILE',
      summary: 'Write the trace to this file, whole or not at all; - is standard output.',
      description:
        'Without it: COMMAND.trace.csv in this folder, if no such file is there. Its name tells the format: .csv (the format of pinscope), .jsonl, .arrow or .arrows; .gz or .zst behind it compresses.',
    }),
    to: Flags.string({
      helpValue: 'FORMAT',
      summary: 'csv, jsonl, arrow or arrow-stream, where the name of the file does not tell; .gz or .zst may follow.',
    }),
    pins: Flags.boolean({
      default: false,
      summary: 'Count with the kernel: what each call pinned and unpinned (root, a quiet machine).',
      description:
        'Reads nr_foll_pin_acquired and nr_foll_pin_released of /proc/vmstat around each call. They count for the whole machine; replay compares them with the model.',
    }),
    pages: Flags.boolean({
      default: false,
      summary: 'Record what backs each buffer: small or huge pages, files, nothing yet (root).',
    }),
    raw: Flags.boolean({
      default: false,
      summary: 'Keep the recording as the recorder writes it; `replay` and `trace convert` read it.',
    }),
    backend: Flags.string({
      helpValue: 'NAME',
      default: 'ptrace',
      summary: 'ptrace (all there is to see), or bpftrace (root; disturbs hot programs less).',
    }),
  }

  // A word that is no flag is not part of the command's own name.
  static override strict = false

  async run(): Promise<void> {
    const { commandOf, refuseWords } = await import('../../services/record-words.ts')
    const { flagWords, command } = commandOf(this.argv)
    const { flags, argv } = await this.parse(TraceRecord, flagWords)
    refuseWords(argv)
    const { recordCommand } = await import('../../services/record-command.ts')
    process.exitCode = await recordCommand(this.config.cacheDir, command, flags)
  }
}
