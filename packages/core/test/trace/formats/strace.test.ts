import { describe, expect, it } from 'vitest'
import { strace } from '../../../src/trace/formats/strace.ts'
import { claimsOf, importSuite, messageOf } from './import-suite.ts'
import { rowsOfText } from './rows-of-text.ts'

const T = '9 1795307076.000001 '
const GOOD = `${T}read(3</mnt/a>, ""..., 100) = 100 <0.000010>\n`
const bad = (call: string) => `${GOOD}${T}${call}\n`
const DATA = '/mnt/w/data) = 5 <0.1>.bin'
/** Of the test program in strace.txt, strace-stderr.txt: the same calls whatever the flags. */
const SKIPPED = {
  'other system calls': 66,
  'calls that open, close and set up files': 33,
  'calls on sockets': 9,
  'ends of tasks': 7,
  'calls on character devices': 5,
  signals: 5,
  'calls on pipes': 4,
  // pread64 into 0xffffffffffffffff, and of 18446744073709551615 bytes.
  'calls with an address or a length that no memory has': 2,
  // One of a file that is not open, one that syncs: the kernel takes neither.
  'requests of io_submit that the kernel did not take': 2,
  'calls that a signal interrupted, which are made again': 2,
  "calls on another process's memory or into a pipe (process_vm_*, vmsplice)": 1,
  'calls without a user buffer (sendfile, splice, copy_file_range)': 1,
  // readv of 2 x 512 bytes on descriptor 999.
  'calls on a descriptor that is not open': 1,
}
// Counted by a script of regular expressions over the whole text, halves of calls joined: 43 reads of 385904 bytes and 14 writes of
// 59972 are calls of files; io_submit has reads of 8192 and 3 x 512 bytes, and writes of 4096 and 2 x 512.
// One of the reads is on no open descriptor.
const COUNTED = {
  reads: 44,
  writes: 16,
  bytesRead: 385904 - 1024 + 8192 + 1536,
  bytesWritten: 59972 + 4096 + 1024,
  errors: 6,
}

