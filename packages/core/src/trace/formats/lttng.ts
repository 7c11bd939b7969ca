import { BlockEvent } from '../import/block/block-event.ts'
import { BlockOperations } from '../import/block/block-operations.ts'
import { numberOf } from '../import/calls/call-arguments.ts'
import type { Task } from '../import/calls/system-calls.ts'
import { DIRECT_OPTION } from '../import/calls/tasks.ts'
import type { ImportRows } from '../import/import-rows.ts'
import { isBlockEvent, readBlockFields } from '../import/lttng/block-fields.ts'
import { LttngCalls } from '../import/lttng/calls.ts'
import { eventOf, isEventLine, type LttngEvent } from '../import/lttng/event-line.ts'
import { LttngClock } from '../import/lttng/lttng-clock.ts'
import { withoutColours } from '../import/strace/line-head.ts'
import { latin1 } from '../import/text/text.ts'
import type { ImportContext, ImportFormat, LineImporter } from '../import/trace-format.ts'
import { BLOCK_EVENT_OPTION } from '../import/tracepoints/block-tracepoints.ts'
import { EVENTS_OPTION, PASSED_OVER } from '../import/tracepoints/event-sources.ts'
import { NONE } from '../op-batch.ts'

/**
 * Text that babeltrace2 writes of a kernel trace of LTTng 2.x: system calls, whose buffer of a read stands in the exit, and block
 * requests. Calls that LTTng has no name for (preadv2, pwritev2) are told by their numbers.
 */
export const lttng: ImportFormat = {
  name: 'lttng',
  title: 'LTTng text of babeltrace2',
  level: 'L3 of calls with one buffer, L0 of calls with a vector and of block requests',
  record:
    'lttng create; lttng enable-event -k --syscall -a; lttng add-context -k -t pid -t tid; lttng start; COMMAND; lttng stop; babeltrace2 --clock-seconds DIRECTORY > FILE',
  clock: 'as the lines have it: --clock-seconds, --clock-date, --clock-cycles or time of day',
  options: [DIRECT_OPTION, { ...EVENTS_OPTION, words: ['auto', 'syscalls', 'block'] }, BLOCK_EVENT_OPTION],
  detect: ({ lines }) => {
    const events = lines.map(withoutColours).filter((line) => !isRemark(line))
    return events.length > 0 && events.every(isEventLine)
  },
  open: (context) => new LttngImporter(context),
}

const NO_TASKS =
  'events do not tell their task (lttng add-context -k -t pid -t tid): it is taken from sched_switch, or the system calls are passed over'
const NO_TASK = 'events of which no task is told'
const CYCLES =
  'times are cycles of a clock whose frequency is not told: they are taken as ns (babeltrace2 --clock-seconds tells)'
const LOST_DOUBT = 'events were discarded: calls and requests are missing (record with more and larger sub-buffers)'
const HINT = 'Expected [time] (+delta) host event: { name = value, … }, { … }, with the names of the fields.'
const CALL = /^(?:compat_)?syscall_(entry|exit)_(\w{1,64})$/

type Source = 'syscalls' | 'block'

/** What babeltrace2 says on stderr, where that went to the file too. */
function isRemark(line: string): boolean {
  return /^(?:WARNING|\[warning\]|\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} )|^ {4,8}\S|events? (?:were )?discarded/i.test(line)
}

class LttngImporter implements LineImporter {
  readonly kind = 'lines'
  private readonly rows: ImportRows
  private readonly calls: LttngCalls
  private readonly clock = new LttngClock()
  private readonly blockEvent = new BlockEvent()
  private readonly begin: string
  private blocks: BlockOperations | null = null
  private source: Source | null
  /** Task on each CPU, as sched_switch told. */
  private readonly running = new Map<string, number>()

  constructor({ rows, head, option }: ImportContext) {
    this.rows = rows
    this.calls = new LttngCalls(rows, option('direct'))
    const wanted = option('events')
    this.source = wanted === 'auto' ? sourceIn(head.text) : (wanted as Source)
    const event = option('block-event')
    this.begin = event === 'auto' ? (/\bblock_bio_queue\b/.test(head.text) ? 'Q' : 'D') : event
    rows.attributes.set('recorder', 'LTTng')
    rows.timeText = (seconds, ns) => this.clock.textOf(seconds, ns)
    rows.attributes.set('dma-alignment', '1')
  }

