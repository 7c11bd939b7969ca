import { describe, expect, it } from 'vitest'
import { bpftraceCsv } from '../../../src/trace/formats/bpftrace-csv.ts'
import { openTrace } from '../../../src/trace/open-trace.ts'
import { chunked, columnsOf } from '../columns-as-rows.ts'
import { claimsOf, importSuite } from './import-suite.ts'
import { rowsOfText } from './rows-of-text.ts'

const TORN = 'Do two CPUs, or the traced program, print at the same time? bpftrace -o FILE keeps the program out of it.'
const ENTER = 'tracepoint:syscalls:sys_enter_'
const EXIT = 'tracepoint:syscalls:sys_exit_'

/** An entry line with one cell replaced. */
function entry(cell: number, text: string): string {
  const cells = ['E', '1000', '7', `${ENTER}read`, '3', '800010', '12', '8000', '0', '8192', '1', '7f0000001000:512;']
  cells[cell] = text
  return `${cells.join(',')}\n`
}

/** A submission line with one cell replaced. */
function request(cell: number, text: string): string {
  const cells = 'U,1000,7,op22,ino=0,pos=0,addr=7f0000001000,len=512,ud=a,fl=0,rw=0,bufidx=0'.split(',')
  cells[cell] = text
  return `${cells.join(',')}\n`
}

/** Column of `part` in the last line of `text` with it, from 1. */
function columnOf(text: string, part: string): number {
  const at = text.indexOf(part)
  return at - text.lastIndexOf('\n', at)
}

async function rowsOf(text: string) {
  const reader = await openTrace(chunked(Buffer.from(text)), 't', { format: 'bpftrace-csv' })
  const rows: Record<string, unknown>[] = []
  for await (const batch of reader.batches()) {
    for (let row = 0; row < batch.length; row++) rows.push(columnsOf(reader, batch, row) as Record<string, unknown>)
  }
  return { rows, report: reader.imported! }
}

const segment = (address: number, length: number) => ({ address, offset: 0, file: null, length })

