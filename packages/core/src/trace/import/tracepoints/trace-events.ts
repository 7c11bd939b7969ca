import { FLAG_DIRECT } from '../../../iter/row-flags.ts'
import { quotedText } from '../../printable.ts'
import { SystemCalls } from '../calls/system-calls.ts'
import { DIRECT_OPTION, TracedTasks } from '../calls/tasks.ts'
import type { ImportRows } from '../import-rows.ts'
import type { ImportContext, ImportOption } from '../trace-format.ts'
import { BLOCK_EVENT_OPTION, BlockTracepoints } from './block-tracepoints.ts'
import { EVENTS_OPTION, type EventSource, isMoreTelling, PASSED_OVER, sourcesIn } from './event-sources.ts'
import { GupProbes } from './gup-probes.ts'
import { HeldRows } from './held-rows.ts'
import { ObjectReferences } from './object-references.ts'
import { PageReferences } from './page-references.ts'
import { argumentsOf, resultOf, stringArgument, type TracepointHead } from './tracepoint.ts'

/** Where the kernel has its struct pages on x86-64, unless it is moved at boot. @kernel Documentation/arch/x86/x86_64/mm.rst: vmemmap_base */
const VMEMMAP = '0xffffea0000000000'

const VMEMMAP_OPTION: ImportOption = {
  name: 'vmemmap',
  summary: 'where the struct pages begin, for probes that name pages by pointers (KASLR moves it)',
  words: null,
  default: VMEMMAP,
}

/** Options of the formats that are text of tracepoints. */
export const TRACEPOINT_OPTIONS: readonly ImportOption[] = [
  EVENTS_OPTION,
  DIRECT_OPTION,
  BLOCK_EVENT_OPTION,
  VMEMMAP_OPTION,
]

/** The option as a number. Throws when it is none. */
function vmemmapOf({ rows, option }: ImportContext): bigint {
  const text = option(VMEMMAP_OPTION.name)
  if (/^0x[\da-fA-F]{1,16}$/.test(text)) return BigInt(text)
  throw rows.fail(0, `input option vmemmap is ${quotedText(text)}`, `Expected an address: ${VMEMMAP}.`)
}

const ENTER = 'sys_enter_'
const EXIT = 'sys_exit_'
const RAW_CALLS = 'raw_syscalls events: they have numbers for names (record syscalls:* instead)'
const IOMAP = 'iomap events: they do not tell reads from writes, and only say that a call is direct'
const MARKS = 'marks that programs wrote'
const NETFS = 'references of kernel objects'
const NO_EVENT = 'lines of a function tracer'
const COUNTS =
  'the times are counts (trace_clock counter or x86-tsc), taken as ns: their order holds, durations do not (record with trace_clock boot or mono)'
const FRAMES = 'stack frames of events that make no row'
const ENTER_HINT =
  'Expected the arguments as the kernel prints them: fd: 0x3, buf: 0x7f00, count: 0x1000 (not raw, not the option fields).'

/**
 * Turns the events of a text, perf's or ftrace's, into rows. One file may show the same I/O as system calls, block requests and
 * references on its pages: the rows are made of one of them ({@link EventSource}); references of kernel objects move no page and
 * always come along, unless one kind was asked for.
 */
export class TraceEvents {
  /** The last event is of no kind that is known here: its text may go on over several lines, as what programs print does. */
  isForeign = false
  private readonly rows: ImportRows
  private readonly isChosen: boolean
  private source: EventSource | null
  private readonly held: HeldRows
  private readonly calls: SystemCalls
  /** Made when it is needed: it says what it takes for granted. */
  private blocks: BlockTracepoints | null = null
  private readonly context: ImportContext
  private readonly pages: PageReferences
  private readonly probes: GupProbes
  private readonly objects: ObjectReferences
  private lost = 0
  private lostUnknown = false

  constructor(context: ImportContext) {
    const { rows, head, option } = context
    this.rows = rows
    this.context = context
    const wanted = option('events')
    this.isChosen = wanted !== 'auto'
    this.source = this.isChosen ? (wanted as EventSource) : (sourcesIn(head.text)[0] ?? null)
    if (this.source === 'block') this.blocks = new BlockTracepoints(context)
    this.held = new HeldRows(rows)
    this.calls = new SystemCalls(rows, new TracedTasks(rows, option('direct')))
    this.pages = new PageReferences(rows, this.held)
    this.probes = new GupProbes(rows, this.held, vmemmapOf(context))
    this.objects = new ObjectReferences(rows, this.held)
  }

