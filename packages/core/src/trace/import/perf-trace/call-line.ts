import { followedArguments } from '../calls/followed-arguments.ts'
import { ioCallOf } from '../calls/io-calls.ts'

/** Head of a line: when a call began, and whose it is. */
export interface CallHead {
  /** Milliseconds as text; null for `?`, a call that began before the recording. */
  readonly time: string | null
  /** 0 where the line names none: one thread was traced alone. */
  readonly tid: number
  /** Index of the text behind it. */
  readonly textAt: number
}

/** A call, or half of one. */
export interface PerfCall {
  readonly name: string
  /** Text between the parentheses. */
  readonly args: string
  readonly argsAt: number
  /** What stands behind `=`; null for a call that goes on (`...`). */
  readonly result: string | null
}

/**
 * `ts ( duration ms): comm/tid `. The name has at most 14 characters, of any kind; --no-comm leaves it out.
 * perf: tools/perf/builtin-trace.c: trace__fprintf_entry_head, trace__fprintf_comm_tid
 */
const HEAD =
  /^ {0,20}(?:(\d{1,15}\.\d{3})|\?) \( {0,12}(?:\d{1,12}\.\d{3} ms)?\): (?:(?:[^\n]{0,56}?\/)?(\d{1,10}) (?= ?\.\.\. \[continued\]|[a-z_]\w{0,63}\(|m[ai][jn]fault ))?/

/** The head of a line with a call; null when it is none. */
export function callHead(line: string): CallHead | null {
  const match = HEAD.exec(line)
  if (match === null) return null
  return { time: match[1] ?? null, tid: Number(match[2] ?? 0), textAt: match[0].length }
}

const CONTINUED = /^ ?\.\.\. \[continued\]: ([a-z_]\w{0,63})\(\)\) {1,99}= ?(.{0,4096})$/
const NAME = /^([a-z_]\w{0,63})\(/
/** What a call may have returned, with what perf adds: a path, the name of a task, the meaning of an error. */
const RESULT =
  /^(?:-1 \S{1,40}(?: \(.{0,256}\))?|(?:-?\d{1,20}|0x[0-9a-f]{1,16})(?:<.{0,4096}>)?(?: \(.{0,64}\))?|\?|[A-Z][A-Z0-9_|x]{0,256}|)$/
/** Places at which the result may begin that are looked at: paths stand in a line as they are. */
const RESULTS_MAX = 8

/** The second half of a call that another thread's event interrupted: its name and result; null when the text is none. */
export function continuedCall(text: string): { name: string; result: string } | null {
  const match = CONTINUED.exec(text)
  return match === null ? null : { name: match[1]!, result: match[2]! }
}

/** The call at the start of the text; null when there is none, or it does not end as calls do. */
export function callOf(text: string): PerfCall | null {
  const name = NAME.exec(text)?.[1]
  if (name === undefined) return null
  const argsAt = name.length + 1
  const going = /\) {1,99}\.\.\.$/.exec(text)
  if (going !== null) return { name, args: text.slice(argsAt, going.index), argsAt, result: null }
  let at = text.length
  for (let tries = 0; tries < RESULTS_MAX && at > 0; tries++) {
    at = text.lastIndexOf('= ', at - 1)
    if (at < argsAt) break
    const end = text.slice(0, at).trimEnd().length - 1
    const result = text.slice(at + 2)
    if (text[end] === ')' && end >= argsAt && RESULT.test(result))
      return { name, args: text.slice(argsAt, end), argsAt, result }
  }
  return null
}

/**
 * Arguments by the kernel's names. perf leaves out those that are zero, so a missing one is. Paths stand behind descriptors as they
 * are, with any commas: the text is taken apart from its end, at the names that this call has.
 * perf: tools/perf/builtin-trace.c: syscall__scnprintf_args
 */
export function perfArguments({ name, args }: PerfCall): Map<string, string> {
  const names = ioCallOf(name)?.argumentNames ?? followedArguments(name)
  const found = new Map(names.map((one) => [one, '0']))
  let text = args
  for (const one of names.toReversed()) {
    const at = text.lastIndexOf(`, ${one}: `)
    if (at >= 0) {
      found.set(one, text.slice(at + one.length + 4))
      text = text.slice(0, at)
    } else if (text.startsWith(`${one}: `)) {
      found.set(one, text.slice(one.length + 2))
      break
    }
  }
  return found
}