importSuite({
  format: bpftraceCsv,
  samples: [
    {
      // Counted with grep -o "E,[0-9]*,[0-9]*,tracepoint:syscalls:sys_enter_CALL,.*" (records stand behind the program's own
      // output too): read 141, pread64 4, preadv2 3; write 8, pwritev2 1; bytes with grep -o ':[0-9]*;' | paste -sd+ | bc. Of the 158
      // returns the first has no entry. Line 311 is the program's.
      file: 'bpftrace-csv-python.csv',
      rows: 157,
      reads: 148,
      writes: 9,
      bytesRead: 1422892 + 3136 + 89841,
      bytesWritten: 25 + 262144,
      level: 'L3',
      skipped: {
        'lines of bpftrace or of the traced program': 1,
        'returns of operations that are not in the file, or make no row': 1,
      },
      spanNs: 3560981620093 - 3558907093564,
      errors: 0,
      neverCompleted: 0,
      someRows: {
        1: {
          line: 3,
          ts: 0,
          end: 'synchronous',
          call: 'read',
          file: 'fe:00:339934',
          offset: 0,
          result: 832,
          segments: [segment(0x7ffcb24b30d8, 832)],
          consumer: 'buffered',
        },
        // The third call is a pread64: its position is on a line of its own.
        3: { call: 'pread64', offset: 64, len: 784, result: 784 },
      },
      assumptions: ['sockets, pipes and terminals are not told apart'],
      doubts: ['output of the traced program stands among the lines'],
    },
    {
      // 8 submissions and 8 completions, 4 different user data: each is used twice.
      file: 'bpftrace-csv-uring.csv',
      rows: 8,
      reads: 8,
      writes: 0,
      bytesRead: 8 * 65536,
      bytesWritten: 0,
      level: 'L3',
      skipped: {},
      spanNs: 2252301953951 - 2252301355875,
      errors: 0,
      neverCompleted: 0,
      someRows: {
        1: { ts: 0, end: 2252301456172 - 2252301355875, call: 'io_uring:read', file: null, flags: [], consumer: null },
        5: { offset: 262144, segments: [segment(0x7f0af4032000, 65536)], result: 65536 },
      },
      assumptions: ['were opened with O_DIRECT is not recorded'],
    },
    {
      file: 'bpftrace-csv-uring.csv',
      options: { formatOptions: { direct: 'yes' } },
      rows: 8,
      reads: 8,
      writes: 0,
      bytesRead: 8 * 65536,
      bytesWritten: 0,
      level: 'L3',
      skipped: {},
      someRows: { 1: { flags: ['direct'], consumer: 'bio' } },
    },
    {
      // Made, every trap once; counted by eye, line by line.
      file: 'bpftrace-csv-traps.csv',
      rows: 12,
      reads: 8,
      writes: 4,
      // read 512, readv of nothing, preadv 5 + 2, read 16, io_uring: 4096, vector as long as its result 9000, 2048, 4096.
      bytesRead: 512 + 7 + 16 + 4096 + 9000 + 2048 + 4096,
      // write 100, two segments of a pwritev2, pwrite64 100, io_uring 4096.
      bytesWritten: 100 + 1024 + 100 + 4096,
      // The vector of io_uring and the request with a buffer that is chosen later have a length only.
      level: 'L0',
      skipped: {
        'lines of bpftrace or of the traced program': 2,
        'returns of operations that are not in the file, or make no row': 3,
        'io_uring requests on registered buffers: their registration is not recorded': 1,
        'io_uring requests other than reads and writes': 1,
        'vectored io_uring requests that moved nothing: their segments are not recorded': 1,
        'operations without a recorded completion: another one began in their place': 1,
      },
      errors: 2,
      // The preadv whose return was lost, and the request that was still under way.
      neverCompleted: 2,
      someRows: {
        // Its return stands before its entry: two CPUs.
        1: { line: 6, ts: 0, call: 'read', result: 512, file: '08:10:12' },
        // O_APPEND: at the end of the file, whatever its position.
        2: { line: 7, offset: 777, flags: [] },
        // Behind the program's own words; position -1 is the file's own.
        3: { line: 9, call: 'pwritev2', offset: -1, flags: ['direct'], consumer: 'bio', result: -14 },
        4: { call: 'pwrite64', offset: 300 },
        5: { call: 'readv', segments: [], len: 0, result: 0 },
        6: { call: 'preadv', end: 'never', file: 'fd:01:12', result: null },
        8: { call: 'io_uring:read', ts: 7000, end: 7600 },
        // The same user data again; completed by another thread, whose line stands first.
        9: { call: 'io_uring:write', ts: 7800, end: 7900, result: -5, file: 'inode 14', flags: ['nowait'] },
        10: { call: 'io_uring:readv', len: 9000, end: 8400, flags: ['assumed'] },
        12: { call: 'io_uring:read', end: 'never' },
      },
      assumptions: ['they are as long as what they moved'],
      doubts: ['bpftrace lost 12 events', '1 (first at line 9)', 'output of the traced program'],
    },
  ],
  malformed: [
    {
      title: 'a time that is none',
      bytes: entry(1, '12x'),
      message: `t:1:3: ns is "12x", expected nanoseconds since boot\n${TORN}`,
    },
    {
      title: 'a cell too many',
      bytes: entry(11, '7f0000001000:512;,'),
      message: `t:1:1: the E line has 13 cells, expected 12\n${TORN}`,
    },
    {
      title: 'a line that another one interrupts',
      bytes: `x\n${entry(11, '7f0000001000:5')}`.replace(':5\n', `:5X,1000,8,${EXIT}read,,,,,,,,8\n`),
      message: `t:2:1: the E line has 23 cells, expected 12\n${TORN}`,
    },
    {
      title: 'a probe that is no entry',
      bytes: entry(3, 'kprobe:vfs_read'),
      message: `t:1:10: op is "kprobe:vfs_read", expected tracepoint:syscalls:sys_enter_NAME\n${TORN}`,
    },
    {
      title: 'a thread that is none',
      bytes: entry(2, '-7'),
      message: `t:1:8: tid is "-7", expected a whole number\n${TORN}`,
    },
    {
      title: 'flags that are no number',
      bytes: entry(7, 'O_DIRECT'),
      message: `t:1:${columnOf(entry(7, 'O_DIRECT'), 'O_DIRECT')}: oflags is "O_DIRECT", expected a hexadecimal number\n${TORN}`,
    },
    {
      title: 'a segment without a length',
      bytes: entry(11, '7f0000001000;'),
      message: `t:1:${columnOf(entry(11, '7f0000001000;'), '7f0000001000;')}: segs_or_ret is "7f0000001000;", expected ADDRESS:LENGTH; for each segment, the address in hexadecimal\n${TORN}`,
    },
    {
      title: 'a segment without an address',
      bytes: entry(11, ':512;'),
      message: `t:1:${columnOf(entry(11, ':512;'), ':512;')}: segs_or_ret is ":512;", expected ADDRESS:LENGTH; for each segment, the address in hexadecimal\n${TORN}`,
    },
    {
      title: 'a result that is none',
      bytes: `X,1000,7,${EXIT}read,,,,,,,,-5000\n`,
      message: `t:1:${columnOf(`X,1000,7,${EXIT}read,,,,,,,,-5000`, '-5000')}: segs_or_ret is "-5000", expected bytes, or -1 to -4095\n${TORN}`,
    },
    {
      title: 'a request without a number',
      bytes: request(3, 'read'),
      message: `t:1:10: cell 4 is "read", expected op and the number of an IORING_OP_\n${TORN}`,
    },
    {
      title: 'a request whose fields are others',
      bytes: request(7, 'length=512'),
      message: `t:1:${columnOf(request(7, 'length=512'), 'length')}: cell 8 is "length=512", expected len=VALUE\n${TORN}`,
    },
    {
      title: 'a completion without a result',
      bytes: 'C,1000,7,ud=a,res=\n',
      message: `t:1:15: cell 5 is "res=", expected bytes, or -1 to -4095\n${TORN}`,
    },
  ],
})