  line(bytes: Uint8Array, from: number, to: number): void {
    const line = withoutColours(latin1(bytes, from, to))
    const event = eventOf(line)
    if (event === null) this.remark(line)
    else if (typeof event === 'number')
      throw this.rows.fail(event + 1, 'the fields of the event end, or have no names', HINT)
    else this.event(event)
  }

  end(): void {
    this.blocks?.end()
  }

  private remark(line: string): void {
    if (!isRemark(line)) throw this.rows.fail(1, 'it is no event of babeltrace2', HINT)
    if (/discarded/i.test(line)) this.rows.doubt(LOST_DOUBT)
    this.rows.skip('remarks of babeltrace2')
  }

  private event(event: LttngEvent): void {
    const tsNs = this.timeOf(event)
    const call = CALL.exec(event.name)
    if (event.name === 'sched_switch') this.switched(event)
    if (call !== null) {
      this.fromSource('syscalls', () => this.call(event, call[1] === 'entry', call[2]!, tsNs))
    } else if (isBlockEvent(event.name)) this.fromSource('block', () => this.block(event, tsNs))
    else this.rows.skip(`${event.name} events`)
  }

  private timeOf({ time }: LttngEvent): number {
    const split = this.clock.at(time)
    if (split === null) {
      throw this.rows.fail(
        1,
        `the time is ${time}, the first one was in ${this.clock.name}`,
        'Write the whole file with one form.',
      )
    }
    this.rows.clockName = this.clock.name
    if (this.clock.isCycles) this.rows.assume(CYCLES)
    return this.rows.time(split.seconds, split.ns)
  }

  private switched({ context, fields }: LttngEvent): void {
    const next = numberOf(fields.get('next_tid'))
    const cpu = context.get('cpu_id')
    if (next !== null && cpu !== undefined && this.running.size < CPUS_MAX) this.running.set(cpu, next)
  }

  /** Task of an event: what the context says, or who runs on its CPU. */
  private taskOf({ context }: LttngEvent): Task | null {
    const tid = numberOf(context.get('tid') ?? context.get('vtid'))
    const pid = numberOf(context.get('pid') ?? context.get('vpid'))
    if (tid !== null) return { tid, pid: pid ?? NONE }
    this.rows.assume(NO_TASKS)
    const running = this.running.get(context.get('cpu_id') ?? '')
    return running === undefined ? null : { tid: running, pid: pid ?? NONE }
  }

  private call(event: LttngEvent, isEntry: boolean, name: string, tsNs: number): void {
    const task = this.taskOf(event)
    if (task === null) {
      this.rows.skip(NO_TASK)
      return
    }
    const wrong = isEntry
      ? this.calls.entered(task, name, event.fields, tsNs)
      : this.calls.exited(task, name, event.fields)
    if (wrong !== null) throw this.rows.fail(event.nameAt + 1, `${event.name} has no number as "${wrong}"`, '')
  }

  private block(event: LttngEvent, tsNs: number): void {
    this.blocks ??= new BlockOperations(this.rows, { begin: this.begin, device: null })
    const wrong = readBlockFields(this.blockEvent, event.name, event.fields)
    if (wrong !== null) throw this.rows.fail(event.nameAt + 1, `${event.name} has no number as "${wrong}"`, '')
    this.blockEvent.tsNs = tsNs
    this.blockEvent.pid = numberOf(event.context.get('tid') ?? event.fields.get('tid')) ?? 0
    this.blocks.add(this.blockEvent)
  }

  /** Makes rows of events of the one kind, and passes the others over. */
  private fromSource(kind: Source, make: () => void): void {
    this.source ??= kind
    if (kind === this.source) make()
    else this.rows.skip(PASSED_OVER[kind][this.source])
  }
}

/** CPUs that a kernel can have, and more. @kernel arch/x86/Kconfig: NR_CPUS_RANGE_END */
const CPUS_MAX = 1 << 16

/** What the rows are made of: system calls that move data, where the first bytes have some. */
function sourceIn(text: string): Source | null {
  if (/\bsyscall_entry_(?:p?read|p?write)/.test(text)) return 'syscalls'
  return /\bblock_(?:rq_issue|bio_queue)\b/.test(text) ? 'block' : null
}