importSuite({
  format: strace,
  samples: [
    {
      file: 'strace.txt',
      rows: 61,
      ...COUNTED,
      events: { io: 60, map: 1 },
      level: 'L0',
      skipped: SKIPPED,
      // 1795307076.791429 of the last pread64 less .626627 of the first read.
      spanNs: 164_802_000,
      neverCompleted: 0,
      someRows: {
        9: { line: 26, mm: 20506, op: 'write', call: 'pwrite64', file: DATA, offset: 100, len: 68, result: 68 },
        10: { line: 28, op: 'read', consumer: 'bio', flags: ['direct', 'assumed'], offset: 0, len: 4096 },
        // A failed call has its address.
        15: { line: 37, flags: ['direct'], segments: [{ address: 0x7effd4656000, length: 100 }], result: -22 },
        // F_SETFL turned O_DIRECT on, and off again.
        16: { line: 39, consumer: 'buffered' },
        17: { line: 41, consumer: 'bio' },
        18: { line: 44, consumer: 'buffered' },
        21: {
          line: 47,
          call: 'preadv',
          offset: 4096,
          segments: [{ length: 512 }, { length: 512 }, { length: 512 }, { length: 512 }],
        },
        // Position -1: the file's own.
        24: { line: 50, call: 'preadv2', offset: -1 },
        25: { line: 51, flags: ['nowait', 'assumed'] },
        40: {
          line: 113,
          call: 'aio:PREAD',
          flags: ['direct'],
          segments: [{ address: 0x7effd4656000, length: 8192 }],
          end: 30_517_000,
        },
        42: { line: 113, call: 'aio:PREADV', flags: ['direct', 'nowait'], result: 1536, end: 30_581_000 },
        47: {
          event: 'map',
          backing: 'file',
          flags: ['private'],
          offset: 0,
          segments: [{ address: 0x7effd3650000, length: 16384 }],
        },
        // The child, whose first line comes before the clone of its parent returns.
        52: { line: 137, mm: 20510, consumer: 'bio' },
        // O_DIRECT of dd, behind dup2 and execve.
        57: { line: 171, mm: 20510, file: '/mnt/w/out.bin', consumer: 'bio' },
        61: { line: 197, file: '/mnt/w/gone' },
      },
      assumptions: ['io_getevents(2) told of it', 'mprotect(2) is not followed'],
    },
    {
      // The same program with strace on a terminal: [pid N] only while there are several, lines broken by "Process N attached".
      file: 'strace-stderr.txt',
      rows: 61,
      ...COUNTED,
      level: 'L0',
      skipped: { ...SKIPPED, 'lines that strace tells of itself': 1 },
    },
    {
      // -e raw=read,write,pread64,pwrite64: as above, and two reads of a file whose open was left out (4096 bytes each).
      // Standard output is not decorated, so one write less is one of a device, and one of nothing known.
      file: 'strace-raw.txt',
      rows: 68,
      ...COUNTED,
      reads: 46,
      bytesRead: COUNTED.bytesRead + 8192,
      events: { io: 62, map: 5, fork: 1 },
      level: 'L0',
      skipped: {
        ...SKIPPED,
        'calls on character devices': 4,
        'calls on standard input, output and error, of which nothing is told': 1,
      },
    },
    {
      // -s 1 without -v and -y, times of day. grep of the calls: 53 reads, 19 writes. Less 2 + 1 of devices, 2 of a pipe, 2 impossible,
      // 1 + 1 of nothing known and of a socket, 1 of no descriptor, 2 interrupted; more the first request of io_submit, all that was printed.
      file: 'strace-cut.txt',
      rows: 63,
      reads: 46,
      writes: 16,
      bytesRead: 400361 - 8192 - 100 - 8 - 10 + 8192,
      bytesWritten: 59994 - 3 - 10 - 6,
      level: 'L0',
      skipped: {
        ...SKIPPED,
        'other system calls': 80,
        'calls that open, close and set up files': 49,
        'calls on sockets': 8,
        'calls on character devices': 4,
        'calls on pipes': 2,
        'calls on standard input, output and error, of which nothing is told': 1,
        'completions of requests whose submission makes no row': 2,
        'requests of io_submit that the kernel did not take': 1,
      },
      assumptions: ['did not print every element', 'not seen being opened'],
      doubts: ['record with -v', 'io_submit(2) were not printed'],
    },
    {
      // grep -c of reads and of writes; the counts are the third arguments, of vectors the iov_len.
      file: 'strace-mixed.txt',
      rows: 5,
      reads: 4,
      writes: 1,
      bytesRead: 832 + 100 + 4488 + 4096 + 50,
      bytesWritten: 100 + 4096 + 17,
      level: 'L0',
      skipped: {
        'other system calls': 8,
        'calls that open, close and set up files': 4,
        'calls that sync, cut or allocate files': 2,
        'calls on sockets': 2,
        'ends of tasks': 1,
        'calls without a user buffer (sendfile, splice, copy_file_range)': 1,
        'calls on a descriptor that is not open': 1,
      },
      errors: 0,
    },
    {
      file: 'strace-eraw.txt',
      rows: 5,
      reads: 5,
      writes: 0,
      bytesRead: 1 + 0x340 + 0x340 + 0x1000 + 0x32,
      bytesWritten: 0,
      level: 'L3',
      skipped: { 'ends of tasks': 2, 'calls on a descriptor that is not open': 1 },
      errors: 0,
      someRows: {
        4: {
          line: 4,
          call: 'pread64',
          offset: 0,
          result: 0x1000,
          segments: [{ address: 0x557e31af8c80, length: 0x1000 }],
        },
      },
    },
    {
      // grep -c of the calls: 136 read, 4 preadv2, 1 pwritev2; Python and perf told of the same run. Vectors are cut: -s 0 without -v.
      file: 'strace-python-decoded.txt',
      rows: 141,
      reads: 140,
      writes: 1,
      bytesRead: 1504302,
      bytesWritten: 262144,
      level: 'L0',
      skipped: { 'ends of tasks': 1 },
      doubts: ['record with -v'],
    },
    {
      file: 'strace-python-raw.txt',
      rows: 141,
      reads: 140,
      writes: 1,
      bytesRead: 1504302,
      bytesWritten: 262144,
      level: 'L0',
      skipped: { 'ends of tasks': 1 },
      doubts: ['leave readv, writev and their kin out of it'],
    },
  ],
  malformed: [
    {
      title: 'an array without its end',
      bytes: bad('readv(3</mnt/a>, [{iov_base="a", iov_len=1}, 1) = 1'),
      message:
        't:2:72: the line ends within the arguments of the call\nWas the line cut? Or did the output of the program come between (record with -o FILE)?',
    },
    {
      title: 'no result',
      bytes: bad('read(3, "abc", 3) 3'),
      message: 't:2:38: behind the arguments stands " 3", expected = and a result',
    },
    {
      title: 'a result that is no number',
      bytes: bad('read(3, "abc", 3) = many'),
      message: 't:2:38: behind the arguments stands " = many", expected = and a result',
    },
    {
      title: 'an error that Linux does not have',
      bytes: bad('read(3, 0x10, 3) = -1 EODD (Odd)'),
      message: 't:2:43: EODD is no error of Linux that is known here',
    },
    {
      title: 'no count',
      bytes: bad('read(3, "abc") = 3'),
      message: 't:2:26: read has 2 arguments, expected 3',
    },
    {
      title: 'a count in words',
      bytes: bad('pread64(3, "abc", three, 0) = 3'),
      message: 't:2:39: the count is "three", expected a number',
    },
    {
      title: 'a buffer in words',
      bytes: bad('write(3, abc, 3) = 3'),
      message: 't:2:30: the buffer is "abc", expected a string in quotes, or an address',
    },
    {
      title: 'a descriptor in words',
      bytes: bad('read(stdin, "abc", 3) = 3'),
      message: 't:2:26: the file descriptor is "stdin", expected a number',
    },
    {
      title: 'a position in words',
      bytes: bad('pread64(3, "abc", 3, here) = 3'),
      message: 't:2:42: the position is "here", expected bytes',
    },
    {
      title: 'an element that is none',
      bytes: bad('readv(3, [{base="abc", len=3}], 1) = 3'),
      message: 't:2:31: an element of the vector is "{base="abc", len=3}", expected {iov_base=…, iov_len=…}',
    },
    {
      title: 'iov_len in words',
      bytes: bad('writev(3, [{iov_base="abc", iov_len=all}], 1) = 3'),
      message: 't:2:57: iov_len is "all", expected bytes',
    },
    {
      title: 'a fault in the second half, at its place in that line',
      bytes: `${T}pread64(3</mnt/a>,  <unfinished ...>\n8 1795307077.000000 +++ exited with 0 +++\n${T}<... pread64 resumed>"a"..., x, 0) = 1\n`,
      message: 't:3:50: the count is "x", expected a number',
    },
    {
      title: 'a fault in the first half, at its place there',
      bytes: `${T}writev(3</mnt/a>, [{iov_base="a", iov_len=x},  <unfinished ...>\n${T}<... writev resumed>{iov_base="b", iov_len=1}], 2) = 2\n`,
      message: 't:1:63: iov_len is "x", expected bytes',
    },
    {
      title: 'what is no call behind a time',
      bytes: bad('READ 3 "abc"'),
      message: 't:2:21: "READ 3 "abc"" is no system call\nIs this strace text?',
    },
    {
      title: 'a line without a time among others',
      bytes: `${GOOD}9 read(3, "", 1) = 0\n`,
      message:
        't:2:1: the time is missing, the lines before have: seconds since 1970 (-ttt)\nWas the file put together from several?',
    },
    {
      title: 'a request without a number of bytes',
      bytes: bad(
        'io_submit(0x7f00, 1, [{aio_data=0, aio_lio_opcode=IOCB_CMD_PREAD, aio_fildes=3, aio_buf=0x1000, aio_nbytes=?, aio_offset=0}]) = 1',
      ),
      message: 't:2:128: aio_nbytes is "?", expected bytes',
    },
  ],
})

