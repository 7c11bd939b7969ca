import { describe, expect, it } from 'vitest'
import { perfTrace } from '../../../src/trace/formats/perf-trace.ts'
import { claimsOf, importSuite, messageOf } from './import-suite.ts'
import { rowsOfText } from './rows-of-text.ts'

const T = '     1.234 ( 0.042 ms): io/9 '
const GOOD = `${T}read(fd: 3</mnt/a>, buf: 0x7fff764b47b8, count: 832)                          = 832\n`
const bad = (call: string) => `${GOOD}${T}${call}\n`

importSuite({
  format: perfTrace,
  samples: [
    {
      // The program of strace.txt. Counted by a script of regular expressions: calls of open files, without those of 2^64 - 1 bytes or at
      // 0xffffffffffffffff; bytes are `count`, of a vector the result.
      file: 'perf-trace.txt',
      rows: 66,
      reads: 46,
      writes: 14,
      bytesRead: 400240,
      bytesWritten: 59460,
      events: { io: 60, map: 5, fork: 1 },
      level: 'L0',
      skipped: {
        'calls that open, close and set up files': 76,
        'other system calls': 62,
        'second halves of calls that make no row': 9,
        // read of three lines each is one call; two were interrupted by a signal.
        'calls on pipes': 6,
        'calls on character devices': 3,
        'calls with an address or a length above 2^53': 2,
        'calls on sockets': 2,
        'calls on a descriptor that is not open': 1,
      },
      errors: 6,
      neverCompleted: 0,
    },
    {
      // grep -c; 136 read and 4 preadv2, 1 pwritev2: as strace tells of the same program.
      file: 'perf-trace-python.txt',
      rows: 141,
      reads: 140,
      writes: 1,
      bytesRead: 1504302,
      bytesWritten: 262144,
      level: 'L0',
      skipped: {},
      // 46.906 ms less 0.000.
      spanNs: 46_906_000,
      errors: 0,
      someRows: {
        1: {
          op: 'read',
          call: 'read',
          segments: [{ address: 0x7fff764b47b8, length: 832 }],
          file: 'fd 4 of 4998',
          mm: 4998,
        },
        138: { call: 'preadv2', offset: 0, len: 12288, flags: ['assumed'] },
        139: { call: 'preadv2', offset: 65536, len: 65536 },
        141: { call: 'preadv2', offset: 5, len: 12017 },
      },
      assumptions: ['its address was recorded, not its segments', 'not seen being opened', 'O_DIRECT is not recorded'],
    },
  ],
  malformed: [
    {
      title: 'no result',
      bytes: bad('read(fd: 3, buf: 0x10, count: 8)'),
      message: `t:2:30: "read(fd: 3, buf: 0x10, count: 8)" is no system call with a result\nExpected name(arguments) = result, or name(arguments) ...`,
    },
    {
      title: 'no parenthesis',
      bytes: bad('read(fd: 3, buf: 0x10, count: 8 = 8'),
      message: `t:2:30: "read(fd: 3, buf: 0x10, count: 8 = 8" is no system call with a result\nExpected name(arguments) = result, or name(arguments) ...`,
    },
    {
      title: 'a result in words',
      bytes: bad('read(fd: 3, buf: 0x10, count: 8) = eight'),
      message: `t:2:30: "read(fd: 3, buf: 0x10, count: 8) = eight" is no system call with a result\nExpected name(arguments) = result, or name(arguments) ...`,
    },
    {
      title: 'a descriptor in words',
      bytes: bad('read(fd: three, buf: 0x10, count: 8) = 8'),
      message: 't:2:39: fd is "three", expected a number',
    },
    {
      title: 'an address in words',
      bytes: bad('read(fd: 3, buf: here, count: 8) = 8'),
      message: 't:2:47: buf is "here", expected a number',
    },
    {
      title: 'a count in words',
      bytes: bad('read(fd: 3, buf: 0x10, count: 8k) = 8'),
      message: 't:2:60: count is "8k", expected a number',
    },
    {
      title: 'a number of segments in words',
      bytes: bad('readv(fd: 3, vec: 0x10, vlen: two) = 8'),
      message: 't:2:60: vlen is "two", expected a number',
    },
    {
      title: 'an error that Linux does not have',
      bytes: bad('read(fd: 3, buf: 0x10, count: 8) = -1 EODD (Odd)'),
      message: 't:2:30: "EODD" is no error of Linux that is known here',
    },
    {
      title: 'a whole call without a time',
      bytes: `${GOOD}         ? (         ): io/9 read(fd: 3, buf: 0x10, count: 8) = 8\n`,
      message: 't:2:1: the call has no time\nOnly a continued call may have ? instead.',
    },
    {
      title: 'a head without a call',
      bytes: `${GOOD}     1.234 ( 0.042 ms): READ\n`,
      message:
        't:2:25: "READ" is no system call with a result\nExpected name(arguments) = result, or name(arguments) ...',
    },
  ],
})

