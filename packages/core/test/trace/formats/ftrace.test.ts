import { ftrace } from '../../../src/trace/formats/ftrace.ts'
import { importSuite } from './import-suite.ts'

const HINT = 'Expected: comm-pid [cpu] flags seconds: event: fields, as tracefs and trace-cmd report write it.'
const ENTER_HINT =
  'Expected the arguments as the kernel prints them: fd: 0x3, buf: 0x7f00, count: 0x1000 (not raw, not the option fields).'
const EXIT_HINT =
  'Expected a number of bytes or -errno, as the kernel prints it: 0x1000 (not raw, not the option fields).'
const BLOCK_HINT =
  'Expected what the kernel prints: 254,0 RS 4096 () 80251512 + 8 [comm] (not raw, not the option fields).'
const REF_HINT = 'Expected the text that the kernel prints: pfn=0x… flags=… count=… mapcount=… mapping=… mt=… val=…'

const HEAD = '             fio-7       [001] .....     1.000000: '
const FIRST = `${HEAD}sys_close(fd: 3)\n`

const NO_IO = { reads: 0, writes: 0, bytesRead: 0, bytesWritten: 0 }
const IOMAP = 'iomap events: they do not tell reads from writes, and only say that a call is direct'
const MARKS = 'marks that programs wrote'
const HEADER = 'lines of the header'
const INNER = 'inner probes of references that are there already'
const REMOTE = "probes of another process's memory: they do not tell whose"
const RETURNS = 'returns of probes: the row is made where they are entered'

