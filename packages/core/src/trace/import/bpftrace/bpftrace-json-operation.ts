import { type Direction, ITER_DEST, ITER_SOURCE } from '../../../iter/iter-type.ts'
import { FLAG_DIRECT } from '../../../iter/row-flags.ts'
import { ERRNO_MAX, SEGMENTS_VECTOR_MAX } from '../../limits.ts'
import { NONE } from '../../op-batch.ts'
import { ioCallOf, O_DIRECT, passedOverCall } from '../calls/io-calls.ts'
import type { ImportRow } from '../import-row.ts'
import type { ImportRows } from '../import-rows.ts'
import { integerOf, ticksOf } from '../text/text.ts'
import type { BpftraceOperations } from './bpftrace-operations.ts'

/** A JSON object with the keys that mean something here. */
export interface JsonObject {
  /** Of the messages of `bpftrace -f json`. */
  readonly type?: unknown
  readonly data?: unknown
  readonly events?: unknown
  /** Of the lines of a script. */
  readonly ts?: unknown
  readonly tid?: unknown
  readonly pid?: unknown
  readonly call?: unknown
  readonly op?: unknown
  readonly fd?: unknown
  readonly file?: unknown
  readonly flags?: unknown
  readonly off?: unknown
  readonly vlen?: unknown
  readonly seg?: unknown
  readonly base?: unknown
  readonly len?: unknown
  readonly ret?: unknown
}

/** The time with all its digits: JSON numbers lose those above 2^53, which nanoseconds reach after 104 days. */
const TIME = /"ts"\s*:\s*"?(\d{1,20})"?/
const CALL_PREFIX = /^(?:tracepoint:syscalls:)?sys_(?:enter|exit)_/

const NO_DIRECTION = (taken: string, other: string) =>
  `lines without op or call are taken as ${taken} (--input-option op=${other})`
const NO_FLAGS =
  'whether files were opened with O_DIRECT is not recorded: --consumer decides, or --input-option direct=yes or no'
const NO_PROCESS = 'lines have no pid: all threads are taken as one process'

/** How lines are to be read that leave something open. */
export interface BpftraceJsonChoices {
  readonly op: string
  readonly direct: string
  /** The script prints a line for each return. */
  readonly hasReturns: boolean
}

/** Lines of a recorder script: a JSON object for each segment of an operation, and for each return. */
export class BpftraceJsonOperation {
  private readonly rows: ImportRows
  private readonly operations: BpftraceOperations
  private readonly choices: BpftraceJsonChoices
  /** Makes the error for a value of the object at work. */
  private readonly bad: (key: string, problem: string) => Error

  constructor(
    rows: ImportRows,
    operations: BpftraceOperations,
    choices: BpftraceJsonChoices,
    bad: (key: string, problem: string) => Error,
  ) {
    this.rows = rows
    this.operations = operations
    this.choices = choices
    this.bad = bad
  }

  /** Reads the object, whose text is `text`; false where it is none of an operation. */
  take(object: JsonObject, text: string): boolean {
    if (object.base === undefined && object.ret === undefined) return false
    const name = this.callName(object)
    if (name !== null && ioCallOf(name) === undefined) {
      this.rows.skip(passedOverCall(name))
      return true
    }
    const tid = this.count(object, 'tid')
    const tsNs = this.time(text)
    if (object.base === undefined) {
      const call = name === null ? NONE : this.rows.callName(name)
      this.operations.end(tid, tsNs, call, this.result(object))
      return true
    }
    const at = object.seg === undefined ? 0 : this.count(object, 'seg')
    if (at >= SEGMENTS_VECTOR_MAX) throw this.bad('seg', `seg is ${at}, expected 0 to ${SEGMENTS_VECTOR_MAX - 1}`)
    if (isAbove(object.base) || isAbove(object.len)) {
      this.operations.drop(tid, tsNs, at)
      return true
    }
    const base = this.count(object, 'base')
    const length = this.count(object, 'len')
    if (at > 0) this.operations.segment(tid, tsNs, at, base, length)
    else {
      const row = this.begun(object, name, tid, tsNs)
      row.addSegment(base, length)
      const segments = object.vlen === undefined ? NONE : this.count(object, 'vlen')
      this.operations.begin(tid, row, segments, this.choices.hasReturns)
    }
    return true
  }

