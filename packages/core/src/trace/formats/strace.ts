import { decorationOf, numberOf } from '../import/calls/call-arguments.ts'
import { ioCallOf, passedOverCall, refusedCall } from '../import/calls/io-calls.ts'
import type { Task } from '../import/calls/system-calls.ts'
import { CLONES, DIRECT_OPTION, isFollowed, TracedTasks } from '../import/calls/tasks.ts'
import type { ImportRow } from '../import/import-row.ts'
import type { ImportRows } from '../import/import-rows.ts'
import { StraceAio } from '../import/strace/aio.ts'
import { BrokenLines } from '../import/strace/broken-lines.ts'
import { fault } from '../import/strace/buffer.ts'
import { type CallFault, readCall, type StraceCall } from '../import/strace/call-line.ts'
import { namedArguments } from '../import/strace/call-names.ts'
import { type HalfCall, HalfCalls } from '../import/strace/half-calls.ts'
import { fillIoRow } from '../import/strace/io-rows.ts'
import { isReport, type LineHead, lineHead, looksLikeCall, withoutColours } from '../import/strace/line-head.ts'
import { splitPieces } from '../import/strace/split-arguments.ts'
import { StraceClock } from '../import/strace/strace-clock.ts'
import { TasksOfLines } from '../import/strace/tasks-of-lines.ts'
import { unescaped } from '../import/text/quoted.ts'
import { latin1, secondsOf } from '../import/text/text.ts'
import type { FileHead, ImportContext, ImportFormat, LineImporter } from '../import/trace-format.ts'
import { NONE } from '../op-batch.ts'
import { quotedText } from '../printable.ts'

/**
 * Text of strace 4.x to 7.x. It prints contents instead of addresses where a call succeeded, so a vector tells lengths and a
 * scalar call one length; addresses come with -e raw, from calls that failed, and from requests of io_submit(2) that read.
 */
export const strace: ImportFormat = {
  name: 'strace',
  title: 'strace text',
  level: 'L0; L2 for vectors; L3 with -e raw=read,write,pread64,pwrite64',
  record:
    'strace -f -ttt -T -yy -v -s 0 -e trace=%desc,%process,%memory,io_submit,io_getevents,io_pgetevents -e raw=read,write,pread64,pwrite64 -o FILE COMMAND',
  clock: 'as the lines have it: -ttt, -tt, -t, -r or none',
  options: [DIRECT_OPTION],
  detect,
  open: (context) => new StraceImporter(context),
}

const RESTARTED = 'calls that a signal interrupted, which are made again'
const INJECTED = 'calls that never reached the kernel (INJECTED)'
const NO_BEGINNING = 'second halves of calls whose beginning is not recorded'
const OTHER_LINES = 'lines that are none of strace: output of the program'
const URING = 'calls of io_uring, whose operations strace does not see'
const URING_DOUBT =
  'the program uses io_uring, whose operations pass strace by: record it with pinscope trace record, or bpftrace'
const DUMPS = 'lines of a stack or of data (-k, -e read, -e write)'
const SUMMARY = 'lines of the summary (-c, -C)'
const UNFINISHED = ' <unfinished ...>'

function detect({ lines }: FileHead): boolean {
  let calls = 0
  let others = 0
  for (const raw of lines) {
    const line = withoutColours(raw)
    const text = line.slice(lineHead(line).textAt)
    if (looksLikeCall(text)) calls++
    else if (!isReport(text) && !isReport(line)) others++
  }
  return calls > others
}

/** A call with what is known besides its text. */
interface CallAtWork {
  readonly task: Task
  readonly tsNs: number
  /** When it returned; NaN: what -T says. */
  readonly returnNs: number
  readonly text: string
  /** Index in the line at work of an index into the text. */
  readonly place: (at: number) => number
  /** What was held for it. */
  readonly row: ImportRow | null
}

class StraceImporter implements LineImporter {
  readonly kind = 'lines'
  private readonly rows: ImportRows
  private readonly tasks: TracedTasks
  private readonly aio: StraceAio
  private readonly clock = new StraceClock()
  private readonly lineTasks = new TasksOfLines()
  private readonly halves = new HalfCalls()
  private isSummary = false
  private readonly brokenLines = new BrokenLines((tid) => this.lineTasks.attached(tid))

  constructor({ rows, option }: ImportContext) {
    this.rows = rows
    this.tasks = new TracedTasks(rows, option('direct'))
    this.aio = new StraceAio(rows, this.tasks)
    rows.attributes.set('recorder', 'strace')
    rows.attributes.set('dma-alignment', '1')
    rows.timeText = (seconds, ns) => this.clock.textOf(seconds, ns)
  }

