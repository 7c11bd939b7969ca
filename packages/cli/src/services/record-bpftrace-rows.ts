import type { BpftraceEvent } from './record-bpftrace-events.ts'
import { BpftraceFiles } from './record-bpftrace-files.ts'
import { type BpftraceRow, NONE, openFlags, rowLine } from './record-bpftrace-row.ts'

/** @kernel include/linux/io_uring_types.h: REQ_F_FIXED_FILE */
const REQ_F_FIXED_FILE = 1
/** @kernel include/uapi/linux/aio_abi.h: IOCB_CMD_* */
const AIO_NAMES = ['PREAD', 'PWRITE', 'FSYNC', 'FDSYNC', 'OP4', 'POLL', 'NOOP', 'PREADV', 'PWRITEV']
/** What record.bt tells of. @kernel include/uapi/linux/io_uring.h: enum io_uring_op */
const URING_NAMES: ReadonlyMap<string, string> = new Map([
  ['1', 'READV'],
  ['2', 'WRITEV'],
  ['4', 'READ_FIXED'],
  ['5', 'WRITE_FIXED'],
  ['22', 'READ'],
  ['23', 'WRITE'],
])
const ENTER = 'tracepoint:syscalls:sys_enter_'
/** Operations of one io_submit(2) that record.bt reads. */
const IOCBS_MAX = 128
/** Rows that wait behind one that has not returned; the oldest is told as it is then. */
const WAITING_MAX = 1 << 20

/** Makes the rows of a recording, version 2, out of what record.bt printed, in order of time. */
export class BpftraceRows {
  readonly files = new BpftraceFiles()
  /** What is not in the recording, in words. */
  readonly notes = new Set<string>()
  count = 0
  private readonly write: (line: string) => void
  private readonly waiting: BpftraceRow[] = []
  private firstWaiting = 0
  /** What a thread said last: segments belong to it. */
  private readonly last = new Map<number, BpftraceRow>()
  /** The call that a thread is in, and what it submits. */
  private readonly calls = new Map<number, BpftraceRow>()
  private readonly submissions = new Map<number, BpftraceRow[]>()
  private readonly byIocb = new Map<string, BpftraceRow[]>()
  private readonly byRequest = new Map<string, BpftraceRow>()
  private readonly rings = new Map<string, number>()
  /** Who made a task that has not been heard of. */
  private readonly parents = new Map<number, { tid: number; pid: number }>()
  private firstNs: number | null = null
  private nowNs = 0
  private operations = 0

  constructor(write: (line: string) => void) {
    this.write = write
  }

  take(event: BpftraceEvent): void {
    if (event.kind !== 'N') {
      this.firstNs ??= event.ns
      this.nowNs = Math.max(this.nowNs, event.ns - this.firstNs) // one that came too late is told as of now
    }
    this.handle(event)
    this.flush()
  }

  /** No more events will come. */
  end(): void {
    for (const row of this.waiting) row.isOpen = false
    this.flush()
    const { cutNames } = this.files
    if (cutNames > 0) this.notes.add(`${cutNames} names of files are longer than bpftrace tells (64 bytes), and cut`)
  }

  private handle({ kind, tid, cells }: BpftraceEvent): void {
    if (kind === 'E') this.enter(tid, cells)
    else if (kind === 'X') this.exit(tid, cells[0] ?? '')
    else if (kind === 'S') this.last.get(tid)?.segments.push(`${cells[1]}:${cells[2]}`)
    else if (kind === 'V') this.submissions.get(tid)?.[0]?.segments.push(`${cells[1]}:${cells[2]}`)
    else if (kind === 'O') this.position(tid, cells[0] ?? '')
    else if (kind === 'W') this.calls.get(tid)?.arg.push(`rwf=${cells[0]}`)
    else if (kind === 'U') this.request(tid, cells)
    else if (kind === 'C') this.completion(cells)
    else if (kind === 'R') this.register(tid, cells)
    else this.handleRest(kind, tid, cells)
  }

  private handleRest(kind: string, tid: number, cells: readonly string[]): void {
    const pid = Number(cells[0])
    if (kind === 'N') this.addFile(cells)
    else if (kind === 'I') this.submit(tid, cells)
    else if (kind === 'A') this.aioOperation(tid, cells)
    else if (kind === 'D') this.aioEvent(cells)
    else if (kind === 'F') this.parents.set(Number(cells[1]), { tid, pid })
    else if (kind === 'P') this.instant(tid, pid, 'exec', `gone=${pid}`)
    else if (kind === 'Q') this.taskEnd(tid, pid)
  }

