import { FLAG_DIRECT } from '../../../iter/row-flags.ts'
import { MM_MAX, PENDING_MAX, PROCESSES_MAX } from '../../limits.ts'
import { NONE } from '../../op-batch.ts'
import { type ImportRow, LEVEL_ADDRESSES } from '../import-row.ts'
import type { ImportRows } from '../import-rows.ts'
import type { ImportOption } from '../trace-format.ts'
import { decorationOf, hasFlag, numberOf } from './call-arguments.ts'
import { applyFileCall, isFileCall, type ReturnedCall } from './file-calls.ts'
import { Mappings } from './mappings.ts'
import { applyMemoryCall, isMemoryCall, type MappedFile } from './memory-calls.ts'
import { notFileOf, OpenFiles } from './open-files.ts'
import { newProcess, type Process, tellMemory, USER_END } from './process.ts'
import type { Descriptors, EnteredCall, Task } from './system-calls.ts'

/** @kernel include/uapi/linux/sched.h: CLONE_VM, CLONE_FILES, CLONE_THREAD */
const CLONE_VM = 0x100
const CLONE_FILES = 0x400
const CLONE_THREAD = 0x10000

/** Calls that make a task. */
export const CLONES: ReadonlySet<string> = new Set(['clone', 'clone3', 'fork', 'vfork'])
const EXECS = new Set(['execve', 'execveat'])
const EXITS = new Set(['exit', 'exit_group'])

const NO_CLONES =
  'a task whose clone(2) was not recorded is taken as a process of its own, with memory and file descriptors of its own'
const CLONE3 = 'a task that clone3(2) made is taken as a thread of the task that called it: its flags were not recorded'
const UNKNOWN_DIRECT =
  'whether a file was opened with O_DIRECT is not recorded for some operations: they are for whatever consumer is asked for (--input-option direct=yes or direct=no tells)'
const UNSEEN = 'a descriptor that was not seen being opened, and of which nothing is told, is taken as one of a file'
const GIVEN_DIRECT = 'files that were not seen being opened are taken as the input option direct says'
const STANDARD_FILES = 'calls on standard input, output and error, of which nothing is told'

/** Input option of every importer of system calls. */
export const DIRECT_OPTION: ImportOption = {
  name: 'direct',
  summary: 'what I/O is on a file of which the recording does not tell whether it was opened with O_DIRECT',
  words: ['unknown', 'yes', 'no'],
  default: 'unknown',
}

/**
 * Follows the processes of a recording of system calls: which tasks share memory and descriptors, what the descriptors are, and
 * what is mapped. Fills in the cells of rows that follow from it, and puts `map` and `fork` rows before the operation
 * that they matter to.
 */
export class TracedTasks implements Descriptors {
  private readonly rows: ImportRows
  private readonly direct: string
  private readonly processes = new Map<number, Process>()
  /** Process of a task that was seen being made by another. */
  private readonly leaders = new Map<number, number>()
  /** Calls under way that change something, by task. */
  private readonly entered = new Map<number, EnteredCall>()
  /** Of them, those that make a task: the child may be heard of before its parent's call returns. */
  private readonly cloning = new Map<number, EnteredCall>()
  /** Tasks that were taken for children before their parent's call returned. */
  private readonly adoptees = new Map<number, true>()

  /** `direct`: value of {@link DIRECT_OPTION}. */
  constructor(rows: ImportRows, direct: string) {
    this.rows = rows
    this.direct = direct
  }

  /** A call is entered. */
  enter(call: EnteredCall): void {
    const { name, task } = call
    if (EXITS.has(name)) this.exited(task, name === 'exit_group')
    else if (isFollowed(name)) {
      remember(this.entered, task.tid, call)
      if (CLONES.has(name)) remember(this.cloning, task.tid, call)
    }
  }

  /** The call that the task is in has returned. */
  exit(task: Task, name: string, result: number): void {
    const call = this.entered.get(task.tid)
    if (call === undefined || call.name !== name) return
    this.entered.delete(task.tid)
    this.returned(task, { name, args: call.args, result, resultName: null })
  }

