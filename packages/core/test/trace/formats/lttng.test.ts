import { describe, expect, it } from 'vitest'
import { lttng } from '../../../src/trace/formats/lttng.ts'
import { claimsOf, importSuite, messageOf } from './import-suite.ts'
import { rowsOfText } from './rows-of-text.ts'

const HEAD = '[17:46:40.000001000] (+0.000090000) stor01 '
const CONTEXT = '{ cpu_id = 0 }, { procname = "fio", tid = 9 }, '
const event = (name: string, fields: string) => `${HEAD}${name}: ${CONTEXT}${fields}\n`
const GOOD =
  event('syscall_entry_write', '{ fd = 7, buf = 4096, count = 512 }') + event('syscall_exit_write', '{ ret = 512 }')
const HINT = 'Expected [time] (+delta) host event: { name = value, … }, { … }, with the names of the fields.'

// Written by hand (the script is in the README), with the events and fields of lttng-modules 2.13.9, and turned into text by
// babeltrace2 2.0.4. By its calls: 13 of open files return or are under way at the end, 10 of them on the file opened with
// O_DIRECT.
const WRITTEN = {
  rows: 17,
  reads: 8,
  writes: 5,
  // pread64 4096 + 100, preadv 4213, preadv2 8192, two threads 8192 + 512, the child 4096 + 4096.
  bytesRead: 4096 + 100 + 4213 + 8192 + 8192 + 512 + 4096 + 4096,
  // pwrite64, write, pwritev, pwritev2 that failed, and one that is still under way.
  bytesWritten: 4096 + 500 + 8192 + 0 + 600,
  level: 'L0',
  events: { io: 13, map: 3, fork: 1 },
  skipped: {
    'other system calls': 6,
    'calls that open, close and set up files': 5,
    'block events of operations that are there as system calls': 5,
    'exits of calls that make no row, or whose entry is missing': 4,
    'calls on sockets': 2,
    'calls on pipes': 1,
    'calls on standard input, output and error, of which nothing is told': 1,
    'sched_switch events': 1,
    'calls whose second half was not recorded': 1,
    // A read of the file that was opened for writing.
    'calls on a descriptor that is not open': 1,
  },
  errors: 3,
  neverCompleted: 1,
} as const