describe('strace: forms of a line', () => {
  const call = 'pread64(3</mnt/a>, ""..., 512, 4096) = 512 <0.000010>'
  it.each([
    ['-f -o FILE', `9210  1795304704.185594 ${call}`],
    ['on a terminal', `[pid  9210] 1795304704.185594 ${call}`],
    ['-ff', `1795304704.185594 ${call}`],
    ['-Y', `9210<io> 1795304704.185594 ${call}`],
    ['-tt', `9210  23:45:05.387856 ${call}`],
    ['-t', `9210  23:45:05 ${call}`],
    ['-r', `9210       0.000345 ${call}`],
    ['-r alone', `     0.000345 ${call}`],
    ['no time', `9210  ${call}`],
    ['nothing but the call', call],
    ['-ttt -r in ns', `9339  1795304705.898000654 (+     0.000000000) ${call}`],
    ['-n -i', `9362  1795304706.084428 [  17] [00007feb961dbb9a] ${call}`],
    ['colours', `\x1b[32m9210  1795304704.185594 \x1b[0;1mpread64\x1b[0m${call.slice('pread64'.length)}`],
    ['--arg-names', `9210  1795304704.185594 pread64(fd=3</mnt/a>, buf=""..., count=512, offset=4096) = 512`],
    ['-X verbose', `9210  1795304704.185594 pread64(3</mnt/a>, ""..., 512 /* bytes, all */, 4096) = 512`],
    ['-e raw', `9210  1795304704.185594 pread64(0x3</mnt/a>, "", 0x200, 0x1000) = 0x200`],
  ])('%s', async (_, line) => {
    const { rows } = await rowsOfText(`${line}\n`, 'strace')
    expect(rows).toMatchObject([{ call: 'pread64', op: 'read', file: '/mnt/a', offset: 4096, len: 512, result: 512 }])
    expect(await claimsOf(Buffer.from(`${line}\n`))).toEqual(['strace'])
  })

  it('times: of day over midnight, deltas summed up over every line, no times in the order of the lines', async () => {
    const times = async (...lines: string[]) => {
      const { rows, report } = await rowsOfText(lines.map((line) => `${line}\n`).join(''), 'strace')
      return {
        ts: rows.map(({ ts }) => ts),
        clock: report.clock.split(' ', 1)[0],
        first: report.firstTime,
        last: report.lastTime,
      }
    }
    const read = 'read(3, ""..., 1) = 1'
    expect(await times(`23:59:59.999 ${read}`, `00:00:01.001 ${read}`, `00:00:02.001 ${read}`)).toEqual({
      ts: [0, 1_002_000_000, 2_002_000_000],
      clock: 'time',
      first: '23:59:59.999000000',
      last: '00:00:02.001000000',
    })
    const deltas = [
      `     0.000000 ${read}`,
      '     0.500000 getpid() = 1',
      `     1.700000 --- SIGCHLD {} ---`,
      `     0.000001 ${read}`,
    ]
    expect((await times(...deltas)).ts).toEqual([0, 2_200_001_000])
    expect(await times(read, 'getpid() = 1', read)).toMatchObject({ ts: [0, 2000], clock: 'none:' })
  })

  it('strings may hold whatever ends a call', async () => {
    const trap = String.raw`"x\") = 5 <0.1>\n\\ [{iov_base=\"\", iov_len=7}], 1) = 7 <unfinished ...>\377"...`
    const { rows } = await rowsOfText(`${T}write(3</mnt/a) = 9, "b">, ${trap}, 68) = 68 <0.000011>\n`, 'strace')
    expect(rows).toMatchObject([{ len: 68, result: 68, file: '/mnt/a) = 9, "b"' }])
  })

  it.each([
    ['a path with escapes', String.raw`3</mnt/\074a\76 "b">`, '/mnt/<a> "b"'],
    ['a deleted file, strace 6.1', '3</mnt/a>(deleted)', '/mnt/a'],
    ['a deleted file, later', '3</mnt/a (deleted)>', '/mnt/a'],
    ['a block device', '3</dev/vda<block 254:0>>', '/dev/vda<block 254:0>'],
  ])('%s', async (_, fd, file) => {
    expect((await rowsOfText(`${T}read(${fd}, ""..., 8) = 8\n`, 'strace')).rows[0]!.file).toBe(file)
  })

  it.each([
    ['TCP:[127.0.0.1:80->127.0.0.1:443]', 'calls on sockets'],
    ['UNIX-STREAM:[1->2,"/run/]> x, y"]', 'calls on sockets'],
    ['socket:[123]', 'calls on sockets'],
    ['pipe:[1674631]', 'calls on pipes'],
    ['/dev/null<char 1:3>', 'calls on character devices'],
    ['/dev/pts/0', 'calls on character devices'],
    ['/proc/self/maps', 'calls on files of /proc and /sys'],
    ['anon_inode:[eventfd]', 'calls on files of the kernel without a name (eventfd, epoll, io_uring, signalfd)'],
  ])('<%s> is no file', async (name, reason) => {
    const { rows, skipped } = await rowsOfText(`${T}read(3<${name}>, ""..., 8) = 8\n`, 'strace')
    expect(rows).toEqual([])
    expect(skipped).toEqual({ [reason]: 1 })
  })
})

