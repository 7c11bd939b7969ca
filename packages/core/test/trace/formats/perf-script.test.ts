import { describe, expect, it } from 'vitest'
import { perfScript } from '../../../src/trace/formats/perf-script.ts'
import { claimsOf, importSuite } from './import-suite.ts'

const HINT =
  'Expected: comm pid [cpu] seconds: system:event: fields (perf script, or with -F comm,pid,tid,cpu,time,event,trace).'
const ENTER_HINT =
  'Expected the arguments as the kernel prints them: fd: 0x3, buf: 0x7f00, count: 0x1000 (not raw, not the option fields).'
const EXIT_HINT =
  'Expected a number of bytes or -errno, as the kernel prints it: 0x1000 (not raw, not the option fields).'
const BLOCK_HINT =
  'Expected what the kernel prints: 254,0 RS 4096 () 80251512 + 8 [comm] (not raw, not the option fields).'
const REF_HINT = 'Expected the text that the kernel prints: pfn=0x… flags=… count=… mapcount=… mapping=… mt=… val=…'

const FIRST = 'fio 7 [001]     1.000000: block:block_rq_issue: 8,0 R 4096 () 64 + 8 [fio]\n'

importSuite({
  format: perfScript,
  samples: [
    // grep -c of each event: 5 sys_enter_pread64, 5 sys_exit_pread64, 30 block_rq_issue. 5 x count 0x1000.
    {
      file: 'perf-script.txt',
      rows: 5,
      reads: 5,
      writes: 0,
      bytesRead: 5 * 4096,
      bytesWritten: 0,
      level: 'L3',
      skipped: { 'block events of operations that are there as system calls': 30 },
      spanNs: 675_000,
      someRows: {
        1: { call: 'pread64', mm: 12986, offset: 0, result: 4096, file: 'fd 7 of 12986' },
        5: { offset: 0xe000, segments: [{ address: 0x56169f228000, offset: 0, file: null, length: 4096 }] },
      },
      assumptions: ['O_DIRECT is not recorded'],
    },
    // The same file: "+ N" of the 30 requests, N x 512, is 528,384 bytes of the reads and 4,096 of the one WS (awk).
    {
      file: 'perf-script.txt',
      options: { formatOptions: { events: 'block' } },
      rows: 30,
      reads: 29,
      writes: 1,
      bytesRead: 528_384,
      bytesWritten: 4096,
      level: 'L0',
      skipped: { 'system calls: the block requests are taken instead (--input-option events)': 10 },
      spanNs: 261_153_000,
      someRows: {
        3: { file: '254:0', offset: 47_153_440 * 512, len: 36_864, flags: ['direct', 'assumed'], consumer: 'bio' },
      },
      assumptions: ['has no completions'],
    },
    // 141 pairs (grep -c sys_enter, sys_exit). Sum of count: of read and pread64, and of the results of the 3 preadv2: 1,504,302;
    // result of the pwritev2: 0x40000.
    {
      file: 'perf-script-python.txt',
      rows: 141,
      reads: 140,
      writes: 1,
      bytesRead: 1_504_302,
      bytesWritten: 0x40000,
      level: 'L0',
      skipped: {},
      errors: 0,
      neverCompleted: 0,
      someRows: { 141: { call: 'preadv2', offset: 5, len: 0x2ef1, flags: ['assumed'] } },
      assumptions: ['one buffer of the bytes that it moved'],
    },
    // Real: perf 6.1 on 6.18, --ns -F +pid, a comm with blanks, brackets and a dash, two threads. By event (sort | uniq -c): preadv2 6,
    // read 1, pread64 1, pwrite64 2 (one is -EINVAL); openat and close 2 each, fsync 1, whose 5 exits make no row either; iomap 16,
    // block 14 + 24. Bytes: results of preadv2 12,288 + 512 + 4 x 8,192, counts 100 and 5,000; 65,536 + 3.
    {
      file: 'perf-script-direct.txt',
      rows: 10,
      reads: 8,
      writes: 2,
      bytesRead: 50_668,
      bytesWritten: 65_539,
      level: 'L0',
      skipped: {
        'block events of operations that are there as system calls': 38,
        'iomap events: they do not tell reads from writes, and only say that a call is direct': 16,
        'exits of calls that make no row': 5,
        'calls that open, close and set up files': 4,
        'calls that sync, cut or allocate files': 1,
      },
      spanNs: 4_772_800,
      errors: 1,
      someRows: {
        1: { call: 'pwrite64', mm: 15050, flags: ['direct'], consumer: 'bio', result: 65_536 },
        2: { call: 'preadv2', offset: 4096, len: 12_288 },
        8: { call: 'pwrite64', offset: 1, len: 3, result: -22 },
        10: { call: 'pread64', flags: [], consumer: 'buffered', offset: 60_000 },
      },
    },
    // Its 14 block_rq_issue: RS 24 + 1 + 4 x 16 sectors, RA 32 + 16, WS 128, WSM 5 x 8. One of them completes in the file (77198288).
    {
      file: 'perf-script-direct.txt',
      options: { formatOptions: { events: 'block' } },
      rows: 14,
      reads: 8,
      writes: 6,
      bytesRead: (24 + 1 + 64 + 48) * 512,
      bytesWritten: (128 + 40) * 512,
      level: 'L0',
      skipped: {
        'completions of I/O whose beginning is not in the file': 23,
        'system calls: the block requests are taken instead (--input-option events)': 30,
        'iomap events: they do not tell reads from writes, and only say that a call is direct': 16,
      },
      neverCompleted: 13,
    },
    // Real, with -g: 4 events, 44 frames (grep -c $'^\t').
    {
      file: 'perf-script-callchain.txt',
      rows: 1,
      reads: 0,
      writes: 1,
      bytesRead: 0,
      bytesWritten: 65_536,
      level: 'L3',
      skipped: {
        'stack frames of events that make no row': 44,
        'block events of operations that are there as system calls': 2,
      },
    },
    // Made, each line for one trap: what is passed over is every line that is not named by a row below, or its exit.
    {
      file: 'perf-script-traps.txt',
      rows: 6,
      reads: 4,
      writes: 2,
      bytesRead: 8192 + 4096,
      bytesWritten: 16 + 4096,
      level: 'L3',
      skipped: {
        'lines of the header': 8,
        'records about processes and memory (PERF_RECORD_*)': 2,
        'exits of calls that make no row': 2,
        'exits of calls that make no row, or whose enter is missing': 2,
        'calls that open, close and set up files': 1,
        'block events of operations that are there as system calls': 1,
        'calls with an address or a length above 2^53': 1,
        'raw_syscalls events: they have numbers for names (record syscalls:* instead)': 1,
        'sched:sched_switch events': 1,
        'calls on sockets': 1,
      },
      errors: 1,
      neverCompleted: 1,
      spanNs: 60_000,
      someRows: {
        1: { call: 'pread64', mm: 100, flags: ['direct'], offset: 0x4000, result: 0x2000, end: 'synchronous' },
        2: { call: 'write', mm: 200, ts: 1000, result: 16 },
        3: { call: 'pwrite64', result: null },
        4: { call: 'preadv2', offset: -1, len: 0, result: -11, flags: ['direct', 'nowait'] },
        5: { call: 'read', len: 0, result: 0 },
        6: { call: 'read', end: 'never' },
      },
      doubts: ['the exit of the one before is missing', 'lost 7 events'],
    },
  ],
  malformed: [
    {
      title: 'no line of perf',
      bytes: `hello\n${FIRST}`,
      message: `t:1:1: "hello" is no line of perf script\n${HINT}`,
    },
    {
      title: 'a head without an event',
      bytes: `${FIRST}fio 7 [001]     1.000000: what\n`,
      message: `t:2:27: no event follows the time\n${HINT}`,
    },
    {
      title: 'a call without its buffer',
      bytes: 'fio 7 [001]     1.000000: syscalls:sys_enter_read: fd: 0x3, count: 0x10\n',
      message: `t:1:52: read has no argument "buf"\n${ENTER_HINT}`,
    },
    {
      title: 'a result that is no number',
      bytes: 'fio 7 [001]     1.000000: syscalls:sys_exit_read: nothing\nfio 7 [001] 1.000000: a:b: c\n',
      message: `t:1:51: the result of read is no number\n${EXIT_HINT}`,
    },
    {
      title: 'a request in raw form',
      bytes: 'fio 7 [001]     1.000000: block:block_rq_issue: dev=266338304 sector=77333560 nr_sector=8\n',
      message: `t:1:49: block_rq_issue is in another form\n${BLOCK_HINT}`,
    },
    {
      title: 'a completion without its error',
      bytes: `${FIRST}fio 7 [001]     1.000000: block:block_rq_complete: 8,0 R () 64 + 8 be,0,4\n`,
      message: `t:2:52: block_rq_complete is in another form\n${BLOCK_HINT}`,
    },
    {
      title: 'page_ref without val',
      bytes: 'fio 7 [001]     1.000000: page_ref:page_ref_mod: pfn=0x10 flags=lru count=1\n',
      message: `t:1:50: page_ref_mod has no "val="\n${REF_HINT}`,
    },
    {
      title: 'page_ref with a val that is no number',
      bytes: 'fio 7 [001]     1.000000: page_ref:page_ref_mod: pfn=0x10 flags=lru count=1 val=many\n',
      message: 't:1:50: val of page_ref_mod is "many", expected a whole number',
    },
    {
      title: 'a reference of netfs in another form',
      bytes: 'fio 7 [001]     1.000000: netfs:netfs_rreq_ref: rreq=42 ref=1 what=3\n',
      message:
        't:1:49: what netfs_rreq_ref tells is not a reference\nExpected R=0000002a[1] GET SUBMIT  r=2, as the kernel prints it.',
    },
    {
      title: 'a vmemmap that is no address',
      bytes: FIRST,
      options: { formatOptions: { vmemmap: 'yes' } },
      message: 't: input option vmemmap is "yes"\nExpected an address: 0xffffea0000000000.',
    },
  ],
})

describe('perf-script: telling it apart', () => {
  it('knows a header of --header with more events than the head of a file has lines', async () => {
    const event =
      '# event : name = syscalls:sys_enter_read, , id = { 3571, 3572 }, type = 2, size = 128, config = 0x2cf\n'
    const header = `# ========\n# captured on    : Sun Nov 22 00:41:11 2026\n${event.repeat(100)}# ========\n#\n`
    expect(await claimsOf(Buffer.from(`${header}fio 7 [001]     1.000000: syscalls:sys_exit_read: 0x0\n`))).toEqual([
      'perf-script',
    ])
  })
})
