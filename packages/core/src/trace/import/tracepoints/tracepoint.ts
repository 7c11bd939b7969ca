import { NONE } from '../../op-batch.ts'

/** Head of a line of trace text: which task, where and when, and which event. */
export interface TracepointHead {
  /** Name of the task, without its padding. */
  readonly comm: string
  /** The thread, which the kernel calls pid. */
  readonly tid: number
  /** The process; {@link NONE} where the recorder did not write it. */
  readonly pid: number
  /** {@link NONE} where the line has none. */
  readonly cpu: number
  readonly seconds: number
  readonly ns: number
  /** The time is a count of a clock without seconds, which stands here as ns. */
  readonly isCount: boolean
  /** Subsystem in front of the event's name, as perf has it (`block` of `block:block_rq_issue`); empty elsewhere. */
  readonly system: string
  /** Name of the event; empty where the text is something else (`<stack trace>`, a function of the function tracer). */
  readonly event: string
  /** Index of the text behind `event: `; of all text behind the time where there is no event. */
  readonly textAt: number
}

/** Number of the address space of a task: its process, or the thread where that is all there is; 0 where perf does not know it. */
export function addressSpaceOf({ pid, tid }: Pick<TracepointHead, 'pid' | 'tid'>): number {
  return Math.max(0, pid === NONE ? tid : pid)
}

/**
 * `comm-pid [(tgid)] [cpu] [flags] time: ` of tracefs and trace-cmd, `comm-pid cpu+flags time: ` of trace-cmd report -l. The name may
 * have blanks, dashes and brackets: it goes on to the first dash that a pid and a CPU follow. Time without a point: the
 * clocks `counter` and `x86-tsc`.
 * @kernel kernel/trace/trace_output.c: trace_print_context, trace_print_lat_fmt
 */
const FTRACE_HEAD =
  /^ {0,40}(.{1,64}?)-(\d{1,10}) {1,16}(?:\( {0,16}(\d{1,10}|-{1,16})\) {1,16})?(?:\[(\d{1,5})\](?: {1,16}[^\s:]{1,16})?|(\d{1,4})[^\s:\d][^\s:]{3,7}) {1,24}(\d{1,20})(?:\.(\d{3,9}))?: {1,2}/

/**
 * `comm tid [cpu] time: `, or `comm pid/tid`, of perf script; fields that `-F` left out are not there.
 * perf: tools/perf/builtin-script.c: perf_sample__fprintf_start
 */
const PERF_HEAD =
  /^ {0,40}(.{1,64}?) {1,24}(-?\d{1,10})(?:\/(-?\d{1,10}))? {1,16}(?:\[(\d{1,5})\] {1,16})?(?:[.a-zA-Z]{4,9} {1,16})?(\d{1,15})\.(\d{6,9}): {1,64}(?:\d{1,20} {1,24})?/

/** Name of an event, and what perf puts in front of it. */
const EVENT = /(?:([A-Za-z_][\w-]{0,63}):)?([A-Za-z_][\w.-]{0,127}): ?/y

/** The head of a line as tracefs and trace-cmd report write it; null when it is none. */
export function ftraceHead(line: string): TracepointHead | null {
  const match = FTRACE_HEAD.exec(line)
  if (match === null) return null
  const [all, comm, tid, tgid, cpu, latencyCpu, seconds, fraction] = match
  const pid = tgid === undefined || tgid.startsWith('-') ? NONE : Number(tgid)
  return makeHead(line, all.length, comm!, Number(tid), pid, Number(cpu ?? latencyCpu), seconds!, fraction)
}

/** The head of a line as perf script writes it; null when it is none. */
export function perfHead(line: string): TracepointHead | null {
  const match = PERF_HEAD.exec(line)
  if (match === null) return null
  const [all, comm, first, second, cpu, seconds, fraction] = match
  const tid = Number(second ?? first)
  const pid = second === undefined ? NONE : Number(first)
  return makeHead(line, all.length, comm!, tid, pid, cpu === undefined ? NONE : Number(cpu), seconds!, fraction)
}

