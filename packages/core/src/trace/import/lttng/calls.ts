import { PENDING_MAX } from '../../limits.ts'
import { NONE } from '../../op-batch.ts'
import { numberOf } from '../calls/call-arguments.ts'
import { ioCallOf, passedOverCall } from '../calls/io-calls.ts'
import { SystemCalls, type Task } from '../calls/system-calls.ts'
import { TracedTasks } from '../calls/tasks.ts'
import type { ImportRow } from '../import-row.ts'
import type { ImportRows } from '../import-rows.ts'
import { elementsOf } from './event-line.ts'

type Fields = ReadonlyMap<string, string>

/** A read whose buffer its exit will tell. */
interface Entered {
  readonly fields: Fields
  readonly tsNs: number
  readonly line: number
}

/**
 * System calls that lttng-modules 2.13 has no name for, by their numbers: those of x86-64, and of what has the common table. Where one
 * number stands in both, the other table has it named.
 * @kernel arch/x86/entry/syscalls/syscall_64.tbl; include/uapi/asm-generic/unistd.h
 */
const UNNAMED: Readonly<Record<string, string>> = {
  286: 'preadv2',
  287: 'pwritev2',
  319: 'memfd_create',
  327: 'preadv2',
  328: 'pwritev2',
  425: 'io_uring_setup',
  426: 'io_uring_enter',
  435: 'clone3',
  436: 'close_range',
  437: 'openat2',
}
const ORDER: Readonly<Record<string, string>> = {
  preadv2: 'fd vec vlen pos_l pos_h flags',
  pwritev2: 'fd vec vlen pos_l pos_h flags',
  clone3: 'uargs size',
  close_range: 'fd max_fd flags',
  openat2: 'dfd filename how usize',
  memfd_create: 'uname flags',
}

const EXITS = 'exits of calls that make no row, or whose entry is missing'
const URING_DOUBT =
  'a program uses io_uring, whose operations are no system calls: record it with pinscope trace record, or bpftrace'

/**
 * System calls of LTTng. What the kernel writes is told when a call returns: the buffer of a read stands in its exit, that of a write
 * in its entry. lttng-modules: instrumentation/syscalls/headers: sc_in, sc_out.
 */
export class LttngCalls {
  private readonly rows: ImportRows
  private readonly tasks: TracedTasks
  private readonly calls: SystemCalls
  /** Calls whose exit tells more, by task. */
  private readonly waiting = new Map<number, Entered>()

  constructor(rows: ImportRows, direct: string) {
    this.rows = rows
    this.tasks = new TracedTasks(rows, direct)
    this.calls = new SystemCalls(rows, this.tasks)
  }

  /** A call is entered. Returns the name of a field that is missing, or null. */
  entered(task: Task, event: string, told: Fields, tsNs: number): string | null {
    const name = nameOf(event, told)
    const args = argumentsOf(name, event, told)
    const call = ioCallOf(name)
    if (call === undefined) {
      this.tasks.enter({ task, name, args, tsNs })
      this.wait(task, args, tsNs)
      this.rows.skip(passedOverCall(name))
      if (name === 'io_uring_enter') this.rows.doubt(URING_DOUBT)
      return null
    }
    if (args.has('buf') || args.has('vec')) return this.calls.enter({ task, name, args, tsNs })
    const fd = numberOf(args.get('fd'))
    if (fd === null) return 'fd'
    this.hold(task, fd, args, tsNs)
    return null
  }

  /** A call is left. Returns the name of a field that is missing, or null. */
  exited(task: Task, event: string, told: Fields): string | null {
    const name = nameOf(event, told)
    const result = numberOf(told.get('ret'))
    if (result === null) return 'ret'
    const entered = this.waiting.get(task.tid)
    this.waiting.delete(task.tid)
    if (ioCallOf(name) === undefined) {
      const args = entered === undefined ? new Map() : merged(entered.fields, argumentsOf(name, event, told))
      this.tasks.returned(task, { name, args, result, resultName: null })
      return null
    }
    const held = this.rows.close(keyOf(task))
    if (held !== undefined) return this.makeHeld(task, name, argumentsOf(name, event, told), result, held, entered)
    if (this.calls.current(task.tid) === undefined) this.rows.skip(EXITS)
    else this.calls.exit(task, name, result)
    return null
  }

  private makeHeld(
    task: Task,
    name: string,
    told: Fields,
    result: number,
    held: ImportRow,
    entered: Entered | undefined,
  ): string | null {
    this.rows.cancel(held)
    if (entered === undefined) return null
    const { line } = this.rows
    this.rows.line = entered.line
    const missing = this.calls.enter({ task, name, args: merged(entered.fields, told), tsNs: entered.tsNs })
    this.rows.line = line
    if (missing === null && this.calls.current(task.tid) !== undefined) this.calls.exit(task, name, result)
    return missing
  }

  /** Holds rows back for a read whose buffer is not told yet, where it is one of a file. */
  private hold(task: Task, fd: number, args: Fields, tsNs: number): void {
    const row = this.rows.draft()
    const refused = this.tasks.describe(row, task, fd)
    if (refused !== null) {
      this.rows.cancel(row)
      this.rows.skip(refused)
      return
    }
    row.tsNs = tsNs
    row.isHalf = true
    this.rows.open(keyOf(task), row)
    this.wait(task, args, tsNs)
  }

  private wait(task: Task, fields: Fields, tsNs: number): void {
    this.waiting.delete(task.tid)
    this.waiting.set(task.tid, { fields, tsNs, line: this.rows.line })
    if (this.waiting.size > PENDING_MAX) this.waiting.delete(this.waiting.keys().next().value ?? NONE)
  }
}

function keyOf(task: Task): string {
  return `half ${task.tid}`
}

function nameOf(event: string, told: Fields): string {
  return event === 'unknown' ? (UNNAMED[told.get('id') ?? ''] ?? 'unknown') : event
}

/** The arguments by the kernel's names; of an unnamed call its words in their order. Arrays of descriptors as strace has them. */
function argumentsOf(name: string, event: string, told: Fields): Fields {
  const pair = told.get('fildes') ?? told.get('usockvec') ?? told.get('socketvec')
  if (event !== 'unknown') {
    return pair?.startsWith('[') === true
      ? new Map([...told, [name === 'socketpair' ? 'usockvec' : 'fildes', `[${elementsOf(pair).join(', ')}]`]])
      : told
  }
  const names = ORDER[name]?.split(' ') ?? []
  const words = elementsOf(told.get('args') ?? '')
  return new Map(names.map((one, index) => [one, words[index] ?? '0']))
}

function merged(entry: Fields, exit: Fields): Fields {
  return new Map([...entry, ...exit])
}