importSuite({
  format: lttng,
  samples: [
    {
      file: 'lttng.txt',
      ...WRITTEN,
      // The first read is entered 371 us after the clock's zero, the last write 1615 us.
      spanNs: 1_244_000,
      someRows: {
        1: { event: 'map', backing: 'shmem', segments: [{ address: 0x7f5a00000000, length: 1 << 20 }] },
        // The buffer of a read stands in its exit.
        2: {
          line: 11,
          mm: 4162,
          op: 'read',
          call: 'pread64',
          file: '/mnt/data "1", x = { 2 }',
          offset: 8192,
          segments: [{ address: 0x7f5a00000200, length: 4096 }],
          flags: ['direct'],
          consumer: 'bio',
        },
        3: { event: 'map', backing: 'file', file: '/mnt/log', offset: 4096, flags: ['private', 'prot_read'] },
        4: { line: 13, op: 'write', segments: [{ address: 0x7f5a10000000, length: 4096 }] },
        6: { call: 'write', file: '/mnt/log', consumer: 'buffered', result: 500 },
        7: { call: 'preadv', offset: 8192, len: 4213, flags: ['direct', 'assumed'] },
        // preadv2 and pwritev2, which LTTng has no name for.
        9: { call: 'preadv2', offset: 65536, len: 8192, flags: ['direct', 'nowait', 'assumed'] },
        10: { call: 'pwritev2', offset: -1, len: 0, result: -11 },
        // A thread is heard of before the clone that makes it returns.
        11: { line: 42, mm: 4162, len: 8192, ts: 840_000 },
        13: { event: 'fork', mm: 4162, result: 4200 },
        17: { mm: 4200, end: 'never', result: null },
      },
      assumptions: ['its address was recorded, not its segments', 'O_DIRECT is not recorded'],
    },
    { file: 'lttng-all.txt', ...WRITTEN, spanNs: 1_244_000 },
    {
      // Requests issued: 8192 and 512 bytes read, 131072 written, which nothing completes.
      file: 'lttng.txt',
      options: { formatOptions: { events: 'block' } },
      rows: 3,
      reads: 2,
      writes: 1,
      bytesRead: 8192 + 512,
      bytesWritten: 131072,
      level: 'L0',
      // Of the 66 lines 60 are of system calls, 5 of requests.
      skipped: {
        'system calls: the block requests are taken instead (--input-option events)': 60,
        'sched_switch events': 1,
      },
      errors: 1,
      neverCompleted: 1,
      someRows: {
        1: { file: '8:0', offset: 2048 * 512, len: 8192, flags: ['direct', 'assumed'] },
        2: { file: '8:0', offset: 4097 * 512, len: 512, result: -5 },
      },
    },
    {
      file: 'lttng-pwritev.txt',
      rows: 1,
      reads: 0,
      writes: 1,
      bytesRead: 0,
      bytesWritten: 4213,
      level: 'L0',
      skipped: { 'block events of operations that are there as system calls': 1 },
      someRows: { 1: { call: 'pwritev', mm: 4162, offset: 8192, len: 4213, result: 4213, file: 'fd 7 of 4162' } },
    },
  ],
  malformed: [
    {
      title: 'no event at all',
      bytes: `${GOOD}hello\n`,
      message: `t:3:1: it is no event of babeltrace2\n${HINT}`,
    },
    {
      title: 'values without names (--names=none)',
      bytes: `${HEAD}syscall_entry_read: { 0 }, { "fio", 9 }, { 7, 512 }\n`,
      message: `t:1:66: the fields of the event end, or have no names\n${HINT}`,
    },
    {
      title: 'a group without its end',
      bytes: `${HEAD}syscall_exit_write: { cpu_id = 0 }, { ret = 512\n`,
      message: `t:1:91: the fields of the event end, or have no names\n${HINT}`,
    },
    {
      title: 'text between groups',
      bytes: `${HEAD}syscall_exit_write: { cpu_id = 0 } and { ret = 512 }\n`,
      message: `t:1:78: the fields of the event end, or have no names\n${HINT}`,
    },
    {
      title: 'a string without its end',
      bytes: `${HEAD}syscall_exit_write: { procname = "fio }, { ret = 512 }\n`,
      message: `t:1:98: the fields of the event end, or have no names\n${HINT}`,
    },
    {
      title: 'a write without its count',
      bytes: event('syscall_entry_write', '{ fd = 7, buf = 4096 }'),
      message: 't:1:44: syscall_entry_write has no number as "count"',
    },
    {
      title: 'a read without its file',
      bytes: event('syscall_entry_read', '{ count = 512 }'),
      message: 't:1:44: syscall_entry_read has no number as "fd"',
    },
    {
      title: 'an exit without a result',
      bytes: GOOD + event('syscall_exit_read', '{ buf = 4096 }'),
      message: 't:3:44: syscall_exit_read has no number as "ret"',
    },
    {
      title: 'a result in words',
      bytes: GOOD + event('syscall_exit_read', '{ ret = many }'),
      message: 't:3:44: syscall_exit_read has no number as "ret"',
    },
    {
      title: 'a request without its length',
      bytes: event('block_rq_issue', '{ dev = 8388608, sector = 2048, rwbs = 4 }'),
      message: 't:1:44: block_rq_issue has no number as "nr_sector"',
    },
    {
      title: 'a sector beyond any device',
      bytes: event('block_rq_issue', '{ dev = 8388608, sector = 18446744073709551615, nr_sector = 8, rwbs = 4 }'),
      message: 't:1:44: block_rq_issue has no number as "sector"',
    },
    {
      title: 'two forms of time',
      bytes: `${GOOD}${event('syscall_exit_write', '{ ret = 1 }').replace('17:46:40', '1792000000')}`,
      message:
        't:3:1: the time is 1792000000.000001000, the first one was in time of day without a date, in local time\nWrite the whole file with one form.',
    },
  ],
})