/** `at`: where the text behind the time begins. */
function makeHead(
  line: string,
  at: number,
  comm: string,
  tid: number,
  pid: number,
  cpu: number,
  seconds: string,
  fraction: string | undefined,
): TracepointHead {
  EVENT.lastIndex = at
  const match = EVENT.exec(line)
  const isCount = fraction === undefined
  return {
    comm,
    tid,
    pid,
    cpu,
    seconds: Number(isCount ? seconds.slice(0, -9) : seconds),
    ns: isCount ? Number(seconds.slice(-9)) : Number(fraction) * 10 ** (9 - fraction.length),
    isCount,
    system: match?.[1] ?? '',
    event: match?.[2] ?? '',
    textAt: match === null ? at : skipSpaces(line, EVENT.lastIndex),
  }
}

function skipSpaces(line: string, from: number): number {
  let at = from
  while (line.charCodeAt(at) === 32) at++
  return at
}

/**
 * `name: value`, or with the type before the name (option `verbose`). Values are hexadecimal: kernels before 6.18 leave out the 0x,
 * later ones leave it out below 10.
 */
const ARGUMENT = /(?:^|[(,] ?)(?:[\w *]{0,64}[ *])?(\w{1,64}): (?:0x)?([\da-f]{1,16})(?=[,) ]|$)/g

/**
 * Arguments of a system call: `fd: 6, buf: 0x557390e2d000, count: 0x1000`, by name, as numbers in text, with 0x. What kernels since 6.19
 * print behind a pointer (`"name"`, the first bytes of a buffer) is left out: {@link stringArgument}.
 * @kernel kernel/trace/trace_syscalls.c: print_syscall_enter
 */
export function argumentsOf(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  const quote = text.indexOf(' "')
  // A string may hold anything, also what looks like arguments.
  const numbers = quote < 0 ? text : text.slice(0, quote) + text.slice(text.lastIndexOf('"') + 1)
  for (const [, name, value] of numbers.matchAll(ARGUMENT)) if (!found.has(name!)) found.set(name!, `0x${value}`)
  return found
}

/**
 * The string that the kernel printed behind a pointer argument: `filename: 0x7ffe3a10 "/data/a", flags: 0`; null when there is none.
 * Since 6.19. Quotes in it are not escaped: it goes on to the last one of the line.
 * @kernel kernel/trace/trace_syscalls.c: print_syscall_enter
 */
export function stringArgument(text: string, name: string): string | null {
  const at = text.indexOf(`${name}: 0x`)
  const from = at < 0 ? -1 : text.indexOf(' "', at) + 2
  if (from < 2 || text.slice(at, from).includes(',')) return null
  const to = text.lastIndexOf('"')
  return to < from ? null : text.slice(from, to)
}

/** `name=value` between spaces, by name: `start=0x7fe67aa13000 nr=16 flags=0x10001`. */
const FIELD = /(?:^|[\s,(])(\w{1,64})=([^\s,)]+)/g

/** Fields of an event or a probe: `pfn=0x1a2b3c flags=uptodate|lru count=3 val=1`, by name. Of two with one name the first. */
export function fieldsOf(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const [, name, value] of text.matchAll(FIELD)) if (!found.has(name!)) found.set(name!, value!)
  return found
}

/** Result of a system call as the kernel prints it, 64 bits in two's complement: `0x1000`, `0xfffffffffffffff2` (-14); decimal too. Null when it is none. */
export function resultOf(text: string): number | null {
  if (!/^(?:0x[\da-fA-F]{1,16}|-?\d{1,16})$/.test(text)) return null
  const value = text.startsWith('0x') && text.length > 14 ? Number(BigInt.asIntN(64, BigInt(text))) : Number(text)
  return Number.isSafeInteger(value) ? value : null
}