  line(bytes: Uint8Array, from: number, to: number): void {
    const line = this.brokenLines.whole(withoutColours(latin1(bytes, from, to)))
    if (line !== null) this.wholeLine(line)
  }

  end(): void {}

  private wholeLine(line: string): void {
    const head = lineHead(line)
    const text = line.slice(head.textAt)
    const resumed = /^<\.\.\. ([a-z_]\w{0,39}) resumed>/.exec(text)
    if (resumed !== null) this.resumed(head, resumed[1]!, text.slice(resumed[0].length), line.length)
    else if (isReport(text) || isReport(line)) this.report(head, isReport(text) ? text : line)
    else if (this.isSummary || line.startsWith('% time ')) {
      this.isSummary = true
      this.rows.skip(SUMMARY)
    } else this.call(head, text)
  }

  private call(head: LineHead, text: string): void {
    const name = /^([a-z_][a-z0-9_]{0,39})\(/.exec(text)?.[1]
    if (name === undefined) {
      if (head.tid !== null || head.time !== null) {
        throw this.rows.fail(
          head.textAt + 1,
          `${quotedText(text.slice(0, 80))} is no system call`,
          'Is this strace text?',
        )
      }
      this.rows.skip(OTHER_LINES)
      return
    }
    const { task, tsNs } = this.begin(head)
    if (text.endsWith(UNFINISHED)) this.firstHalf(task, tsNs, head.textAt, name, text.slice(0, -UNFINISHED.length))
    else {
      const { joinedAt } = this.brokenLines
      const place = (at: number) => head.textAt + at - (head.textAt + at >= joinedAt ? joinedAt : 0)
      this.returned({ task, tsNs, returnNs: Number.NaN, text, place, row: null }, name)
    }
  }

  /** Every line with a head comes here: the clock may count from line to line. */
  private begin(head: LineHead): { task: Task; tsNs: number } {
    const time = this.clock.at(head.time)
    if (time === null) {
      const problem = `the time is ${head.time ?? 'missing'}, the lines before have: ${this.clock.name}`
      throw this.rows.fail(1, problem, 'Was the file put together from several?')
    }
    this.rows.clockName = this.clock.name
    const tid = this.lineTasks.of(head.tid)
    return { task: { tid, pid: NONE }, tsNs: this.rows.time(time.seconds, time.ns) }
  }

  private firstHalf(task: Task, tsNs: number, textAt: number, name: string, text: string): void {
    const row = ioCallOf(name) !== undefined && this.isFile(task, text, name) ? this.rows.draft() : null
    if (row !== null) {
      row.tsNs = tsNs
      row.isHalf = true
      this.rows.open(keyOf(task), row)
    }
    this.halves.add(task.tid, { name, text, line: this.rows.line, textAt, tsNs, row })
    // Its child may come before its second half.
    if (!CLONES.has(name)) return
    const args = namedArguments(name, splitPieces(text, name.length + 1).pieces)
    this.tasks.enter({ task, name, args, tsNs })
  }

  /** A call that may block for long holds rows back: only one on a file is worth that. */
  private isFile(task: Task, text: string, name: string): boolean {
    const first = splitPieces(text, name.length + 1).pieces[0]
    const fd = numberOf(first?.text)
    if (fd === null) return false
    const row = this.rows.draft()
    const refused = this.describe(row, task, fd, first!.text)
    this.rows.cancel(row)
    return refused === null
  }

  /** The second half of a call: `rest`, at the end of a line of `length`. */
  private resumed(head: LineHead, name: string, rest: string, length: number): void {
    const { task, tsNs } = this.begin(head)
    const half = this.halves.take(task.tid)
    if (half === undefined || half.name !== name) this.rows.skip(NO_BEGINNING)
    else this.join(task, half, rest, length - rest.length, tsNs)
  }

  private join(task: Task, half: HalfCall, rest: string, restAt: number, returnNs: number): void {
    const row = half.row === null ? null : (this.rows.close(keyOf(task)) ?? null)
    if (half.row !== null && row === null) return
    const { line } = this.rows
    this.rows.line = half.line
    const text = half.text + rest
    const place = (at: number) => {
      if (at < half.text.length) return half.textAt + at
      this.rows.line = line
      return restAt + at - half.text.length
    }
    this.returned({ task, tsNs: half.tsNs, returnNs, text, place, row }, half.name)
    this.rows.line = line
  }

  private returned(work: CallAtWork, name: string): void {
    if (ioCallOf(name) === undefined && !isFollowed(name) && !name.startsWith('io_')) {
      this.rows.skip(passedOverCall(name))
      return
    }
    const call = readCall(work.text, name)
    const wrong = 'problem' in call ? call : this.make(work, call)
    if (wrong !== null) throw this.rows.fail(work.place(wrong.at) + 1, wrong.problem, wrong.hint)
  }

  private make(work: CallAtWork, call: StraceCall): CallFault | null {
    const { name, result } = call
    const isIo = ioCallOf(name) !== undefined
    const dropped = result.isInjected ? INJECTED : result.isRestarted ? RESTARTED : null
    const refused = dropped ?? (isIo ? refusedCall(result.value) : null)
    if (refused !== null) this.drop(work.row, refused)
    else if (isIo) return this.io(work, call, work.row ?? this.rows.draft())
    else if (name === 'io_submit') return this.aio.submitted(work.text, work.task, work.tsNs, call)
    else if (/^io_p?getevents/.test(name)) {
      const endNs = Number.isNaN(work.returnNs) ? work.tsNs + nsOf(result.took) : work.returnNs
      return this.aio.reaped(work.text, work.task, endNs, call)
    } else this.other(work.task, call)
    return null
  }

  private io({ task, tsNs, text }: CallAtWork, made: StraceCall, row: ImportRow): CallFault | null {
    const call = ioCallOf(made.name)!
    row.isHalf = false
    row.tsNs = tsNs
    row.call = this.rows.callName(made.name)
    row.direction = call.direction
    const first = made.args[0]
    const fd = numberOf(first?.text)
    const refused = fd === null ? null : this.describe(row, task, fd, first!.text)
    const wrong = refused ?? fillIoRow(this.rows, row, text, call, made)
    if (typeof wrong === 'string') this.drop(row, wrong)
    else if (wrong !== null) return wrong
    else if (fd === null) return fault(first!, 'the file descriptor', 'a number')
    else {
      this.tasks.beforePut(row, task)
      this.rows.put(row)
    }
    return null
  }

  private describe(row: ImportRow, task: Task, fd: number, text: string): string | null {
    const name = decorationOf(text)
    return this.tasks.describe(row, task, fd, name === null ? null : unescaped(name))
  }

  private drop(row: ImportRow | null, reason: string): void {
    if (row !== null) this.rows.cancel(row)
    this.rows.skip(reason)
  }

  /** A call that moves no data of files: it may still open some, or map memory. */
  private other(task: Task, { name, args, result }: StraceCall): void {
    if (name.startsWith('io_uring_')) {
      this.rows.skip(URING)
      this.rows.doubt(URING_DOUBT)
      if (name !== 'io_uring_setup') return
    } else this.rows.skip(passedOverCall(name))
    if (Number.isNaN(result.value)) return
    const resultName = result.name === null ? null : unescaped(result.name)
    const called = name === 'mmap2' ? 'mmap' : name
    this.tasks.returned(task, { name: called, args: namedArguments(name, args), result: result.value, resultName })
  }

  private report(head: LineHead, text: string): void {
    const attached = /^strace: Process (\d{1,10}) attached/.exec(text)
    if (attached !== null) this.lineTasks.attached(Number(attached[1]))
    if (text.startsWith('+++ ')) this.ended(head, text)
    else if (text.startsWith('--- ')) {
      this.begin(head)
      this.rows.skip('signals')
    } else this.rows.skip(/^ [|>*=]/.test(text) ? DUMPS : 'lines that strace tells of itself')
  }

  private ended(head: LineHead, text: string): void {
    const { task } = this.begin(head)
    const heir = /^\+\+\+ superseded by execve in pid (\d{1,10}) /.exec(text)
    const half = this.halves.take(heir === null ? task.tid : Number(heir[1]))
    if (heir !== null) {
      // The thread that called execve goes on under this number, its second half too.
      if (half !== undefined) this.halves.add(task.tid, half)
    } else {
      // What it was in the middle of: of a write all arguments are known, of a read the file alone.
      if (half !== undefined) this.join(task, half, ') = ?', head.textAt, Number.NaN)
      this.tasks.exited(task, false)
      this.lineTasks.exited(task.tid)
    }
    this.rows.skip('ends of tasks')
  }
}

function keyOf(task: Task): string {
  return `call ${task.tid}`
}

function nsOf(took: string | null): number {
  const time = secondsOf(took ?? '0')
  return time === null ? 0 : time.seconds * 1e9 + time.ns
}