describe('lttng: forms of a line', () => {
  const exit = (time: string, ret: number) => `${time} stor01 syscall_exit_write: ${CONTEXT}{ ret = ${ret} }\n`
  const entry = (time: string) =>
    `${time} stor01 syscall_entry_write: ${CONTEXT}{ fd = 7, buf = 0x7F00, count = 512, pos = 0 }\n`
  it.each([
    ['[17:46:40.000001000] (+?.?????????)', '17:46:40.000001000'],
    ['[17:46:40.000001000]', '17:46:40.000001000'],
    ['[2026-10-14 17:46:40.000001000] (+0.000000001)', '2026-10-14 17:46:40.000001000'],
    ['[1792000000.000001000] (+0.000000001)', '1792000000.000001000'],
    ['[01792000000000001000] (+000000000001)', '1792000000.000001000'],
  ])('%s', async (time, first) => {
    const text = entry(time) + exit(time, 512)
    const { rows, report } = await rowsOfText(text, 'lttng')
    expect(rows).toMatchObject([{ mm: 9, segments: [{ address: 0x7f00, length: 512 }], result: 512 }])
    expect(report.firstTime).toBe(first)
    expect(await claimsOf(Buffer.from(text))).toEqual(['lttng'])
  })

  it('over midnight', async () => {
    const { rows } = await rowsOfText(
      `${entry('[23:59:59.999999999]')}${exit('[00:00:00.000000001]', 1)}${entry('[00:00:00.500000000]')}${exit('[00:00:00.500000001]', 1)}`,
      'lttng',
    )
    expect(rows.map(({ ts }) => ts)).toEqual([0, 500_000_001])
  })

  it('enumerations are their numbers', async () => {
    const { rows } = await rowsOfText(
      event(
        'block_rq_issue',
        '{ dev = 8388608, sector = 8, nr_sector = 8, rwbs = ( "RWBS_FLAG_WRITE", "RWBS_FLAG_SYNC" : container = 33 ) }',
      ) +
        event(
          'block_rq_issue',
          '{ dev = 8388608, sector = 16, nr_sector = 8, rwbs = ( <unknown> : container = 0x24 ) }',
        ) +
        event('block_rq_issue', '{ dev = 8388608, sector = 0, nr_sector = 0, rwbs = 256 }'),
      'lttng',
    )
    expect(rows).toMatchObject([
      { op: 'write', offset: 4096 },
      { op: 'read', offset: 8192 },
    ])
  })

  it('process and thread: what the context says, else who runs on the CPU', async () => {
    const call = (context: string) =>
      `${HEAD}syscall_entry_write: { cpu_id = 3 }, ${context}{ fd = 7, buf = 4096, count = 512 }\n` +
      `${HEAD}syscall_exit_write: { cpu_id = 3 }, ${context}{ ret = 512 }\n`
    const { rows, skipped } = await rowsOfText(
      `${call('{ vtid = 12, vpid = 11 }, ')}${call('')}` +
        `${HEAD}sched_switch: { cpu_id = 3 }, { prev_tid = 0, next_comm = "fio", next_tid = 44 }\n${call('')}`,
      'lttng',
    )
    expect(rows.map(({ mm }) => mm)).toEqual([11, 44])
    expect(skipped).toEqual({ 'events of which no task is told': 2, 'sched_switch events': 1 })
  })

  it('remarks of babeltrace2 in the file: discarded events are a doubt', async () => {
    const { rows, report, skipped } = await rowsOfText(
      `${GOOD}WARNING: Tracer discarded 12 events between [17:46:40.0] and [17:46:41.0] in trace "kernel".\n`,
      'lttng',
    )
    expect(rows.length).toBe(1)
    expect(skipped).toEqual({ 'remarks of babeltrace2': 1 })
    expect(report.doubts).toEqual([expect.stringContaining('events were discarded')])
  })

  it('lines that never end take no long time', async () => {
    const open = `${HEAD}x: ${'{ a = '.repeat(50_000)}\n`
    const groups = `${HEAD}x: ${'{ a = 1 }, '.repeat(20_000)}\n`
    const host = `[17:46:40.000001000] ${'a: '.repeat(50_000)}\n`
    for (const text of [open, groups, host]) await messageOf(Buffer.from(text), { format: 'lttng' })
  })
})