describe('perf trace: forms of a line', () => {
  const call = 'pread64(fd: 3</mnt/a>, buf: 0x7f00, count: 512, pos: 4096)      = 512'
  it.each([
    ['relative', `     0.058 ( 0.014 ms): fio/9 ${call}`, 9],
    ['-T', `61404132.490 ( 0.018 ms): fio/9 ${call}`, 9],
    ['a name with blanks, slashes and dots', `     0.058 (12.014 ms): a b/c(1): d/9 ${call}`, 9],
    ['--no-comm', `     0.058 ( 0.014 ms): 9 ${call}`, 9],
    ['one thread', `     0.058 ( 0.014 ms): ${call}`, 0],
    ['colours', `     0.058 (\x1b[31m 0.014 ms\x1b[m): fio/9 \x1b[1m${call}`, 9],
  ])('%s', async (_, line, mm) => {
    const { rows } = await rowsOfText(`${line}\n`, 'perf-trace')
    const segments = [{ address: 0x7f00, length: 512 }]
    expect(rows).toMatchObject([{ call: 'pread64', mm, file: '/mnt/a', offset: 4096, segments, result: 512 }])
    expect(await claimsOf(Buffer.from(`${line}\n`))).toEqual(['perf-trace'])
  })

  it('arguments that are left out are zero', async () => {
    const { rows } = await rowsOfText(
      `${T}pread64(fd: 3, buf: 0x7f00, count: 512) = 512\n${T}read(fd: 3) = 0\n`,
      'perf-trace',
    )
    expect(rows).toMatchObject([
      { offset: 0, len: 512 },
      { offset: -1, len: 0, result: 0 },
    ])
  })

  it('paths stand as they are, whatever they hold', async () => {
    const path = '/mnt/a) = 5 <0.1>, buf: 0x1, count: 9'
    const { rows } = await rowsOfText(
      `${T}pwrite64(fd: 3<${path}>, buf: 0x7f00, count: 512, pos: 4096) = -1 EFAULT (Bad address)\n`,
      'perf-trace',
    )
    expect(rows).toMatchObject([{ file: path, offset: 4096, len: 512, result: -14 }])
  })

  it('a path that says something else is another file: O_DIRECT of the first does not hold', async () => {
    const { rows } = await rowsOfText(
      `${T}openat(dfd: CWD, filename: 0xabd031e0, flags: RDWR|CLOEXEC|DIRECT) = 3\n${GOOD}` +
        `${T}read(fd: 3</mnt/b>, buf: 0x7f00, count: 8) = 8\n`,
      'perf-trace',
    )
    expect(rows).toMatchObject([
      { file: '/mnt/a', consumer: 'bio' },
      // 8 bytes are no direct I/O.
      { file: '/mnt/b', consumer: 'buffered' },
    ])
  })
})