describe('strace: calls cut in two', () => {
  it('keeps the time of the first half, and the order, inside an array too', async () => {
    const { rows } = await rowsOfText(
      `1 10.000001 writev(3</mnt/a>, [{iov_base="a", iov_len=1},  <unfinished ...>\n` +
        `2 10.000002 read(4</mnt/b>, ""..., 7) = 7\n` +
        `1 10.000009 <... writev resumed>{iov_base="bc", iov_len=2}], 2) = 3 <0.000008>\n`,
      'strace',
    )
    // 10.000001, and 10.000002 s after it: the form of -r.
    expect(rows.map(({ line, ts, len }) => ({ line, ts, len }))).toEqual([
      { line: 1, ts: 0, len: 3 },
      { line: 2, ts: 10_000_002_000, len: 7 },
    ])
  })

  it('a killed program: of a write all is known, of a read nothing', async () => {
    const { rows, skipped } = await rowsOfText(
      `1 1795307188.000001 write(3</mnt/a>, "\\0"..., 4096 <unfinished ...>\n` +
        `2 1795307188.000002 read(3</mnt/a>,  <unfinished ...>\n` +
        `3 1795307188.000003 read(3</mnt/a>,  <unfinished ...>\n` +
        `4 1795307188.000004 writev(3</mnt/a>, [{iov_base="\\0"..., iov_len=10}], 1) = ?\n` +
        `3 1795307188.000005 <... read resumed> <unfinished ...>) = ?\n` +
        `1 1795307188.000006 +++ killed by SIGKILL +++\n` +
        `2 1795307188.000007 +++ killed by SIGKILL +++\n`,
      'strace',
    )
    expect(rows).toMatchObject([
      { line: 1, op: 'write', len: 4096, result: null },
      { line: 4, len: 10, result: null },
    ])
    expect(skipped).toEqual({ 'calls that the program did not live to see the end of': 2, 'ends of tasks': 2 })
  })

  it('the end of the file: what is half known is passed over', async () => {
    const { rows, skipped } = await rowsOfText(`${GOOD}${T}read(3</mnt/a>,  <unfinished ...>\n`, 'strace')
    expect(rows.length).toBe(1)
    expect(skipped).toEqual({ 'calls whose second half was not recorded': 1 })
  })

  it('a second half alone, as of a program that strace was attached to', async () => {
    const { rows, skipped } = await rowsOfText(`${T}<... read resumed>"a", 1) = 1\n${GOOD}`, 'strace')
    expect(rows.length).toBe(1)
    expect(skipped).toEqual({ 'second halves of calls whose beginning is not recorded': 1 })
  })

  it('an interrupted call is made again: one I/O, however it is printed', async () => {
    const { rows, skipped } = await rowsOfText(
      `${T}read(3</mnt/a>, 0x7f00, 8) = ? ERESTARTSYS (To be restarted if SA_RESTART is set) <0.019513>\n` +
        `${T}read(0x3</mnt/a>, 0x7f00, 0x8) = -1 ERESTARTSYS (Unknown error 512) <0.019213>\n` +
        `${T}--- SIGALRM {si_signo=SIGALRM, si_code=SI_KERNEL} ---\n` +
        `${T}read(3</mnt/a>, ""..., 8) = 8\n`,
      'strace',
    )
    expect(rows.length).toBe(1)
    expect(skipped).toEqual({ 'calls that a signal interrupted, which are made again': 2, signals: 1 })
  })

  it('a thread that calls execve goes on under the number of its process', async () => {
    const { rows } = await rowsOfText(
      `1 1795307194.1 openat(AT_FDCWD, "/mnt/a", O_RDONLY|O_DIRECT|O_CLOEXEC) = 3\n` +
        `1 1795307194.2 clone3({flags=CLONE_VM|CLONE_FILES|CLONE_THREAD, exit_signal=0} => {parent_tid=[2]}, 88) = 2\n` +
        `2 1795307194.3 read(3, 0x1000, 512) = 512\n` +
        `2 1795307194.4 execve("/bin/cat", ["cat"], 0x7ffcce6bf758 /* 39 vars */ <unfinished ...>\n` +
        `1 1795307194.5 +++ superseded by execve in pid 2 +++\n` +
        `1 1795307194.6 <... execve resumed>) = 0\n` +
        `1 1795307194.7 read(3, 0x2000, 100) = 100\n`,
      'strace',
    )
    expect(rows).toMatchObject([
      { mm: 1, file: '/mnt/a', consumer: 'bio' },
      // Whatever was mapped is gone, and so is what O_CLOEXEC closed.
      { event: 'map', mm: 1, segments: [{ address: 0, length: 0x7fff_ffff_f000 }] },
      // 100 bytes are no direct I/O.
      { mm: 1, file: 'fd 3 of 1', consumer: 'buffered' },
    ])
  })
})

