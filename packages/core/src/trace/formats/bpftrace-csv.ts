import { BpftraceCsvLines, isBpftraceCsvLine } from '../import/bpftrace/bpftrace-csv-lines.ts'
import { BpftraceOperations, TAKEN_AS_FILES } from '../import/bpftrace/bpftrace-operations.ts'
import { DIRECT_OPTION } from '../import/calls/tasks.ts'
import { latin1 } from '../import/text/text.ts'
import type { ImportContext, ImportFormat, LineImporter } from '../import/trace-format.ts'

const LOST = /^Lost (\d{1,15}) events$/

/**
 * What the bpftrace scripts iorec.bt and uring.bt print: lines of entry (E), position (P) and return (X) of system calls with all
 * segments, submission (U) and completion (C) of io_uring requests, paired by user data, which programs use again. Around
 * them stand lines of bpftrace itself and of the traced program, which may share a line with a record.
 */
export const bpftraceCsv: ImportFormat = {
  name: 'bpftrace-csv',
  title: 'the output of iorec.bt or uring.bt (bpftrace)',
  level: 'L3',
  record: "bpftrace -q -o FILE iorec.bt -c 'PROGRAM'",
  clock: 'nanoseconds since boot',
  options: [DIRECT_OPTION],
  detect: ({ lines }) => lines.some(isBpftraceCsvLine) && !lines.some((line) => line.includes('{"type": "')),
  open: (context) => new BpftraceCsvImporter(context),
}

class BpftraceCsvImporter implements LineImporter {
  readonly kind = 'lines'
  private readonly rows: ImportContext['rows']
  private readonly operations: BpftraceOperations
  private readonly lines: BpftraceCsvLines

  constructor({ rows, option }: ImportContext) {
    this.rows = rows
    this.operations = new BpftraceOperations(rows)
    this.lines = new BpftraceCsvLines(rows, this.operations, option(DIRECT_OPTION.name))
    rows.attributes.set('recorder', 'bpftrace')
    rows.assume(TAKEN_AS_FILES)
  }

  line(bytes: Uint8Array, from: number, to: number): void {
    const text = latin1(bytes, from, to)
    const lost = LOST.exec(text)
    if (lost !== null) this.operations.lose(Number(lost[1]))
    else if (!this.lines.take(text, 1)) this.rows.skip('lines of bpftrace or of the traced program')
  }

  end(): void {
    this.operations.finish()
  }
}