describe('perf trace: calls cut in two', () => {
  it('keeps the time of the first half, and takes the result of the second', async () => {
    const { rows } = await rowsOfText(
      `    10.700 (         ): io/8 pread64(fd: 3</mnt/a>, buf: 0x7f00, count: 100, pos: 4096) ...\n` +
        `    10.800 ( 0.100 ms): io/9 read(fd: 3</mnt/a>, buf: 0x8f00, count: 7) = 7\n` +
        `    10.700 ( 0.206 ms): io/8  ... [continued]: pread64())                                          = 60\n`,
      'perf-trace',
    )
    expect(rows).toMatchObject([
      { line: 1, ts: 0, mm: 8, len: 100, result: 60 },
      { line: 2, ts: 100_000, mm: 9, len: 7, result: 7 },
    ])
  })

  it('one that was not continued has no completion', async () => {
    const { rows } = await rowsOfText(`${T}read(fd: 3</mnt/a>, buf: 0x7f00, count: 100)       ...\n`, 'perf-trace')
    expect(rows).toMatchObject([{ len: 100, result: null, end: 'never' }])
  })

  it('one that a signal interrupted is made again; 512 bytes are no such error', async () => {
    const { rows, skipped } = await rowsOfText(
      `${T}read(fd: 3</mnt/a>, buf: 0x7f00, count: 8) = -1 (unknown) (INTERNAL ERROR: strerror_r(512, [buf], 128)=22)\n` +
        `${T}read(fd: 3</mnt/a>, buf: 0x7f00, count: 512) = 512\n`,
      'perf-trace',
    )
    expect(rows).toMatchObject([{ result: 512 }])
    expect(skipped).toEqual({ 'calls that a signal interrupted, which are made again': 1 })
  })

  it('threads share the files of the task that made them; a fork copies them', async () => {
    const { rows } = await rowsOfText(
      `     0.100 ( 0.014 ms): io/1 openat(dfd: CWD, filename: 0xabd031e0, flags: DIRECT) = 3\n` +
        `     0.200 ( 0.014 ms): io/1 clone3(uargs: 0x7fff56968dd0, size: 88) = 2\n` +
        `         ? (         ): io/2  ... [continued]: clone3()) = 0\n` +
        `     0.300 ( 0.014 ms): io/2 read(fd: 3, buf: 0x1000, count: 512) = 512\n` +
        `     0.400 ( 0.014 ms): io/1 clone(clone_flags: CHILD_CLEARTID|CHILD_SETTID|0x11, child_tidptr: 0x7fcd620c7a10) = 4 (io)\n` +
        `     0.500 ( 0.014 ms): io/4 close(fd: 3) = 0\n     0.600 ( 0.014 ms): io/4 read(fd: 3, buf: 0x1000, count: 512) = 100\n` +
        `     0.700 ( 0.014 ms): io/1 read(fd: 3, buf: 0x1000, count: 512) = 512\n`,
      'perf-trace',
    )
    expect(rows).toMatchObject([
      { mm: 1, consumer: 'bio' },
      { event: 'fork', mm: 1, result: 4 },
      { mm: 4, consumer: null, result: 100 },
      { mm: 1, consumer: 'bio' },
    ])
  })
})

describe('perf trace: lines that make no row', () => {
  it('stacks, events, page faults, lost events, the summary', async () => {
    const { rows, skipped, report } = await rowsOfText(
      `${GOOD}                                       __libc_pread (/usr/lib/x86_64-linux-gnu/libc.so.6)\n` +
        `     0.000 io/13316 block:block_rq_issue(dev: 266338304, sector: 77191800, rwbs: "WS", comm: "io", cmd: "")\n` +
        `     2.072 ( 0.000 ms): true/11572 minfault [__internal_atexit+0x2a] => //anon@0x7f88ecff32c8 (d.)\n` +
        `LOST 5 events!\nhello\n Summary of events:\n io (13265), 8 events, 1.1%\n   write   1      0     0.029\n`,
      'perf-trace',
    )
    expect(rows.length).toBe(1)
    expect(skipped).toEqual({
      'lines of a stack': 1,
      'events that are no calls': 1,
      'page faults': 1,
      'lines that tell of lost events': 1,
      'lines that are none of perf trace: output of the program': 1,
      'lines of the summary (-s, -S)': 3,
    })
    expect(report.doubts).toEqual([expect.stringContaining('perf lost events')])
  })

  it('lines that never end take no long time', async () => {
    const arguments_ = `${T}read(${'fd: 3, buf: 0x1, count: 2'.repeat(20_000)}\n`
    const results = `${T}read(fd: 3<${') = 5'.repeat(50_000)}\n`
    for (const text of [arguments_, results]) await messageOf(Buffer.from(text), { format: 'perf-trace' })
  })
})
