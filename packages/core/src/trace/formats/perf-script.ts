import type { ImportRows } from '../import/import-rows.ts'
import { latin1 } from '../import/text/text.ts'
import type { ImportContext, ImportFormat, LineImporter } from '../import/trace-format.ts'
import { perfFrame } from '../import/tracepoints/stack-text.ts'
import { TRACEPOINT_OPTIONS, TraceEvents } from '../import/tracepoints/trace-events.ts'
import { perfHead, type TracepointHead } from '../import/tracepoints/tracepoint.ts'
import { quotedText } from '../printable.ts'

/** How the output of `--header` begins. With hundreds of events the header is longer than what is looked at. */
const HEADER = /^(?:\xef\xbb\xbf)?# ={8}\r?\n# captured on/
const RECORD = /^PERF_RECORD_[A-Z0-9_]{1,40}/
const LOST = /^PERF_RECORD_LOST\w*[ :]{1,4}lost (\d{1,15})/
const HINT =
  'Expected: comm pid [cpu] seconds: system:event: fields (perf script, or with -F comm,pid,tid,cpu,time,event,trace).'

/**
 * Text of perf script over tracepoints (perf 5 and 6): system calls, block requests, references of pages and of netfs requests.
 * The task's name may have blanks, brackets and numbers: it goes on to the first pid, CPU and time. `-F pid,tid` prints `pid/tid`,
 * and only then are processes known. Call chains (-g) follow their event, innermost first. What libtraceevent cannot format it prints
 * field by field. perf data convert --to-json has no fields of tracepoints, and is no source.
 */
export const perfScript: ImportFormat = {
  name: 'perf-script',
  title: 'perf script text',
  level: 'L3 of calls with one buffer, L0 of calls with a vector and of block requests, R of references',
  record:
    "perf record -e 'syscalls:*,block:*' COMMAND; perf script --ns -F comm,pid,tid,cpu,time,event,trace (references: -e 'page_ref:*,netfs:*' -g)",
  clock: "seconds of perf's clock, which begins at boot; to the microsecond, or to the nanosecond with --ns",
  options: TRACEPOINT_OPTIONS,
  detect: ({ lines, text }) => {
    if (HEADER.test(text)) return true
    const rest = lines.filter((line) => !line.startsWith('#') && (perfHead(line) !== null || perfFrame(line) === null))
    const heads = rest.map(perfHead)
    return heads.some((head) => head !== null && head.system !== '') && heads.every((head) => head !== null)
  },
  open: (context) => new PerfScriptImporter(context),
}

class PerfScriptImporter implements LineImporter {
  readonly kind = 'lines'
  private readonly rows: ImportRows
  private readonly events: TraceEvents
  /** The event that a call chain would belong to. */
  private last: TracepointHead | null = null

  constructor(context: ImportContext) {
    this.rows = context.rows
    this.rows.attributes.set('recorder', 'perf')
    const kernel = /^# os release : (\d{1,3}\.\d{1,3}[\w.+-]{0,64})\s*$/m.exec(context.head.text)
    if (kernel !== null) this.rows.attributes.set('kernel', kernel[1]!)
    this.events = new TraceEvents(context)
  }

  line(bytes: Uint8Array, from: number, to: number): void {
    const line = latin1(bytes, from, to)
    if (line.startsWith('#')) this.rows.skip('lines of the header')
    else if (!this.event(line)) this.chain(line)
  }

  end(): void {
    this.events.end()
  }

  private event(line: string): boolean {
    const head = perfHead(line)
    if (head === null) return false
    if (head.event !== '' && !head.event.startsWith('PERF_RECORD_')) {
      this.last = head
      this.events.event(head, line)
      return true
    }
    this.last = null
    const text = line.slice(line.indexOf('PERF_RECORD_'))
    if (!RECORD.test(text)) throw this.rows.fail(head.textAt + 1, 'no event follows the time', HINT)
    const lost = LOST.exec(text)
    if (lost !== null) this.events.lostEvents(Number(lost[1]))
    this.rows.skip('records about processes and memory (PERF_RECORD_*)')
    return true
  }

  private chain(line: string): void {
    const frame = perfFrame(line)
    if (frame === null) {
      if (line.trim() === '') return
      if (this.events.isForeign) {
        this.rows.skip('further lines of text that was printed')
        return
      }
      throw this.rows.fail(1, `${quotedText(line.trimStart())} is no line of perf script`, HINT)
    }
    if (this.last !== null) this.events.stackBegins(this.last)
    this.last = null
    this.events.frame(frame)
  }
}
