import { decorationOf, numberOf } from '../import/calls/call-arguments.ts'
import { errnoOf } from '../import/calls/errno-names.ts'
import { ARGUMENT_COUNT, type IoCall, ioCallOf, passedOverCall } from '../import/calls/io-calls.ts'
import { SystemCalls, type Task } from '../import/calls/system-calls.ts'
import { DIRECT_OPTION, TracedTasks } from '../import/calls/tasks.ts'
import type { ImportRows } from '../import/import-rows.ts'
import {
  type CallHead,
  callHead,
  callOf,
  continuedCall,
  type PerfCall,
  perfArguments,
} from '../import/perf-trace/call-line.ts'
import { withoutColours } from '../import/strace/line-head.ts'
import { latin1 } from '../import/text/text.ts'
import type { FileHead, ImportContext, ImportFormat, LineImporter } from '../import/trace-format.ts'
import { NONE } from '../op-batch.ts'
import { quotedText } from '../printable.ts'

/**
 * Text of perf trace 4.x to 6.x: a line for each system call, with the address and length of scalar buffers. Of a vector it has the
 * address alone. Arguments that are zero are left out; a call that another thread's interrupts is cut in two.
 */
export const perfTrace: ImportFormat = {
  name: 'perf-trace',
  title: 'perf trace text',
  level: 'L3; L0 for vectors',
  record:
    "perf trace -o FILE -e 'read,pread64,readv,preadv,preadv2,write,pwrite64,writev,pwritev,pwritev2,open,openat,close,dup,dup2,dup3,fcntl,mmap,munmap,mremap,clone,clone3,execve,exit,exit_group' COMMAND",
  clock: 'milliseconds since the first event (with -T: since boot), to the microsecond',
  options: [DIRECT_OPTION],
  detect,
  open: (context) => new PerfTraceImporter(context),
}

