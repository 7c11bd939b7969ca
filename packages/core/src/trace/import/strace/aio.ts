import { ITER_DEST, ITER_SOURCE } from '../../../iter/iter-type.ts'
import { PENDING_MAX } from '../../limits.ts'
import { decorationOf, hasFlag, numberOf } from '../calls/call-arguments.ts'
import { positionOf, RWF_NOWAIT, rowFlagsOfRwf } from '../calls/io-calls.ts'
import type { Task } from '../calls/system-calls.ts'
import type { TracedTasks } from '../calls/tasks.ts'
import type { ImportRow } from '../import-row.ts'
import type { ImportRows } from '../import-rows.ts'
import { unescaped } from '../text/quoted.ts'
import { fault, readBuffer, readVector, type Told } from './buffer.ts'
import type { CallFault, StraceCall } from './call-line.ts'
import { IMPOSSIBLE } from './io-rows.ts'
import { innerPieces, type Piece } from './split-arguments.ts'

/** What a request of io_submit(2) does, by what strace calls it or its number. @kernel include/uapi/linux/aio_abi.h: IOCB_CMD_PREAD */
const OPERATIONS: Readonly<Record<string, { name: string; direction: 0 | 1; isVector: boolean }>> = {
  IOCB_CMD_PREAD: { name: 'aio:PREAD', direction: ITER_DEST, isVector: false },
  IOCB_CMD_PWRITE: { name: 'aio:PWRITE', direction: ITER_SOURCE, isVector: false },
  IOCB_CMD_PREADV: { name: 'aio:PREADV', direction: ITER_DEST, isVector: true },
  IOCB_CMD_PWRITEV: { name: 'aio:PWRITEV', direction: ITER_SOURCE, isVector: true },
}
const NUMBERS: Readonly<Record<number, string>> = {
  0: 'IOCB_CMD_PREAD',
  1: 'IOCB_CMD_PWRITE',
  7: 'IOCB_CMD_PREADV',
  8: 'IOCB_CMD_PWRITEV',
}

const RAW = 'calls of io_submit whose requests strace did not print'
const RAW_DOUBT =
  'the requests of io_submit(2) were not printed: leave io_submit out of -e raw, and record with -v, since -s limits arrays too'
const NOT_TAKEN = 'requests of io_submit that the kernel did not take'
const NOT_IO = 'requests of io_submit that move no data'
const REAPED = 'an operation of io_submit(2) ends when io_getevents(2) told of it: the device was done earlier'
const SAME_DATA =
  'completions of io_getevents(2) are matched with requests by aio_data; of equal ones the oldest comes first'
const UNKNOWN_EVENT = 'completions of requests whose submission makes no row'

/** Requests of one context with equal aio_data: numbers of the first under way, and of the next to come. */
interface Queue {
  first: number
  next: number
}

/** Operations of io_submit(2), which end in io_getevents(2). */
export class StraceAio {
  private readonly rows: ImportRows
  private readonly tasks: TracedTasks
  private readonly queues = new Map<string, Queue>()

  constructor(rows: ImportRows, tasks: TracedTasks) {
    this.rows = rows
    this.tasks = tasks
  }

  /** io_submit(ctx, nr, [iocb, …]) */
  submitted(line: string, task: Task, tsNs: number, { args, result }: StraceCall): CallFault | null {
    const requests = args[2] === undefined ? null : innerPieces(line, args[2], '[')
    if (requests === null) {
      this.rows.skip(RAW)
      if (result.value !== 0) this.rows.doubt(RAW_DOUBT)
      return null
    }
    let taken = 0
    for (const request of requests) {
      if (request.text.startsWith('...')) this.rows.doubt(RAW_DOUBT)
      else if (taken++ >= result.value) this.rows.skip(NOT_TAKEN)
      else {
        const wrong = this.submitOne(line, task, tsNs, args[0]!.text, request)
        if (wrong !== null) return wrong
      }
    }
    return null
  }