  private enter(tid: number, cells: readonly string[]): void {
    const [pid, probe = '', fd, device = '', inode = '', flags = '', position, count, address, length] = cells
    const row = this.begin(tid, Number(pid), probe.slice(ENTER.length), Number(fd))
    this.setFile(row, device, inode, flags)
    row.offset = Number(position)
    row.segmentsCount = Number(count)
    if (row.op.endsWith('v') || row.op.endsWith('v2')) this.last.set(tid, row)
    else row.segments.push(`${address}:${length}`)
    this.calls.set(tid, row)
  }

  /** -1 is that of the file, which the row has already. */
  private position(tid: number, text: string): void {
    const row = this.calls.get(tid)
    if (row !== undefined && text !== '-1') row.offset = Number(text)
  }

  private exit(tid: number, result: string): void {
    const row = this.calls.get(tid)
    if (row === undefined) return
    this.calls.delete(tid)
    this.close(row, result)
    const operations = this.submissions.get(tid)
    if (operations === undefined) return
    this.submissions.delete(tid)
    for (const refused of operations.slice(Math.max(0, Number(result)))) {
      refused.isOpen = false
      refused.isDropped = true
    }
  }

  private submit(tid: number, [pid, context, count]: readonly string[]): void {
    const row = this.begin(tid, Number(pid), 'io_submit', NONE)
    row.arg.push(`ctx=${context}`, `nr=${count}`)
    if (Number(count) > IOCBS_MAX) {
      this.notes.add(`io_submit(2) of more than ${IOCBS_MAX} operations: those behind are missing`)
    }
    this.calls.set(tid, row)
    this.submissions.set(tid, [])
  }

  private aioOperation(tid: number, cells: readonly string[]): void {
    const [iocb = '', opcode, fd, device = '', inode = '', flags = '', address, length, position] = cells
    const operations = this.submissions.get(tid)
    const name = AIO_NAMES[Number(opcode)] ?? 'OP'
    if (operations === undefined) return
    const row = this.begin(tid, this.calls.get(tid)?.pid ?? tid, `aio:${name}`, Number(fd))
    this.setFile(row, device, inode, flags)
    row.offset = Number(position)
    row.arg.push(`iocb=${iocb}`, `seq=${++this.operations}`)
    const isVector = name.endsWith('V')
    row.segmentsCount = isVector ? Number(length) : 1
    if (!isVector) row.segments.push(`${address}:${length}`)
    if (isVector && operations.length > 0) {
      row.arg.push('fault=1')
      this.notes.add('vectors of libaio operations behind the first of an io_submit(2) are not read')
    }
    operations.push(row)
    this.byIocb.set(iocb, [...(this.byIocb.get(iocb) ?? []).filter(({ isOpen }) => isOpen), row])
  }

  private aioEvent([iocb = '', result = '']: readonly string[]): void {
    const [row, ...rest] = this.byIocb.get(iocb) ?? []
    if (row === undefined) return
    this.byIocb.set(iocb, rest)
    this.close(row, result)
  }

  private request(tid: number, cells: readonly string[]): void {
    const [pid, request = '', ring = '', opcode = '', fd, flags = '', data, position, address, length, buffer, rw] =
      cells
    const name = URING_NAMES.get(opcode) ?? `OP${opcode}`
    const row = this.begin(tid, Number(pid), `uring:${name}`, Number(fd))
    row.offset = Number(position)
    row.arg.push(`ring=${this.ringOf(ring)}`, `ud=${data}`, 'flags=0', `rw=${rw}`, `seq=${++this.operations}`)
    if (name.endsWith('_FIXED')) row.arg.push(`buf=${buffer}`)
    if (Number.parseInt(flags.slice(-4), 16) & REQ_F_FIXED_FILE) row.arg.push(`fixedfile=${fd}`)
    const isVector = name.endsWith('V')
    row.segmentsCount = isVector ? Number(length) : 1
    if (isVector) this.last.set(tid, row)
    else row.segments.push(`${address}:${length}`)
    this.byRequest.set(request, row)
  }

