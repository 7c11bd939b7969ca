/** Frames of one stack that are kept; deeper ones are cut. */
const FRAMES_MAX = 128
/** Bytes of a folded stack: a trace takes names of 4,096. */
const STACK_BYTES_MAX = 4000
/** Stands for the outer frames that were cut. */
const CUT = '...'
/** Functions that record: above them is what they recorded. */
const TRACERS =
  /^(?:trace_event_|__traceiter_|perf_trace_|perf_tp_|perf_syscall_|ftrace_|__ftrace_|__page_ref_|bpf_|kprobe_|kretprobe_|fprobe_)/

/**
 * Frames that come innermost first, as recorders print them, in one text: outermost first, joined by `;`, without the
 * recorder's own functions. Empty when there are none.
 */
export function foldStack(frames: readonly string[]): string {
  const first = frames.findIndex((frame) => !TRACERS.test(frame))
  if (first < 0) return ''
  const outermostFirst: string[] = []
  let bytes = 0
  for (const frame of frames.slice(first)) {
    bytes += frame.length + 1
    if (bytes > STACK_BYTES_MAX || outermostFirst.length === FRAMES_MAX) {
      outermostFirst.push(CUT)
      break
    }
    outermostFirst.push(frame.replaceAll(';', ','))
  }
  return outermostFirst.reverse().join(';')
}

/**
 * Frame of a line behind `<stack trace>`: ` => vfs_write+0x22f/0x450`, `=> vfs_write (ffffffff816b946f)` as trace-cmd has it.
 * Null when the line is none.
 * @kernel kernel/trace/trace_output.c: trace_stack_print
 */
export function ftraceFrame(line: string): string | null {
  const match = /^ {0,4}=> {1,4}(\S.{0,255})/.exec(line)
  return match === null ? null : withoutOffset(match[1]!)
}

/**
 * Frame of a line of a call chain: `	ffffffff81b056df blk_mq_start_request+0xcf ([kernel.kallsyms])`. Null when the line is none.
 * perf: tools/perf/util/evsel_fprintf.c: sample__fprintf_callchain
 */
export function perfFrame(line: string): string | null {
  const match = /^\s{1,40}[\da-f]{1,16} (\S.{0,511})/.exec(line)
  if (match === null) return null
  const module = match[1]!.lastIndexOf(' (')
  return withoutOffset(module < 0 ? match[1]! : match[1]!.slice(0, module))
}

/** The function's name alone: two calls from one function are one frame. */
function withoutOffset(frame: string): string {
  const end = frame.search(/\+0x[\da-f]|\s+\(|\s+\[/)
  return (end <= 0 ? frame : frame.slice(0, end)).trim()
}
