import type { ImportRows } from '../import/import-rows.ts'
import { latin1 } from '../import/text/text.ts'
import type { FileHead, ImportContext, ImportFormat, LineImporter } from '../import/trace-format.ts'
import { ftraceFrame } from '../import/tracepoints/stack-text.ts'
import { TRACEPOINT_OPTIONS, TraceEvents } from '../import/tracepoints/trace-events.ts'
import { ftraceHead } from '../import/tracepoints/tracepoint.ts'
import { quotedText } from '../printable.ts'

/** @kernel kernel/trace/trace.c: print_trace_header, test_cpu_buff_start; trace-cmd: tracecmd.c, trace-read.c */
const PREAMBLE = /^(?:cpus=\d+|version = \d+|CPU \d+ is empty|trace-cmd: .*)\s*$/
const LOST = /^CPU:\d{1,5} \[(?:LOST )?(?:(\d{1,15}) )?EVENTS(?: DROPPED)?\]/
const WRITTEN = /^# entries-in-buffer\/entries-written: (\d{1,15})\/(\d{1,15})/
/** A time that is relative and has a mark behind it: option latency-format. */
const LATENCY = /-\d{1,10} {1,16}\d{1,4}[^\s:]{4,8} {1,16}\d{1,12}us[ !+#*@$]?: /
const STACK = /^<(?:user )?stack trace ?>/
const STACK_EVENTS = new Set(['kernel_stack', 'user_stack'])

const HINT = 'Expected: comm-pid [cpu] flags seconds: event: fields, as tracefs and trace-cmd report write it.'
const LATENCY_HINT = 'Its times are relative to the trace: echo 0 > options/latency-format, and read the trace again.'

/**
 * Text of ftrace: the files trace and trace_pipe of tracefs (4 and 5 flags, with and without TGID and flags), and trace-cmd report
 * (2 and 3). The task's name may have blanks, dashes and brackets: it goes on to the first dash that a pid, a CPU and a time follow.
 * System calls are `sys_pread64(…)` and `sys_pread64 -> 0x1000` in tracefs, `sys_enter_pread64:` and `sys_exit_pread64:` in
 * trace-cmd. Stacks of the option stacktrace are entries of their own, behind their event. Clocks differ (trace_clock): only
 * the order in one file is safe.
 */
export const ftrace: ImportFormat = {
  name: 'ftrace',
  title: 'ftrace text (tracefs or trace-cmd report)',
  level: 'L3 of calls with one buffer, L0 of calls with a vector and of block requests, R of references',
  record:
    'trace-cmd record -e syscalls -e block COMMAND; trace-cmd report > FILE (references: -e page_ref -e netfs -T), or cat /sys/kernel/tracing/trace > FILE',
  clock: 'seconds of the trace clock (local unless set), to the microsecond',
  options: TRACEPOINT_OPTIONS,
  detect: isFtrace,
  open: (context) => new FtraceImporter(context),
}

function isFtrace({ lines }: FileHead): boolean {
  if (lines[0]?.startsWith('# tracer: ') === true) return true
  const rest = lines.filter((line) => !line.startsWith('#') && !PREAMBLE.test(line) && !LOST.test(line))
  const entries = rest.filter((line) => ftraceFrame(line) === null)
  return entries.length > 0 && entries.every((line) => ftraceHead(line) !== null)
}

class FtraceImporter implements LineImporter {
  readonly kind = 'lines'
  private readonly rows: ImportRows
  private readonly events: TraceEvents

  constructor(context: ImportContext) {
    this.rows = context.rows
    const isTraceCmd = /^(?:version = \d+\s+)?cpus=\d+\s*$/m.test(context.head.text)
    this.rows.attributes.set('recorder', isTraceCmd ? 'trace-cmd' : 'ftrace')
    this.events = new TraceEvents(context)
  }

  line(bytes: Uint8Array, from: number, to: number): void {
    const line = latin1(bytes, from, to)
    if (line.startsWith('#')) this.header(line)
    else if (!this.entry(line)) this.other(line)
  }

  end(): void {
    this.events.end()
  }

  private header(line: string): void {
    this.rows.skip('lines of the header')
    const written = WRITTEN.exec(line)
    const lost = written === null ? 0 : Number(written[2]) - Number(written[1])
    if (lost > 0) this.events.lostEvents(lost)
  }

  private entry(line: string): boolean {
    const head = ftraceHead(line)
    if (head === null) return false
    const text = line.slice(head.textAt)
    const isStack = STACK.test(text) && (head.event === '' || STACK_EVENTS.has(head.event))
    if (!isStack) this.events.event(head, line)
    else if (text.startsWith('<user')) this.events.stackBegins(null)
    else this.events.stackBegins(head)
    return true
  }

  private other(line: string): void {
    const frame = ftraceFrame(line)
    const lost = LOST.exec(line)
    if (frame !== null) this.events.frame(frame)
    else if (lost !== null) this.events.lostEvents(lost[1] === undefined ? null : Number(lost[1]))
    else if (PREAMBLE.test(line)) this.rows.skip('lines of the header')
    else if (LATENCY.test(line)) throw this.rows.fail(1, 'the trace is in the latency format', LATENCY_HINT)
    else if (this.events.isForeign) this.rows.skip('further lines of text that was printed')
    else if (line.trim() !== '') {
      throw this.rows.fail(1, `${quotedText(line.trimStart())} is no line of ftrace`, HINT)
    }
  }
}
