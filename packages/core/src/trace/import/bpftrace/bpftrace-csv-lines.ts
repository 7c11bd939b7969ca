import { ITER_DEST, ITER_SOURCE } from '../../../iter/iter-type.ts'
import { FLAG_DIRECT } from '../../../iter/row-flags.ts'
import { ERRNO_MAX } from '../../limits.ts'
import { NONE } from '../../op-batch.ts'
import { ioCallOf, O_DIRECT, passedOverCall, rowFlagsOfRwf } from '../calls/io-calls.ts'
import type { ImportRow } from '../import-row.ts'
import type { ImportRows } from '../import-rows.ts'
import { cellColumn, cellsOfLine } from '../text/csv-line.ts'
import { countOf, ticksOf } from '../text/text.ts'
import type { BpftraceOperations } from './bpftrace-operations.ts'

/** Where a record begins in a line: behind what the traced program printed, as the case may be. */
const RECORD =
  /[EX],\d{1,20},\d{1,10},tracepoint:|P,\d{1,20},\d{1,10},pos,|U,\d{1,20},\d{1,10},op\d|C,\d{1,20},\d{1,10},ud=|kind,ns,tid/
const RECORD_START = /^[EXPUC],/
const HEADER_START = 'kind,ns,tid'

const ENTER_PREFIX = 'tracepoint:syscalls:sys_enter_'
const EXIT_PREFIX = 'tracepoint:syscalls:sys_exit_'
/** @kernel include/uapi/asm-generic/fcntl.h: O_APPEND */
const O_APPEND = 0o2000

const READV = 1
const WRITEV = 2
const READ_FIXED = 4
const WRITE_FIXED = 5
const READ = 22
const WRITE = 23
/** Requests that make a row. @kernel include/uapi/linux/io_uring.h: enum io_uring_op */
const REQUEST_NAMES: ReadonlyMap<number, string> = new Map([
  [READV, 'readv'],
  [WRITEV, 'writev'],
  [READ, 'read'],
  [WRITE, 'write'],
])
const FIXED = 'io_uring requests on registered buffers: their registration is not recorded'
/** @kernel io_uring/io_uring.c: REQ_F_BUFFER_SELECT; include/uapi/linux/io_uring.h: IOSQE_BUFFER_SELECT */
const BUFFER_SELECT = 1 << 5

const UNKNOWN_DIRECT =
  'whether files of io_uring requests were opened with O_DIRECT is not recorded: --consumer decides, or --input-option direct=yes or no'
const TORN = 'Do two CPUs, or the traced program, print at the same time? bpftrace -o FILE keeps the program out of it.'

/** What the cells of a line are called in messages. */
const CELLS = ['kind', 'ns', 'tid', 'op', 'fd', 'dev', 'ino', 'oflags', 'pos', 'isize', 'nseg', 'segs_or_ret']
const CELLS_OF_KIND: Readonly<Record<string, number>> = { E: 12, X: 12, P: 12, U: 12, C: 5 }

/** A record looks like one of these lines. */
export function isBpftraceCsvLine(line: string): boolean {
  return RECORD.test(line)
}

/** Lines that recorders/iorec.bt and uring.bt print: entry, position and return of system calls, submission and completion of io_uring. */
export class BpftraceCsvLines {
  private readonly rows: ImportRows
  private readonly operations: BpftraceOperations
  /** `--input-option direct`. */
  private readonly direct: string
  private cells: string[] = []
  /** Column of the record in its line; 0: columns are not told. */
  private column = 1

  constructor(rows: ImportRows, operations: BpftraceOperations, direct: string) {
    this.rows = rows
    this.operations = operations
    this.direct = direct
  }

  /** Reads a line; false where it is none of a recorder's. `column`: that of its first byte; 0: not told. */
  take(line: string, column: number): boolean {
    const at = RECORD_START.test(line) ? 0 : line.search(RECORD)
    if (at < 0) return false
    if (at > 0) {
      this.rows.doubt('output of the traced program stands among the lines: bpftrace -o FILE keeps it out')
    }
    if (line.startsWith(HEADER_START, at)) return true
    this.column = column === 0 ? 0 : column + at
    this.cells = cellsOfLine(line.slice(at))
    this.record()
    return true
  }