importSuite({
  format: ftrace,
  samples: [
    // Real: tracefs of 6.18, record-tgid, two threads. By event (sort | uniq -c of the names): preadv2 6, read 1, pread64 1, pwrite64 2
    // (one is -EINVAL), openat 2, close 2, fsync 1, iomap 16, block_rq_issue 10.
    {
      file: 'ftrace-direct.txt',
      rows: 10,
      reads: 8,
      writes: 2,
      bytesRead: 12_288 + 512 + 4 * 8192 + 100 + 5000,
      bytesWritten: 65_539,
      level: 'L0',
      skipped: {
        [HEADER]: 12,
        [IOMAP]: 16,
        'block events of operations that are there as system calls': 10,
        'exits of calls that make no row': 5,
        'calls that open, close and set up files': 4,
        'calls that sync, cut or allocate files': 1,
      },
      errors: 1,
      neverCompleted: 0,
      spanNs: 564_822_000 - 559_513_000,
      someRows: {
        1: { call: 'pwrite64', mm: 16013, flags: ['direct'], consumer: 'bio', offset: 0, result: 65_536 },
        4: { call: 'preadv2', mm: 16013, offset: 8192, result: 8192 },
        8: { call: 'pwrite64', offset: 1, len: 3, result: -22 },
        9: { call: 'read', consumer: 'buffered', len: 100, offset: -1 },
      },
    },
    // Real: trace-cmd 3.1.6 on 6.18. By event: pwrite64 2, preadv2 2, pread64 1, openat 2, iomap 8, block_rq_issue 6.
    {
      file: 'trace-cmd-direct.txt',
      rows: 5,
      reads: 3,
      writes: 2,
      bytesRead: 12_288 + 512 + 5000,
      bytesWritten: 65_539,
      level: 'L0',
      skipped: {
        [HEADER]: 1,
        [IOMAP]: 8,
        'block events of operations that are there as system calls': 6,
        'calls that open, close and set up files': 2,
        'exits of calls that make no row': 2,
      },
      errors: 1,
      spanNs: 197_928_000 - 196_725_000,
      someRows: { 5: { call: 'pread64', consumer: 'buffered', offset: 60_000, len: 5000 } },
    },
    // The same: WS 128, RS 24 + 1, RA 32 + 16, WSM 8 sectors; no completions.
    {
      file: 'trace-cmd-direct.txt',
      options: { formatOptions: { events: 'block' } },
      rows: 6,
      reads: 4,
      writes: 2,
      bytesRead: (24 + 1 + 32 + 16) * 512,
      bytesWritten: (128 + 8) * 512,
      level: 'L0',
      skipped: {
        [HEADER]: 1,
        [IOMAP]: 8,
        'system calls: the block requests are taken instead (--input-option events)': 14,
      },
      neverCompleted: 0,
    },
    // Real: option stacktrace. 6 entries that are no stack, 50 frames (grep -c ' => ').
    {
      file: 'ftrace-stacktrace.txt',
      rows: 1,
      reads: 0,
      writes: 1,
      bytesRead: 0,
      bytesWritten: 65_536,
      level: 'L3',
      skipped: {
        [HEADER]: 12,
        'stack frames of events that make no row': 50,
        [IOMAP]: 2,
        'block events of operations that are there as system calls': 1,
        'calls that open, close and set up files': 1,
        'exits of calls that make no row': 1,
      },
    },
    // Probes of a 6.1 and a 6.12 kernel. By name of the probe (sort | uniq -c). Rows are pin_fast_ret and unpin_*; pages, summed over
    // ret= and npages=, are 817 of each in 6.1.
    {
      file: 'ftrace-rxe-6.1.txt',
      ...NO_IO,
      rows: 5 + 19,
      level: 'R',
      events: { pin: 5, unpin: 19 },
      skipped: {
        [HEADER]: 12,
        'pr events': 83,
        'x_cnt events': 83,
        [MARKS]: 22,
        [INNER]: 5,
        [REMOTE]: 3,
        [RETURNS]: 3 + 5 + 19,
        'umem_get events': 5,
        'umem_get_ret events': 5,
      },
      someRows: {
        1: {
          event: 'pin',
          mm: 306,
          op: 'read',
          flags: ['longterm'],
          segments: [{ address: 0x7fe67aa13000, offset: 0, file: null, length: 65_536 }],
          stack: 'ib_umem_get;pin_user_pages_fast',
        },
        2: {
          event: 'unpin',
          len: 65_536,
          flags: ['dirty'],
          stack: '__ib_umem_release;unpin_user_page_range_dirty_lock',
        },
      },
    },
    // 828 pages of each.
    {
      file: 'ftrace-rxe-6.12.txt',
      ...NO_IO,
      rows: 16 + 11 + 34,
      level: 'R',
      events: { pin: 16, unpin: 45 },
      skipped: {
        [HEADER]: 12,
        'pr events': 127,
        'x_cnt events': 105,
        [MARKS]: 22,
        'x_np events': 11,
        'x_ex events': 11,
        [INNER]: 16,
        [REMOTE]: 3,
        [RETURNS]: 3 + 16,
        'umem_get events': 5,
        'umem_get_ret events': 5,
      },
    },
    // 54 pages of each; every pin has its frames, as the recorder lists them behind it.
    {
      file: 'ftrace-sgio-6.12.txt',
      ...NO_IO,
      rows: 7 + 54,
      level: 'R',
      events: { pin: 7, unpin: 54 },
      skipped: {
        [HEADER]: 12,
        'pr events': 53,
        'x_cnt events': 39,
        [MARKS]: 8,
        'x_np events': 7,
        'x_ex events': 7,
        [INNER]: 7,
        [REMOTE]: 3,
        [RETURNS]: 3 + 7,
        'blk_map events': 3,
        'blk_map_ret events': 3,
        'map_user events': 3,
        'map_user_ret events': 3,
        'bio_rel events': 3,
      },
      someRows: {
        1: { event: 'pin', iter: 'bvec', segments: [{ address: 0xd81c, offset: 0, length: 4096 }] },
        2: { event: 'unpin', iter: 'bvec', segments: [{ address: 0xd81c, offset: 0, length: 4096 }] },
        3: { event: 'pin', op: 'read', len: 16 * 4096 },
      },
    },
    // Made, the story is in its head: 5 pins, 14 + 3 gets, 4 unpins (one of two pins), 10 + 3 puts. The second halves of 4 pins have a
    // stack of their own (13 frames and the 2 of the tracer, 4 x 15), as have the refused get (8 + 2) and freeze and unfreeze (7 + 2).
    {
      file: 'page-ref.txt',
      ...NO_IO,
      rows: 5 + 17 + 4 + 13,
      level: 'R',
      events: { pin: 5, get: 17, unpin: 4, put: 13 },
      skipped: {
        [HEADER]: 21,
        'stack frames of events that make no row': 4 * 15 + 10 + 2 * 9,
        'page_ref events that freeze a count and give it back': 2,
        'page_ref events that change no count': 1,
      },
      someRows: {
        1: {
          event: 'get',
          call: 'page_ref_mod_unless',
          segments: [{ address: 0x1c0000, offset: 0, length: 4096 }],
          stack:
            'ret_from_fork;vhost_task_fn;vhost_run_work_list;vhost_scsi_handle_vq;vhost_scsi_mapal;vhost_scsi_map_to_sgl;iov_iter_get_pages2;__iov_iter_get_pages_alloc;get_user_pages_fast;gup_fast_fallback;try_grab_folio_fast',
        },
        5: { event: 'pin', segments: [{ address: 0x1a2b00, offset: 0, length: 4096 }] },
        22: { event: 'pin', call: 'page_ref_mod' },
        27: {
          event: 'unpin',
          segments: [
            { address: 0x1a2b05, offset: 0, length: 4096 },
            { address: 0x1a2b05, offset: 0, length: 4096 },
          ],
        },
      },
    },
    // Made: 4 requests and 5 sub-requests; GET 6 and 5 that sub-requests are made with; PUT 7 + 6 + 1 + 4 (grep -c of each verb).
    {
      file: 'netfs-refs.txt',
      ...NO_IO,
      rows: 9 + 11 + 18,
      level: 'R',
      events: { alloc: 9, share: 11, drop: 18 },
      skipped: { [HEADER]: 19, 'events that look at the references of an object': 1 },
      someRows: {
        1: { event: 'alloc', id: 'R=00000010', call: 'netfs_io_request' },
        4: { event: 'alloc', id: 'R=00000010[1]', call: 'netfs_io_subrequest', stack: null },
        5: { event: 'share', id: 'R=00000010[1]', call: 'netfs_io_subrequest' },
        23: { event: 'share', id: 'R=00000011[2]', call: 'GET SHORTRD' },
      },
      assumptions: ['first seen without its NEW event'],
    },
    // Made, each line for one trap.
    {
      file: 'ftrace-traps.txt',
      rows: 4,
      reads: 2,
      writes: 2,
      bytesRead: 0x64 + 0x1000,
      bytesWritten: 0x1000 + 0x1c8,
      level: 'L0',
      skipped: {
        [HEADER]: 9,
        'exits of calls that make no row': 3,
        'calls that open, close and set up files': 2,
        'stack frames of events that make no row': 2,
        'exits of calls that make no row, or whose enter is missing': 1,
        'lines of a function tracer': 1,
        [MARKS]: 1,
        'bprint events': 1,
        'calls without a user buffer (sendfile, splice, copy_file_range)': 1,
      },
      neverCompleted: 1,
      someRows: {
        1: { file: '/data/a, flags: 0x0, "b"', mm: 4100, flags: ['direct'], offset: 0xd000, len: 4096 },
        2: { file: 'fd 5 of 4200', len: 100, result: 50 },
        3: { call: 'writev', len: 456 },
        4: { end: 'never' },
      },
      doubts: ['lost more than 42 events'],
    },
  ],
  malformed: [
    { title: 'no line of ftrace', bytes: `${FIRST}hello\n`, message: `t:2:1: "hello" is no line of ftrace\n${HINT}` },
    {
      title: 'the latency format',
      bytes: '# tracer: nop\n#\n   x-1 y-16231     1..... 152537us+: sys_pwrite64(fd: 3)\n',
      message:
        't:3:1: the trace is in the latency format\nIts times are relative to the trace: echo 0 > options/latency-format, and read the trace again.',
    },
    {
      title: 'the option fields',
      bytes: `${HEAD}sys_enter_pwrite64: __syscall_nr=0x12 (18) fd=0x3 (3) buf=(0xffff88817832b01c)\n`,
      message: `t:1:${HEAD.length + 21}: pwrite64 has no argument "fd"\n${ENTER_HINT}`,
    },
    {
      title: 'a call without its vector',
      bytes: `${HEAD}sys_writev(fd: 3, vlen: 2)\n`,
      message: `t:1:${HEAD.length + 1}: writev has no argument "vec"\n${ENTER_HINT}`,
    },
    {
      title: 'a result that is no number',
      bytes: `${HEAD}sys_read -> x\n${FIRST}`,
      message: `t:1:${HEAD.length + 1}: the result of read is no number\n${EXIT_HINT}`,
    },
    {
      title: 'a remap that does not say from where',
      bytes: `${HEAD}block_bio_remap: 8,0 R 64 + 8 [fio]\n`,
      message: `t:1:${HEAD.length + 18}: block_bio_remap is in another form\n${BLOCK_HINT}`,
    },
    {
      title: 'a device number that does not exist',
      bytes: `${HEAD}block_rq_issue: 4096,0 R 4096 () 64 + 8 [fio]\n`,
      message: `t:1:${HEAD.length + 17}: block_rq_issue is in another form\n${BLOCK_HINT}`,
    },
    {
      title: 'page_ref without its page',
      bytes: `${HEAD}page_ref_set: flags= count=1 val=1\n`,
      message: `t:1:${HEAD.length + 15}: page_ref_set has no "pfn="\n${REF_HINT}`,
    },
    {
      title: 'a reference of netfs without a count',
      bytes: `${HEAD}netfs_sreq_ref: R=0000002a[1] GET SUBMIT\n`,
      message: `t:1:${HEAD.length + 17}: what netfs_sreq_ref tells is not a reference\nExpected R=0000002a[1] GET SUBMIT  r=2, as the kernel prints it.`,
    },
    {
      title: 'times that are too far apart for a trace',
      bytes: `${HEAD}sys_read(fd: 3, buf: 0x1000, count: 0x10)\n${HEAD}sys_read -> 0x10\n           fio-7       [001] .....  99999999999.000000: sys_read(fd: 3, buf: 0x1000, count: 0x10)\n`,
      message: 't:3: it tells of a time more than 104 days from the first, which no trace can have',
    },
  ],
})
