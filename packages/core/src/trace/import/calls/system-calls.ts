import { NONE } from '../../op-batch.ts'
import type { ImportRow } from '../import-row.ts'
import type { ImportRows } from '../import-rows.ts'
import { integerOf } from '../text/text.ts'
import {
  ARGUMENT_BUFFER,
  ARGUMENT_COUNT,
  ARGUMENT_FD,
  type IoCall,
  ioCallOf,
  passedOverCall,
  positionOf,
  refusedCall,
  rowFlagsOfRwf,
} from './io-calls.ts'

/** The task that makes a system call. */
export interface Task {
  readonly tid: number
  /** {@link NONE} where the file does not tell. */
  readonly pid: number
}

/** A system call as it is entered. */
export interface EnteredCall {
  readonly task: Task
  /** As the kernel calls it, without `sys_`: `pread64`. */
  readonly name: string
  /** By the kernel's names of the arguments: numbers, decimal or with 0x. */
  readonly args: ReadonlyMap<string, string>
  /** ns, of `rows.time`. */
  readonly tsNs: number
}

/** What file descriptors and address spaces are: told of every call that is entered, and of its result. */
export interface Descriptors {
  enter(call: EnteredCall): void
  exit(task: Task, name: string, result: number): void
  /** Sets the file of the row, its address space, and whether it is direct. Returns why it is passed over, or null. */
  describe(row: ImportRow, task: Task, fd: number): string | null
  /** The row is complete, with its result, and is about to be put: rows that belong before it go first. */
  beforePut(row: ImportRow, task: Task): void
}

const NO_PROCESS =
  'the file names threads, not processes: each thread is taken as a process with memory of its own (perf script -F +pid, ftrace option record-tgid)'
const NO_KINDS = 'every read and write is taken as one of a file: sockets and pipes look the same here'
const VECTORS =
  'of calls with a vector its address was recorded, not its segments: each is taken as one buffer of the bytes that it moved'
const EXIT_LOST =
  'a thread goes on to its next system call, and the exit of the one before is missing: its result is unknown'
const OTHER_EXITS = 'exits of calls that make no row'
const IO_EXITS = 'exits of calls that make no row, or whose enter is missing'
const UNTRACEABLE = 'calls with an address or a length above 2^53'

/**
 * Pairs the enter and the exit of system calls, and makes rows of those that move data between files and memory. A thread
 * is in one call at a time, so a call whose exit was lost is over when the thread enters the next. One that no exit
 * and no other call follows has no completion.
 * @kernel kernel/trace/trace_syscalls.c: ftrace_syscall_enter, ftrace_syscall_exit
 */
export class SystemCalls {
  private readonly rows: ImportRows
  private readonly descriptors: Descriptors | null

  constructor(rows: ImportRows, descriptors: Descriptors | null = null) {
    this.rows = rows
    this.descriptors = descriptors
  }

  /** A call is entered. Returns the name of an argument that a row needs and that is missing, or null. */
  enter(entered: EnteredCall): string | null {
    const { rows } = this
    this.leaveUnfinished(entered.task)
    this.descriptors?.enter(entered)
    const call = ioCallOf(entered.name)
    if (call === undefined) {
      rows.skip(passedOverCall(entered.name))
      return null
    }
    const missing = call.argumentNames.slice(0, ARGUMENTS_NEEDED).find((name) => !entered.args.has(name))
    if (missing === undefined) this.begin(call, entered)
    return missing ?? null
  }

  /** A call is left: with bytes, or with -errno. */
  exit(task: Task, name: string, result: number): void {
    const { rows } = this
    this.descriptors?.exit(task, name, result)
    // Events were lost in between: it is not the call that the thread was in.
    if (rows.peek(task.tid)?.call !== rows.callName(name)) this.leaveUnfinished(task)
    const row = rows.close(task.tid)
    if (row === undefined) {
      rows.skip(ioCallOf(name) === undefined ? OTHER_EXITS : IO_EXITS)
      return
    }
    const refused = refusedCall(result)
    if (refused !== null) {
      rows.cancel(row)
      rows.skip(refused)
      return
    }
    row.resultBytes = result
    if (row.segmentCount === 0) row.lengthBytes = Math.max(0, result)
    this.put(row, task)
  }

  /** The row of the call that the thread is in. */
  current(tid: number): ImportRow | undefined {
    return this.rows.peek(tid)
  }

  private leaveUnfinished(task: Task): void {
    const before = this.rows.close(task.tid)
    if (before === undefined) return
    this.rows.doubt(EXIT_LOST)
    this.put(before, task)
  }

  private put(row: ImportRow, task: Task): void {
    this.descriptors?.beforePut(row, task)
    this.rows.put(row)
  }

  private begin(call: IoCall, { task, name, args, tsNs }: EnteredCall): void {
    const { rows } = this
    const row = rows.draft()
    row.tsNs = tsNs
    row.call = rows.callName(name)
    row.direction = call.direction
    row.mm = task.pid === NONE ? task.tid : task.pid
    const refused = this.fill(row, call, task, (index) => integerOf(args.get(call.argumentNames[index] ?? '') ?? ''))
    if (refused === null) rows.open(task.tid, row)
    else {
      rows.cancel(row)
      rows.skip(refused)
    }
  }

  /** Memory, place and flags of the row; why it is passed over, or null. */
  private fill(row: ImportRow, call: IoCall, task: Task, argument: (index: number) => number | null): string | null {
    const fd = argument(ARGUMENT_FD)
    const address = argument(ARGUMENT_BUFFER)
    const count = argument(ARGUMENT_COUNT)
    if (fd === null || address === null || count === null) return UNTRACEABLE
    if (!Number.isSafeInteger(address + count)) return UNTRACEABLE
    if (call.isVector) {
      // How many bytes the exit tells.
      row.lengthBytes = 0
      this.rows.assume(VECTORS)
    } else row.addSegment(address, count)
    const position = call.position === NONE ? null : argument(call.position)
    if (position !== null) row.offsetBytes = positionOf(position)
    const rwf = call.flags === NONE ? null : argument(call.flags)
    if (rwf !== null) row.flags |= rowFlagsOfRwf(rwf)
    if (this.descriptors !== null) return this.descriptors.describe(row, task, fd)
    this.rows.assume(NO_KINDS)
    if (task.pid === NONE) this.rows.assume(NO_PROCESS)
    row.file = this.rows.fileName(`fd ${fd} of ${row.mm}`)
    return null
  }
}

/** File, buffer and bytes: what the row of a call cannot do without. */
const ARGUMENTS_NEEDED = 3