  /** io_getevents(ctx, min, nr, [{data=…, obj=…, res=…}, …], timeout), which returned at `endNs`. */
  reaped(line: string, task: Task, endNs: number, { args }: StraceCall): CallFault | null {
    const events = args[3] === undefined ? null : innerPieces(line, args[3], '[')
    for (const event of events ?? []) {
      const fields = innerPieces(line, event, '{')
      const data = fields?.find(({ name }) => name === 'data')
      const res = fields?.find(({ name }) => name === 'res')
      if (data === undefined || res === undefined) continue
      const result = numberOf(res.text)
      if (result === null) return fault(res, 'res', 'bytes, or -errno')
      this.complete(this.queueKey(task, args[0]!.text, data.text), endNs, result)
    }
    return null
  }

  private submitOne(line: string, task: Task, tsNs: number, context: string, request: Piece): CallFault | null {
    const { rows } = this
    const row = rows.draft()
    row.tsNs = tsNs
    const refused = this.fill(row, line, task, request)
    if (refused !== null) rows.cancel(row)
    if (typeof refused === 'string') {
      rows.skip(refused)
      return null
    }
    if (refused !== null) return refused
    const data = innerPieces(line, request, '{')?.find(({ name }) => name === 'aio_data')?.text ?? '0'
    this.open(this.queueKey(task, context, data), row, task)
    rows.assume(REAPED)
    return null
  }

  private open(key: string, row: ImportRow, task: Task): void {
    const queue = this.queues.get(key) ?? { first: 0, next: 0 }
    this.queues.delete(key)
    this.queues.set(key, queue)
    if (this.queues.size > PENDING_MAX) this.queues.delete(this.queues.keys().next().value ?? '')
    this.tasks.beforePut(row, task)
    this.rows.open(`${key} ${queue.next++}`, row)
  }

  private complete(key: string, endNs: number, result: number): void {
    const { rows } = this
    const queue = this.queues.get(key)
    const row = queue === undefined || queue.first === queue.next ? undefined : rows.close(`${key} ${queue.first++}`)
    if (queue === undefined || row === undefined) {
      rows.skip(UNKNOWN_EVENT)
      return
    }
    if (queue.next > queue.first) rows.assume(SAME_DATA)
    if (queue.next === queue.first) this.queues.delete(key)
    row.resultBytes = result
    row.endAt(endNs)
    rows.put(row)
  }

  private queueKey(task: Task, context: string, data: string): string {
    return `aio ${this.tasks.mmOf(task)} ${context} ${data}`
  }

  /** Cells of one request; why it makes no row, or what is wrong with it. */
  private fill(row: ImportRow, line: string, task: Task, request: Piece): string | CallFault | null {
    const fields = new Map((innerPieces(line, request, '{') ?? []).map((field) => [field.name, field]))
    const code = fields.get('aio_lio_opcode')
    const operation = OPERATIONS[NUMBERS[numberOf(code?.text) ?? -1] ?? code?.text ?? '']
    if (operation === undefined) return NOT_IO
    const file = fields.get('aio_fildes')
    const fd = numberOf(file?.text)
    if (file === undefined || fd === null) return fault(file ?? request, 'aio_fildes', 'a file descriptor')
    row.call = this.rows.callName(operation.name)
    row.direction = operation.direction
    row.offsetBytes = positionOf(numberOf(fields.get('aio_offset')?.text) ?? Number.NaN)
    if (hasFlag(fields.get('aio_rw_flags')?.text, 'RWF_', 'NOWAIT', RWF_NOWAIT) === true)
      row.flags |= rowFlagsOfRwf(RWF_NOWAIT)
    const told = readMemory(row, line, fields, operation.isVector, request)
    if (typeof told === 'object') return told
    if (told !== 'told') return told === 'cut' ? RAW : IMPOSSIBLE
    const name = decorationOf(file.text)
    return this.tasks.describe(row, task, fd, name === null ? null : unescaped(name))
  }
}

/** Memory of a request: for reads strace prints addresses, for writes contents. */
function readMemory(
  row: ImportRow,
  line: string,
  fields: ReadonlyMap<string, Piece>,
  isVector: boolean,
  request: Piece,
): Told | CallFault {
  const memory = fields.get('aio_buf')
  if (memory === undefined) return fault(request, 'the request', 'aio_buf=…')
  if (isVector) return readVector(row, line, memory, null)
  const count = numberOf(fields.get('aio_nbytes')?.text)
  return count === null
    ? fault(fields.get('aio_nbytes') ?? request, 'aio_nbytes', 'bytes')
    : readBuffer(row, memory, count)
}