  /** The task has made a call. */
  returned(task: Task, call: ReturnedCall): void {
    if (call.result < 0 || !isFollowed(call.name)) return
    if (CLONES.has(call.name)) this.cloned(task, call)
    else if (EXECS.has(call.name)) this.executed(task)
    else if (isMemoryCall(call.name)) this.mapped(this.processOf(task), call)
    else applyFileCall(this.processOf(task).files, call)
  }

  /** Address space of a task. */
  mmOf(task: Task): number {
    return this.processOf(task).mm
  }

  /** Fills in address space, file, flags and consumer. `name`: what the recorder says that `fd` is. Returns why it makes no row, or null. */
  describe(row: ImportRow, task: Task, fd: number, name: string | null = null): string | null {
    const process = this.processOf(task)
    const file = process.files.find(fd)
    const fileName = name ?? file?.name ?? ''
    const notFile = notFileOf(fileName) ?? file?.notFile ?? null
    if (notFile !== null) return notFile
    if (fileName === '' && file === undefined) {
      if (fd <= 2) return STANDARD_FILES
      this.rows.assume(UNSEEN)
    }
    row.mm = process.mm
    row.file = this.rows.fileName(fileName === '' ? `fd ${fd} of ${process.mm}` : fileName)
    this.setConsumer(row, file?.direct ?? null)
    return null
  }

  /** The recorder says what a descriptor is, beside a call that uses it. */
  nameFile(task: Task, fd: number, name: string): void {
    const { files } = this.processOf(task)
    const file = files.find(fd)
    if (file?.name === name) return
    // A known file of no name is this one; one of another name was closed unseen.
    if (file?.name === '') {
      file.name = name
      file.notFile = notFileOf(name)
    } else files.open(fd, { name, direct: null, notFile: notFileOf(name) })
  }

  /** The row is about to be put: tells of the memory that it reaches. */
  beforePut(row: ImportRow, task: Task): void {
    if (row.segmentCount > 0 && row.level === LEVEL_ADDRESSES) tellMemory(this.rows, row, this.processOf(task))
  }

  /** The task is gone; with `all` its whole process. */
  exited(task: Task, all: boolean): void {
    const leader = this.leaders.get(task.tid)
    this.leaders.delete(task.tid)
    this.entered.delete(task.tid)
    this.cloning.delete(task.tid)
    if (leader === undefined || all) this.processes.delete(leader ?? keyOf(task))
  }

  private processOf(task: Task): Process {
    return this.knownProcess(task) ?? this.adopted(task) ?? this.addProcess(keyOf(task), task)
  }

  private knownProcess(task: Task): Process | undefined {
    return this.processes.get(task.pid === NONE ? (this.leaders.get(task.tid) ?? task.tid) : task.pid)
  }

  /** A new task is the child of the clone(2) that has been under way for longest. */
  private adopted(task: Task): Process | undefined {
    const first = this.cloning.values().next().value
    if (first === undefined || first.task.tid === task.tid) return undefined
    this.cloning.delete(first.task.tid)
    this.cloned(first.task, { name: first.name, args: first.args, result: keyOf(task), resultName: null })
    this.adoptees.set(keyOf(task), true)
    forgetOldest(this.adoptees, PENDING_MAX)
    return this.knownProcess(task)
  }

  private addProcess(key: number, task: Task): Process {
    if (task.pid === NONE && this.processes.size > 0) this.rows.assume(NO_CLONES)
    const process = newProcess(key, new OpenFiles(), new Mappings(), NONE)
    this.processes.set(key, process)
    forgetOldest(this.processes, PROCESSES_MAX)
    return process
  }