describe('bpftrace-csv', () => {
  it('keeps nanoseconds of a machine that is up for more than 104 days', async () => {
    const line = (ns: string, kind: string, rest: string) => `${kind},${ns},7,${rest}\n`
    const { rows, report } = await rowsOf(
      [
        line('10000000000000001', 'E', `${ENTER}read,3,800010,12,8000,0,8192,1,7f0000001000:512;`),
        line('10000000000000002', 'X', `${EXIT}read,,,,,,,,512`),
        line('10000000000000003', 'E', `${ENTER}read,3,800010,12,8000,0,8192,1,7f0000001000:512;`),
        line('10000000000000005', 'X', `${EXIT}read,,,,,,,,512`),
      ].join(''),
    )
    expect(rows.map(({ ts }) => ts)).toEqual([0, 2])
    expect([report.firstTime, report.lastTime]).toEqual(['10000000000000001', '10000000000000005'])
  })

  it('puts lines of several CPUs in order, as far as 4096 of them', async () => {
    const lines: string[] = []
    for (let i = 0; i < 3000; i++) {
      lines.push(`E,${10 * i},${i % 50},${ENTER}read,3,800010,12,8000,0,8192,1,7f0000001000:512;\n`)
    }
    for (let i = 0; i < 3000; i++) lines.unshift(`X,${10 * i + 400},${i % 50},${EXIT}read,,,,,,,,512\n`)
    const { rows, report } = await rowsOf(lines.slice(0, 3000).reverse().join('') + lines.slice(3000).join(''))
    expect(rows.length).toBe(3000)
    expect(rows.every(({ result }) => result === 512)).toBe(true)
    expect(report.skipped).toEqual([])
  })

  it('says when nothing in it is an operation', async () => {
    const { rows, report } = await rowsOf('Attaching 23 probes...\n\n@x: 1\n')
    expect(rows).toEqual([])
    expect(report.doubts).toContain(
      'no line tells of an operation: docs/formats/bpftrace.md says what a script must print',
    )
  })

  it('is told apart by one line', async () => {
    expect(await claimsOf(Buffer.from(`Attaching 23 probes...\n${entry(0, 'E')}`))).toEqual(['bpftrace-csv'])
    expect(await claimsOf(Buffer.from(request(0, 'U')))).toEqual(['bpftrace-csv'])
    expect(await claimsOf(Buffer.from('E,1,2,3\n'))).toEqual([])
  })

  it('passes operations over that have an address or a length above 2^53, and their returns', async () => {
    const text = [
      entry(11, 'ffffffffffffffff:512;'),
      `X,2000,7,${EXIT}read,,,,,,,,-14\n`,
      entry(11, '1000:18446744073709551615;'),
      `X,3000,7,${EXIT}read,,,,,,,,-22\n`,
      request(6, 'addr=fffffffffffff000'),
      entry(2, '8'),
    ].join('')
    const { rows, skipped } = await rowsOfText(text, 'bpftrace-csv')
    expect(rows.map(({ line, call }) => [line, call])).toEqual([[6, 'read']])
    expect(skipped).toEqual({
      'operations with an address or a length above 2^53': 3,
      'returns of operations that are not in the file, or make no row': 2,
    })
  })
})