  private begun(object: JsonObject, name: string | null, tid: number, tsNs: number): ImportRow {
    const { rows } = this
    const direction = this.directionOf(object, name)
    const offset = object.off === undefined ? NONE : this.integer(object, 'off')
    const flags = this.openFlags(object)
    const process = object.pid === undefined ? NONE : this.count(object, 'pid')
    if (process === NONE) rows.assume(NO_PROCESS)
    const row = rows.draft()
    row.tsNs = tsNs
    row.direction = direction
    row.mm = Math.max(0, process)
    if (name !== null) row.call = rows.callName(name)
    if (typeof object.file === 'string') row.file = rows.fileName(byteText(object.file))
    else if (object.fd !== undefined) {
      row.file = rows.fileName(`fd ${this.integer(object, 'fd')} of ${process === NONE ? tid : process}`)
    }
    row.offsetBytes = Math.max(NONE, offset)
    if (flags !== NONE) {
      if ((flags & O_DIRECT) !== 0) row.flags = FLAG_DIRECT
      row.consumer = rows.consumerName((flags & O_DIRECT) === 0 ? 'buffered' : 'bio')
    }
    return row
  }

  private directionOf(object: JsonObject, name: string | null): Direction {
    const { op } = object
    if (op === 'read') return ITER_DEST
    if (op === 'write') return ITER_SOURCE
    if (op !== undefined) throw this.bad('op', `op is ${shown(op)}, expected "read" or "write"`)
    if (name !== null) return ioCallOf(name)!.direction
    const isWrite = this.choices.op === 'write'
    this.rows.assume(isWrite ? NO_DIRECTION('writes', 'read') : NO_DIRECTION('reads', 'write'))
    return isWrite ? ITER_SOURCE : ITER_DEST
  }

  /** Open flags of the file; NONE where they are not known. */
  private openFlags(object: JsonObject): number {
    if (object.flags !== undefined) return this.count(object, 'flags')
    if (this.choices.direct === 'yes') return O_DIRECT
    if (this.choices.direct === 'no') return 0
    this.rows.takesRefusedAsBuffered = true
    this.rows.assume(NO_FLAGS)
    return NONE
  }

  /** The system call, as the kernel names it, out of a name or a probe; null where there is none. */
  private callName(object: JsonObject): string | null {
    const { call } = object
    if (call === undefined) return null
    if (typeof call !== 'string') throw this.bad('call', `call is ${shown(call)}, expected a name or a probe`)
    const name = byteText(call.replace(CALL_PREFIX, ''))
    return ioCallOf(name)?.name ?? name
  }

  private time(text: string): number {
    const time = ticksOf(TIME.exec(text)?.[1] ?? '', 1e9)
    if (time === null) throw this.bad('ts', 'the line has no "ts": nanoseconds, as nsecs has them')
    return this.rows.time(time.seconds, time.ns)
  }

  private count(object: JsonObject, key: keyof JsonObject): number {
    const value = this.integer(object, key)
    if (value < 0) throw this.bad(key, `${key} is ${value}, expected a whole number that is not negative`)
    return value
  }

  private result(object: JsonObject): number {
    const value = this.integer(object, 'ret')
    if (value < -ERRNO_MAX) throw this.bad('ret', `ret is ${value}, expected bytes, or -1 to -${ERRNO_MAX}`)
    return value
  }

  /** A whole number, or a string that is one, decimal or with 0x. */
  private integer(object: JsonObject, key: keyof JsonObject): number {
    const value = object[key]
    if (typeof value === 'number' && Number.isSafeInteger(value)) return value
    if (typeof value === 'string') {
      const isNegative = value.startsWith('-')
      const size = integerOf(isNegative ? value.slice(1) : value)
      if (size !== null) return isNegative ? -size : size
    }
    if (value === undefined) throw this.bad(key, `the line has no "${key}"`)
    throw this.bad(key, `${key} is ${shown(value)}, expected a whole number below 2^53, or a string of one`)
  }
}

/** A whole number of 64 bits that a double does not hold. */
function isAbove(value: unknown): boolean {
  if (typeof value === 'string' && !/^(?:0x[\da-f]{1,16}|\d{1,20})$/i.test(value)) return false
  if (typeof value !== 'string' && typeof value !== 'number') return false
  return Number(value) > Number.MAX_SAFE_INTEGER
}

function shown(value: unknown): string {
  const text = JSON.stringify(value)
  return text.length > 40 ? `${text.slice(0, 40)}…` : text
}

/** Text as rows take it: a character for each byte. */
function byteText(text: string): string {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 0xff) return Buffer.from(text, 'utf8').toString('latin1')
  }
  return text
}