  private setConsumer(row: ImportRow, direct: boolean | null): void {
    let isDirect = direct
    if (isDirect === null && this.direct !== 'unknown') {
      this.rows.assume(GIVEN_DIRECT)
      isDirect = this.direct === 'yes'
    }
    if (isDirect === null) {
      this.rows.takesRefusedAsBuffered = true
      this.rows.assume(UNKNOWN_DIRECT)
    } else {
      if (isDirect) row.flags |= FLAG_DIRECT
      row.consumer = this.rows.consumerName(isDirect ? 'bio' : 'buffered')
    }
  }

  private cloned(task: Task, call: ReturnedCall): void {
    const child = call.result
    // In the child the call returns 0: the parent tells of it.
    if (child <= 0 || child > MM_MAX) return
    this.cloning.delete(task.tid)
    if (this.adoptees.delete(child)) return
    const parent = this.processOf(task)
    const flags = cloneFlags(call)
    if (flags === undefined) this.rows.assume(CLONE3)
    if (flags === undefined || hasFlag(flags, 'CLONE_', 'THREAD', CLONE_THREAD) === true) {
      this.leaders.set(child, this.leaders.get(task.tid) ?? keyOf(task))
      forgetOldest(this.leaders, PENDING_MAX)
      if (task.pid === NONE) this.processes.delete(child)
      return
    }
    const files = hasFlag(flags, 'CLONE_', 'FILES', CLONE_FILES) === true ? parent.files : parent.files.copy()
    const sharesMemory = call.name === 'vfork' || hasFlag(flags, 'CLONE_', 'VM', CLONE_VM) === true
    const made = sharesMemory
      ? newProcess(parent.mm, files, parent.mappings, NONE)
      : newProcess(child, files, parent.mappings.copy(), parent.hasAddresses ? parent.mm : NONE)
    this.leaders.delete(child)
    this.processes.set(child, made)
    forgetOldest(this.processes, PROCESSES_MAX)
  }

  private executed(task: Task): void {
    const process = this.processOf(task)
    const key = keyOf(task)
    process.files = process.files.copy()
    process.files.exec()
    process.mappings = new Mappings()
    process.copyOf = NONE
    process.stale = process.hasAddresses ? [{ start: 0, end: USER_END }] : []
    process.hasAddresses = false
    // A child that had its parent's memory since vfork(2) has its own now.
    if (process.mm !== key && this.leaders.get(task.tid) === undefined) {
      process.mm = key
      process.stale = []
    }
  }

  private mapped(process: Process, call: ReturnedCall): void {
    const context = {
      mappings: process.mappings,
      fileOf: (fd: string | undefined): MappedFile => mappedFile(process, fd),
      nameId: (name: string) => this.rows.fileName(name),
    }
    process.stale.push(...applyMemoryCall(context, call))
  }
}

/** The call changes what files are open, what is mapped, or which tasks there are. */
export function isFollowed(name: string): boolean {
  return isFileCall(name) || isMemoryCall(name) || CLONES.has(name) || EXECS.has(name)
}

function keyOf(task: Task): number {
  return task.pid === NONE ? task.tid : task.pid
}

/** Flags of clone(2) and its kin; undefined where a pointer to them was recorded. */
function cloneFlags({ name, args }: ReturnedCall): string | undefined {
  if (name === 'fork' || name === 'vfork') return '0'
  if (name === 'clone') return args.get('clone_flags') ?? args.get('flags')
  const uargs = args.get('uargs')
  return uargs?.startsWith('{flags=') === true ? uargs.slice('{flags='.length).split(',', 1)[0] : undefined
}

function mappedFile(process: Process, text: string | undefined): MappedFile {
  const fd = numberOf(text)
  const file = fd === null ? undefined : process.files.find(fd)
  const name = decorationOf(text) ?? file?.name ?? ''
  return { name, notFile: notFileOf(name) ?? file?.notFile ?? null }
}

function remember(calls: Map<number, EnteredCall>, tid: number, call: EnteredCall): void {
  calls.delete(tid)
  calls.set(tid, call)
  forgetOldest(calls, PENDING_MAX)
}

function forgetOldest(map: Map<number, unknown>, most: number): void {
  if (map.size > most) map.delete(map.keys().next().value ?? NONE)
}