  /** One event; its text begins at `head.textAt` of the line. */
  event(head: TracepointHead, line: string): void {
    const { rows } = this
    this.held.eventBegins(head)
    this.isForeign = false
    const { event } = head
    const text = line.slice(head.textAt)
    if (event.startsWith(ENTER)) this.enter(head, event.slice(ENTER.length), text)
    else if (event.startsWith(EXIT)) this.exit(head, event.slice(EXIT.length), text)
    else if (event === 'sys_enter' || event === 'sys_exit') rows.skip(RAW_CALLS)
    else if (event.startsWith('block_')) this.fromSource('block', () => this.block(head, text))
    else if (event.startsWith('page_ref_')) {
      this.fromSource('references', () => this.pages.event(head, text, this.time(head)))
    } else if (event.startsWith('iomap_')) this.iomap(head)
    else if (event === 'tracing_mark_write') this.foreign(MARKS)
    else if (event === '') this.call(head, text)
    else this.other(head, text)
  }

  /** The frames that come now are of the last event of the task; null: nobody wants them. */
  stackBegins(head: TracepointHead | null): void {
    this.held.stackBegins(head)
  }

  /** One frame of a stack, innermost first. */
  frame(name: string): void {
    if (!this.held.frame(name)) this.rows.skip(FRAMES)
  }

  /** The recorder lost events; null: it does not say how many. */
  lostEvents(count: number | null): void {
    if (count === null) this.lostUnknown = true
    else this.lost += count
  }

  end(): void {
    this.held.end()
    this.pages.end()
    this.blocks?.end()
    const { lost } = this
    if (lost === 0 && !this.lostUnknown) return
    const count = this.lostUnknown ? (lost === 0 ? 'events' : `more than ${lost} events`) : `${lost} events`
    this.rows.doubt(
      `the recording lost ${count}: what is left is not all that happened (record again with a larger buffer)`,
    )
  }

  /** Text without the name of an event: `sys_pread64(fd: 6, …)` and `sys_pread64 -> 0x1000`, as tracefs has system calls. */
  private call(head: TracepointHead, text: string): void {
    const match = /^sys_(\w{1,64})(\(| -> )/.exec(text)
    if (match === null) this.rows.skip(NO_EVENT)
    else if (match[2] === '(') this.enter(head, match[1]!, text.slice(match[0].length))
    else this.exit(head, match[1]!, text.slice(match[0].length))
  }

  private enter(head: TracepointHead, name: string, text: string): void {
    this.fromSource('syscalls', () => {
      const args = new Map(argumentsOf(text))
      const fileName = stringArgument(text, 'filename')
      if (fileName !== null) args.set('filename', `"${fileName}"`)
      const missing = this.calls.enter({ task: head, name, args, tsNs: this.time(head) })
      if (missing !== null) throw this.rows.fail(head.textAt + 1, `${name} has no argument "${missing}"`, ENTER_HINT)
    })
  }

  private exit(head: TracepointHead, name: string, text: string): void {
    this.fromSource('syscalls', () => {
      const result = resultOf(text.trim())
      if (result === null) throw this.rows.fail(head.textAt + 1, `the result of ${name} is no number`, EXIT_HINT)
      this.calls.exit(head, name, result)
    })
  }

  private block(head: TracepointHead, text: string): void {
    this.blocks ??= new BlockTracepoints(this.context)
    this.blocks.event(head, text, this.time(head))
  }

  private iomap({ event, tid }: TracepointHead): void {
    const row = event === 'iomap_dio_rw_begin' && this.source === 'syscalls' ? this.calls.current(tid) : undefined
    if (row !== undefined) {
      row.flags |= FLAG_DIRECT
      row.consumer = this.rows.consumerName('bio')
    }
    this.rows.skip(IOMAP)
  }

  private other(head: TracepointHead, text: string): void {
    const { rows } = this
    if (this.objects.concerns(head.event)) {
      if (this.isChosen && this.source !== 'references') rows.skip(NETFS)
      else this.objects.event(head, text, this.time(head))
    } else if (!this.probes.concerns(text)) {
      this.foreign(`${head.system === '' ? '' : `${head.system}:`}${head.event} events`)
    } else this.fromSource('references', () => this.probes.event(head, text, this.time(head)))
  }

  private foreign(reason: string): void {
    this.isForeign = true
    this.rows.skip(reason)
  }

  /** Makes rows of events of the one kind, and passes the others over. */
  private fromSource(kind: EventSource, make: () => void): void {
    this.source ??= kind
    if (kind === this.source) make()
    else {
      this.rows.skip(PASSED_OVER[kind][this.source])
      if (!this.isChosen && isMoreTelling(kind, this.source)) this.rows.doubt(LATE[kind])
    }
  }

  private time({ seconds, ns, isCount }: TracepointHead): number {
    if (isCount) this.rows.doubt(COUNTS)
    return this.rows.time(seconds, ns)
  }
}

const EXIT_HINT =
  'Expected a number of bytes or -errno, as the kernel prints it: 0x1000 (not raw, not the option fields).'
const LATE: Readonly<Record<EventSource, string>> = {
  references:
    'references of pages come after the first 64 KiB, and were passed over: --input-option events=references takes them',
  syscalls: 'system calls come after the first 64 KiB, and were passed over: --input-option events=syscalls takes them',
  block: '',
}