  private record(): void {
    const { cells } = this
    const expected = CELLS_OF_KIND[cells[0]!]!
    if (cells.length !== expected) {
      throw this.rows.fail(this.column, `the ${cells[0]} line has ${cells.length} cells, expected ${expected}`, TORN)
    }
    if (cells[0] === 'E') this.enter()
    else if (cells[0] === 'P') this.operations.position(this.tid(), this.time(), Math.max(NONE, this.integer(8)))
    else if (cells[0] === 'X') this.exit()
    else if (cells[0] === 'U') this.submit()
    else this.operations.complete(`ud ${this.field(3, 'ud')}`, this.time(), this.result(4, this.field(4, 'res')))
  }

  private enter(): void {
    const { rows } = this
    const tsNs = this.time()
    const name = this.callName(ENTER_PREFIX)
    const call = ioCallOf(name)
    if (call === undefined) {
      rows.skip(passedOverCall(name))
      return
    }
    const flags = this.hexadecimal(7, this.cells[7]!)
    const row = rows.draft()
    row.tsNs = tsNs
    row.direction = call.direction
    row.call = rows.callName(name)
    row.file = rows.fileName(fileOf(this.hexadecimal(5, this.cells[5]!), this.count(6)))
    const isDirect = (flags & O_DIRECT) !== 0
    if (isDirect) row.flags = FLAG_DIRECT
    row.consumer = rows.consumerName(isDirect ? 'bio' : 'buffered')
    const isAppend = call.direction === ITER_SOURCE && (flags & O_APPEND) !== 0
    const position = this.integer(isAppend ? 9 : 8)
    const isOwnLine = name.startsWith('pread64') || name.startsWith('pwrite64')
    // The line has the file's own position, which these two calls do not use: another line follows.
    row.offsetBytes = isOwnLine && !isAppend ? NONE : Math.max(NONE, position)
    if (!this.addSegments(row)) {
      rows.cancel(row)
      this.operations.drop(this.tid(), tsNs, 0)
      return
    }
    if (row.segmentCount === 0) row.lengthBytes = 0
    this.operations.begin(this.tid(), row, this.count(10), true)
  }

  /** False where one of them is none that a trace can have. */
  private addSegments(row: ImportRow): boolean {
    const text = this.cells[11]!
    if (text === '') return true
    let isWhole = true
    const parts = text.endsWith(';') ? text.slice(0, -1).split(';') : text.split(';')
    for (const part of parts) {
      const colon = part.indexOf(':')
      const address = this.hexadecimal(11, part.slice(0, colon))
      const length = colon >= 0 && /^\d{1,20}$/.test(part.slice(colon + 1)) ? Number(part.slice(colon + 1)) : null
      if (length === null) throw this.bad(11, 'ADDRESS:LENGTH; for each segment, the address in hexadecimal')
      isWhole &&= Number.isSafeInteger(address + length)
      row.addSegment(address, length)
    }
    return isWhole
  }

  private exit(): void {
    const name = this.callName(EXIT_PREFIX)
    if (ioCallOf(name) === undefined) this.rows.skip(passedOverCall(name))
    else this.operations.end(this.tid(), this.time(), this.rows.callName(name), this.result(11, this.cells[11]!))
  }

  private submit(): void {
    const { rows } = this
    const code = countOf(this.cells[3]!.slice('op'.length))
    if (code === null || !this.cells[3]!.startsWith('op')) throw this.bad(3, 'op and the number of an IORING_OP_')
    const name = REQUEST_NAMES.get(code)
    if (name === undefined) {
      rows.skip(isFixed(code) ? FIXED : 'io_uring requests other than reads and writes')
      return
    }
    const row = rows.draft()
    row.tsNs = this.time()
    row.direction = code === READ || code === READV ? ITER_DEST : ITER_SOURCE
    row.call = rows.callName(`io_uring:${name}`)
    const inode = this.field(4, 'ino')
    if (inode !== '0') row.file = rows.fileName(`inode ${inode}`)
    row.offsetBytes = Math.max(NONE, this.signed(5, this.field(5, 'pos')))
    row.flags = rowFlagsOfRwf(this.hexadecimal(10, this.field(10, 'rw')))
    this.setDirect(row)
    this.setBuffer(row, code === READV || code === WRITEV)
    const key = `ud ${this.field(8, 'ud')}`
    if (row.segmentCount === 0 || Number.isSafeInteger(row.segmentAddress[0]! + row.segmentsBytes)) {
      this.operations.begin(key, row, NONE, true)
      return
    }
    this.operations.drop(key, row.tsNs, 0)
    rows.cancel(row)
  }