describe('strace: what is not told', () => {
  it('a vector of which elements were cut: the bytes that were moved', async () => {
    const vector = '[{iov_base="a"..., iov_len=512}, ...]'
    const { rows, report } = await rowsOfText(
      `${T}preadv(3</mnt/a>, ${vector}, 8, 0) = 4096\n${T}preadv(3</mnt/a>, ${vector}, 8, 0) = -1 EIO (Input/output error)\n`,
      'strace',
    )
    expect(rows.map(({ len, result }) => ({ len, result }))).toEqual([
      { len: 4096, result: 4096 },
      { len: 0, result: -5 },
    ])
    expect(report.doubts.length).toBe(1)
  })

  it('calls that strace answered itself, and io_uring', async () => {
    const { rows, report, skipped } = await rowsOfText(
      `${T}pread64(3, 0x7ffc53223b50, 784, 64) = -1 EIO (Input/output error) (INJECTED) <0.000008>\n` +
        `${T}io_uring_setup(8, {flags=0}) = 4<anon_inode:[io_uring]>\n${T}io_uring_enter(4, 1, 1, IORING_ENTER_GETEVENTS, NULL, 8) = 1\n`,
      'strace',
    )
    expect(rows).toEqual([])
    expect(skipped).toEqual({
      'calls that never reached the kernel (INJECTED)': 1,
      'calls of io_uring, whose operations strace does not see': 2,
    })
    expect(report.doubts).toEqual([expect.stringContaining('record it with pinscope trace record')])
  })

  it('output of the program, stacks, dumps and the summary among the lines', async () => {
    const { rows, skipped } = await rowsOfText(
      `hello\n${GOOD} > /usr/lib/x86_64-linux-gnu/libc.so.6(pread64+0x13) [0xf63d3]\n` +
        ` | 00000  06 00 00 00 04 00 00 00  40 00 00 00 00 00 00 00  ........@....... |\n * 10 bytes in buffer 0\n` +
        `% time     seconds  usecs/call     calls    errors syscall\n 12.75    0.000928          29        32         5 pread64\n`,
      'strace',
    )
    expect(rows.length).toBe(1)
    expect(skipped).toEqual({
      'lines that are none of strace: output of the program': 1,
      'lines of a stack or of data (-k, -e read, -e write)': 3,
      'lines of the summary (-c, -C)': 2,
    })
  })

  it('O_DIRECT of files that were not seen being opened, as the option says', async () => {
    const line = `${T}read(3</mnt/a>, ""..., 512) = 512\n`
    const of = async (direct: string) => (await rowsOfText(line, 'strace', { direct })).rows[0]
    expect(await of('unknown')).toMatchObject({ consumer: null, flags: ['assumed'] })
    expect(await of('yes')).toMatchObject({ consumer: 'bio', flags: ['direct', 'assumed'] })
    expect(await of('no')).toMatchObject({ consumer: 'buffered', flags: ['assumed'] })
    const message = 't: input option direct is "maybe"\nExpected unknown, yes, no.'
    expect(await messageOf(Buffer.from(line), { format: 'strace', formatOptions: { direct: 'maybe' } })).toBe(message)
  })

  it('completions of equal aio_data go to the oldest request', async () => {
    const request = (offset: number) =>
      `{aio_data=0, aio_lio_opcode=IOCB_CMD_PREAD, aio_fildes=3</mnt/a>, aio_buf=0x1000, aio_nbytes=512, aio_offset=${offset}}`
    const { rows, report } = await rowsOfText(
      `1 1795307076.1 io_submit(0x7f00, 2, [${request(0)}, ${request(512)}]) = 2\n` +
        `1 1795307076.2 io_getevents(0x7f00, 1, 8, [{data=0, obj=0x10, res=512, res2=0}], NULL) = 1 <0.300000>\n` +
        `1 1795307076.6 io_getevents(0x7f00, 1, 8, [{data=0, obj=0x11, res=-5, res2=0}], NULL) = 1\n`,
      'strace',
    )
    expect(rows).toMatchObject([
      { offset: 0, ts: 0, end: 400_000_000, result: 512 },
      { offset: 512, ts: 0, end: 500_000_000, result: -5 },
    ])
    expect(report.assumptions.join('\n')).toContain('matched with requests by aio_data')
  })
})

describe('strace: broken on purpose', () => {
  it('lines that never end take no long time', async () => {
    const attached = 'read(3strace: Process 1 attached\n'.repeat(20_000)
    const halves = Array.from({ length: 20_000 }, (_, i) => `${i} read(3</mnt/a>,  <unfinished ...>`).join('\n')
    const nested = `readv(3, ${'[{'.repeat(50_000)}\n`
    const open = `read(3${'</a'.repeat(50_000)}\n`
    for (const text of [attached, `${halves}\n`, nested, open]) await messageOf(Buffer.from(text), { format: 'strace' })
  })
})