const RESTARTED = 'calls that a signal interrupted, which are made again'
const STACK = 'lines of a stack'
const FAULTS = 'page faults'
const EVENTS = 'events that are no calls'
const SUMMARY = 'lines of the summary (-s, -S)'
const OTHER_LINES = 'lines that are none of perf trace: output of the program'
const LOST = 'lines that tell of lost events'
const LOST_DOUBT = 'perf lost events: calls are missing. Record with a larger buffer: perf trace -m 64M'
/** @kernel include/linux/errno.h: ERESTARTSYS to ERESTART_RESTARTBLOCK; the tool knows no names for them */
const RESTART = /\(51[2-46]\D|errno 51[2-46]|ERESTART/

function detect({ lines }: FileHead): boolean {
  let calls = 0
  let others = 0
  for (const raw of lines) {
    const line = withoutColours(raw)
    if (callHead(line) !== null) calls++
    else if (!isOther(line)) others++
  }
  return calls > others
}

/** A line that perf trace writes besides those of calls: a stack, an event, a summary. */
function isOther(line: string): boolean {
  return (
    /^ {30}/.test(line) ||
    /^ {0,20}\d{1,15}\.\d{3} (?:[^\n]{0,56}?\/\d{1,10} )?[a-z_]\w{0,63}:\w{1,63}\(/.test(line) ||
    /^ Summary of events/.test(line)
  )
}

class PerfTraceImporter implements LineImporter {
  readonly kind = 'lines'
  private readonly rows: ImportRows
  private readonly tasks: TracedTasks
  private readonly calls: SystemCalls
  private isSummary = false

  constructor({ rows, option }: ImportContext) {
    this.rows = rows
    this.tasks = new TracedTasks(rows, option('direct'))
    this.calls = new SystemCalls(rows, this.tasks)
    rows.attributes.set('recorder', 'perf trace')
    rows.attributes.set('dma-alignment', '1')
    rows.timeText = (seconds, ns) => `${(seconds * 1000 + ns / 1e6).toFixed(3)} ms`
  }

  line(bytes: Uint8Array, from: number, to: number): void {
    const line = withoutColours(latin1(bytes, from, to))
    const head = callHead(line)
    if (head === null) this.other(line)
    else this.call(head, line.slice(head.textAt))
  }

  end(): void {}

  private other(line: string): void {
    if (line.startsWith(' Summary of events')) this.isSummary = true
    const isLost = /^(?:LOST|\[ ?perf.*lost)/.test(line)
    if (isLost) this.rows.doubt(LOST_DOUBT)
    const isEvent = isOther(line)
    this.rows.skip(
      this.isSummary ? SUMMARY : isLost ? LOST : /^ {30}/.test(line) ? STACK : isEvent ? EVENTS : OTHER_LINES,
    )
  }

  private call(head: CallHead, text: string): void {
    const task: Task = { tid: head.tid, pid: NONE }
    const continued = continuedCall(text)
    if (continued !== null) this.returned(task, continued.name, continued.result, head.textAt)
    else if (/^m(?:in|aj)fault /.test(text)) this.rows.skip(FAULTS)
    else {
      const call = callOf(text)
      if (call === null) {
        const problem = `${quotedText(text.slice(0, 80))} is no system call with a result`
        throw this.rows.fail(head.textAt + 1, problem, 'Expected name(arguments) = result, or name(arguments) ...')
      }
      this.made(task, this.timeOf(head), call, head.textAt)
    }
  }

  private timeOf({ time }: CallHead): number {
    if (time === null) throw this.rows.fail(1, 'the call has no time', 'Only a continued call may have ? instead.')
    const [ms, us] = time.split('.')
    const seconds = Math.floor(Number(ms) / 1000)
    return this.rows.time(seconds, (Number(ms) - seconds * 1000) * 1e6 + Number(us) * 1000)
  }

  private made(task: Task, tsNs: number, call: PerfCall, textAt: number): void {
    const { name, result } = call
    const args = perfArguments(call)
    const io = ioCallOf(name)
    if (io === undefined) this.madeOther(task, tsNs, call, args, textAt)
    else {
      this.nameFile(task, args)
      this.checkNumbers(io, args, call, textAt)
      this.calls.enter({ task, name, args, tsNs })
      if (result !== null && this.calls.current(task.tid) !== undefined) this.returned(task, name, result, textAt)
    }
  }

  /** What perf says of the descriptor goes to the table of files; the number stays. */
  private nameFile(task: Task, args: Map<string, string>): void {
    const text = args.get('fd')
    const name = decorationOf(text)
    const fd = numberOf(text)
    if (fd === null) return
    if (name !== null) this.tasks.nameFile(task, fd, name)
    args.set('fd', String(fd))
  }

  private checkNumbers(io: IoCall, args: ReadonlyMap<string, string>, call: PerfCall, textAt: number): void {
    for (const name of io.argumentNames.slice(0, ARGUMENT_COUNT + 1)) {
      const text = args.get(name)!
      if (/^(?:-?\d{1,20}|0x[0-9a-f]{1,16})$/.test(text)) continue
      const column = textAt + call.argsAt + call.args.indexOf(`${name}: `) + name.length + 3
      throw this.rows.fail(column, `${name} is ${quotedText(text.slice(0, 80))}, expected a number`, '')
    }
  }

  private madeOther(
    task: Task,
    tsNs: number,
    { name, result }: PerfCall,
    args: Map<string, string>,
    textAt: number,
  ): void {
    this.rows.skip(passedOverCall(name))
    if (result === null || name.startsWith('exit')) this.tasks.enter({ task, name, args, tsNs })
    else {
      const value = this.valueOf(result, textAt)
      const resultName = decorationOf(result)
      if (value !== null) this.tasks.returned(task, { name, args, result: value, resultName })
    }
  }

  private returned(task: Task, name: string, result: string, textAt: number): void {
    if (isRestart(result)) {
      const row = this.rows.close(task.tid)
      if (row !== undefined) this.rows.cancel(row)
      this.rows.skip(RESTARTED)
      return
    }
    const value = this.valueOf(result, textAt)
    if (ioCallOf(name) !== undefined || value === null) {
      if (this.calls.current(task.tid) === undefined) this.rows.skip('second halves of calls that make no row')
      else this.calls.exit(task, name, value ?? Number.NaN)
    } else {
      this.tasks.exit(task, name, value)
      this.rows.skip('second halves of calls that make no row')
    }
  }

  /** What a call returned, or -errno; null where perf prints words, or nothing. */
  private valueOf(result: string, textAt: number): number | null {
    const error = /^-1 (\S{1,40})/.exec(result)
    if (error === null) return numberOf(result)
    const value = errnoOf(error[1]!)
    if (value !== null || isRestart(result)) return value
    throw this.rows.fail(textAt + 1, `${quotedText(error[1]!)} is no error of Linux that is known here`, '')
  }
}

function isRestart(result: string): boolean {
  return result.startsWith('-1 ') && RESTART.test(result)
}