  private setBuffer(row: ImportRow, isVector: boolean): void {
    const address = this.hexadecimal(6, this.field(6, 'addr'))
    const length = countOf(this.field(7, 'len'))
    if (length === null) throw this.bad(7, 'len=BYTES')
    if (isVector) {
      row.isHalf = true
      this.rows.assume(
        'of vectored io_uring requests the segments are not recorded: they are as long as what they moved',
      )
    } else if ((this.hexadecimal(9, this.field(9, 'fl')) & BUFFER_SELECT) !== 0) row.lengthBytes = length
    else row.addSegment(address, length)
  }

  private setDirect(row: ImportRow): void {
    if (this.direct === 'unknown') {
      this.rows.takesRefusedAsBuffered = true
      this.rows.assume(UNKNOWN_DIRECT)
      return
    }
    if (this.direct === 'yes') row.flags |= FLAG_DIRECT
    row.consumer = this.rows.consumerName(this.direct === 'yes' ? 'bio' : 'buffered')
  }

  private time(): number {
    const time = ticksOf(this.cells[1]!, 1e9)
    if (time === null) throw this.bad(1, 'nanoseconds since boot')
    return this.rows.time(time.seconds, time.ns)
  }

  private tid(): number {
    return this.count(2)
  }

  private callName(prefix: string): string {
    const probe = this.cells[3]!
    if (!probe.startsWith(prefix)) throw this.bad(3, `${prefix}NAME`)
    return probe.slice(prefix.length)
  }

  private count(cell: number): number {
    return countOf(this.cells[cell]!) ?? this.refuse(cell, 'a whole number')
  }

  private integer(cell: number): number {
    return this.signed(cell, this.cells[cell]!)
  }

  private signed(cell: number, text: string): number {
    const value = /^-?\d{1,19}$/.test(text) ? Number(text) : Number.NaN
    if (Number.isNaN(value)) throw this.bad(cell, 'a whole number')
    // -1 and what else is no position.
    return Number.isSafeInteger(value) ? value : NONE
  }

  private hexadecimal(cell: number, text: string): number {
    const value = /^[0-9a-f]{1,16}$/.test(text) ? Number.parseInt(text, 16) : Number.NaN
    if (Number.isNaN(value))
      throw this.bad(
        cell,
        cell === 11 ? 'ADDRESS:LENGTH; for each segment, the address in hexadecimal' : 'a hexadecimal number',
      )
    return value
  }

  private result(cell: number, text: string): number {
    const value = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN
    if (!Number.isSafeInteger(value) || value < -ERRNO_MAX) throw this.bad(cell, `bytes, or -1 to -${ERRNO_MAX}`)
    return value
  }

  /** Value of a `name=value` cell. */
  private field(cell: number, name: string): string {
    const text = this.cells[cell]!
    if (!text.startsWith(`${name}=`)) throw this.bad(cell, `${name}=VALUE`)
    return text.slice(name.length + 1)
  }

  private refuse(cell: number, expected: string): never {
    throw this.bad(cell, expected)
  }

  private bad(cell: number, expected: string) {
    const { cells, column } = this
    const isNamed = cells[0] === 'U' || cells[0] === 'C'
    const name = isNamed && cell > 2 ? `cell ${cell + 1}` : CELLS[cell]
    const problem = `${name} is "${cells[cell]}", expected ${expected}`
    return this.rows.fail(column === 0 ? 0 : column - 1 + cellColumn(cells, cell), problem, TORN)
  }
}

function isFixed(code: number): boolean {
  return code === READ_FIXED || code === WRITE_FIXED
}

/** A file by device and inode, as /proc/locks names it. `device`: s_dev of its super block. @kernel include/linux/kdev_t.h: MAJOR, MINOR */
function fileOf(device: number, inode: number): string {
  const major = Math.floor(device / 2 ** 20)
  const minor = device & 0xfffff
  return `${hex2(major)}:${hex2(minor)}:${inode}`
}

function hex2(value: number): string {
  return value.toString(16).padStart(2, '0')
}