  /** Only now the kernel knows which file a fixed one is. */
  private completion([request = '', device = '', inode = '', flags = '', result = '', cqe]: readonly string[]): void {
    const row = this.byRequest.get(request)
    if (row === undefined) return
    this.byRequest.delete(request)
    this.setFile(row, device, inode, flags)
    row.arg.push(`cqe=${cqe}`)
    this.close(row, result)
  }

  private register(tid: number, [pid, fd, ring = '', opcode, count]: readonly string[]): void {
    const row = this.begin(tid, Number(pid), 'io_uring_register', Number(fd))
    row.arg.push(`ring=${this.ringOf(ring)}`, `op=${opcode}`, `n=${count}`)
    row.segmentsCount = opcode === '0' ? Number(count) : 0
    this.last.set(tid, row)
    this.calls.set(tid, row)
  }

  private taskEnd(tid: number, pid: number): void {
    if (tid === pid) {
      this.endAsync(pid)
      this.instant(tid, pid, 'exit', `last=1 gone=${pid}`)
    }
    for (const map of [this.last, this.calls, this.submissions, this.parents]) map.delete(tid)
  }

  /** The kernel waits for what a process that ends has on its way; how it went is not told. */
  private endAsync(pid: number): void {
    for (const row of this.waiting.slice(this.firstWaiting)) {
      if (!row.isOpen || row.pid !== pid || !/^(aio|uring):/.test(row.op)) continue
      row.arg.push('atexit=1')
      this.close(row, '')
    }
  }

  private addFile(cells: readonly string[]): void {
    const file = this.files.add(cells)
    const row = this.push(0, 0, 'file', NONE)
    row.file = file
    row.isOpen = false
    row.arg.push(file.arg)
  }

  private setFile(row: BpftraceRow, device: string, inode: string, flags: string): void {
    row.file = this.files.get(device, inode) ?? null
    row.oflags = openFlags(flags)
    if (row.file === null) return
    row.file.operations++
    if (row.oflags.includes('D')) row.file.directOperations++
  }

  private ringOf(address: string): number {
    const ring = this.rings.get(address) ?? this.rings.size + 1
    this.rings.set(address, ring)
    return ring
  }

  /** A row of a task. The first one of a process that another one made has a `fork` row before it. */
  private begin(tid: number, pid: number, op: string, fd: number): BpftraceRow {
    const parent = this.parents.get(tid)
    this.parents.delete(tid)
    if (parent !== undefined && tid === pid) {
      const fork = this.push(parent.tid, parent.pid, 'fork', NONE)
      fork.arg.push(`child=${pid}`, `mm=${pid}`, 'thread=0', 'copy=1')
      this.close(fork, String(tid))
    }
    return this.push(tid, pid, op, fd)
  }

  private instant(tid: number, pid: number, op: string, arg: string): void {
    const row = this.begin(tid, pid, op, NONE)
    row.arg.push(arg)
    this.close(row, '')
  }

  private push(tid: number, pid: number, op: string, fd: number): BpftraceRow {
    const row: BpftraceRow = {
      ...{ ns: this.nowNs, tid, pid, op, fd, file: null, oflags: '', offset: NONE, segments: [], segmentsCount: 0 },
      ...{ arg: [], isOpen: true, isDropped: false, durationNs: null, result: '' },
    }
    this.waiting.push(row)
    return row
  }

  private close(row: BpftraceRow, result: string): void {
    row.durationNs = this.nowNs - row.ns
    row.result = result
    row.isOpen = false
  }

  /** Rows stand in the order in which they began: one waits for those before it, unless they are too many. */
  private flush(): void {
    const { waiting } = this
    while (this.firstWaiting < waiting.length) {
      const row = waiting[this.firstWaiting]!
      if (row.isOpen && waiting.length - this.firstWaiting < WAITING_MAX) break
      if (row.isOpen) this.notes.add('a call or operation lasted so long that its end is not in the recording')
      if (!row.isDropped) {
        this.write(rowLine(row))
        this.count++
      }
      this.firstWaiting++
    }
    if (this.firstWaiting < 4096 && this.firstWaiting < waiting.length) return
    waiting.splice(0, this.firstWaiting)
    this.firstWaiting = 0
  }
}
