import { iorec } from '../../../src/trace/formats/iorec.ts'
import { importSuite } from './import-suite.ts'

const COLUMNS = 'ts_us,dur_us,tid,op,fd,target,oflags,off,nseg,segs,arg,ret,acq,rel,pages'
const GOOD = '1.0,2.5,7,pread64,3,/mnt/d,RD,0,1,7f0000000000:4096,,4096,1,1,A1'
const COLUMNS_2 = `${COLUMNS},pid,mm,file,shared`
const GOOD_2 = `${GOOD},7,7,,`

const bad = (line: string) => `${COLUMNS}\n${GOOD}\n${line}\n${GOOD}\n`
const with_ = (cell: number, text: string) => bad(GOOD.split(',').with(cell, text).join(','))
const bad2 = (...lines: string[]) => `# iorec 2\n${lines.join('\n')}\n`

/** Version 1 tells neither. */
const EXT4 = { formatOptions: { kernel: '6.18', filesystem: 'ext4' } }
const BLOCKS = 'logical blocks and DMA alignment are taken as 512 bytes'

// Reads, writes, their bytes and what is passed over: awk over the recording, by call and by the start of the target. Rows of
// `map`: a script over `pages` and mmap rows that knows nothing of the importer (each page before its first use, contiguous
// pages of one kind in one row, a file or shared mapping once).
importSuite({
  format: iorec,
  samples: [
    {
      file: 'iorec1-classes.csv',
      options: EXT4,
      rows: 48 + 7 + 6 + 8,
      reads: 33,
      writes: 15,
      bytesRead: 9_700_320,
      bytesWritten: 11_273_192,
      level: 'L3',
      events: { io: 48, map: 8, register: 7, unregister: 6 },
      // -22 three times (alignment) and -14 once (PROT_NONE); the completion of the last operation was never reaped.
      errors: 4,
      neverCompleted: 1,
      skipped: {
        'calls of recvfrom': 6,
        'calls of process_vm_readv': 6,
        'calls of setsockopt': 5,
        'calls of sendmsg': 5,
        'operations on pipes': 4,
        'calls of recvmsg': 3,
        'calls of vmsplice': 3,
        'calls of io_uring_setup': 1,
        'calls of splice': 1,
        'calls of sendfile': 1,
        'calls of process_vm_writev': 1,
      },
      assumptions: [BLOCKS],
    },
    {
      file: 'iorec1-refdemo.csv',
      rows: 12 + 2 + 7,
      reads: 12,
      writes: 2,
      bytesRead: 1_145_184,
      bytesWritten: 16_384,
      level: 'L3',
      errors: 0,
      neverCompleted: 0,
      skipped: {
        'calls of sendto': 3,
        'calls of recvfrom': 2,
        'calls of setsockopt': 1,
        'operations on character devices': 1,
      },
      assumptions: [BLOCKS, 'does not name the file system'],
    },
    {
      // Two threads besides the one that does the I/O; each iocb is used four times.
      file: 'iorec1-libaio.csv',
      options: EXT4,
      rows: 66 + 17,
      reads: 30,
      writes: 36,
      bytesRead: 466_944,
      bytesWritten: 589_824,
      level: 'L3',
      errors: 0,
      neverCompleted: 0,
      skipped: { 'operations on files of sysfs': 9, 'operations on pipes': 2, 'operations on character devices': 1 },
      assumptions: [BLOCKS, 'all threads are taken as those of one process'],
    },
    {
      // The kinds of its files: awk over the `file` rows. One row unmaps the memory when the process ends.
      file: 'iorec2-dd.csv',
      rows: 73 + 6 + 1,
      reads: 70,
      writes: 3,
      bytesRead: 4_270_432,
      bytesWritten: 96,
      level: 'L3',
      events: { io: 73, map: 6, unmap: 1 },
      errors: 0,
      neverCompleted: 0,
      skipped: { 'operations on character devices': 64 },
    },
    {
      // Made: what each line is for stands in iorec-made.test.ts, and is counted there.
      file: 'iorec2-made.csv',
      rows: 14 + 8 + 11 + 1 + 3 + 2 + 2,
      reads: 14,
      writes: 8,
      bytesRead: 8192 * 2 + 65_536 + 4096 * 8 + 16_384 * 2,
      bytesWritten: 16_384 * 3 + 4096 * 2 + 4196 + 100 + 10,
      level: 'L3',
      events: { io: 22, map: 11, fork: 1, unmap: 3, register: 2, unregister: 2 },
      errors: 2,
      neverCompleted: 2,
      skipped: {
        'calls of splice': 2,
        'operations on pipes': 2,
        'calls of sendmmsg': 2,
        'operations on files of proc': 1,
        'operations on character devices': 1,
        'calls of ioctl': 1,
        'calls with an address or a length above 2^53': 1,
        'calls of io_uring_setup': 1,
        'operations into provided buffers, whose addresses are not recorded': 1,
        'operations over registered buffers whose registration is not in the recording': 1,
        'completions of operations that were not seen': 1,
        'calls of io_uring_register that clone buffers of another ring': 1,
        'calls of process_vm_readv': 1,
        'calls of vmsplice': 1,
        'calls of sendto': 1,
        'calls of setsockopt': 1,
        'calls of sendmsg': 1,
        'calls of sendfile': 1,
        'calls of uring:SEND_ZC': 1,
        'calls of recvfrom': 1,
      },
      doubts: ['recorder says: one thing', 'recorder says: another, 100%', 'were replaced one by one'],
    },
  ],
  malformed: [
    { title: 'a row cut short', bytes: bad('1.0,2.5,7'), message: 't:3:1: the row has 3 cells, expected 15' },
    {
      title: 'a time that is none',
      bytes: with_(0, '1,5'.replace(',', ';')),
      message: 't:3:1: ts_us is "1;5", expected microseconds',
    },
    { title: 'no time', bytes: with_(0, ''), message: 't:3:1: ts_us is "", expected microseconds' },
    { title: 'a duration below 0', bytes: with_(1, '-2'), message: 't:3:5: dur_us is "-2", expected microseconds' },
    {
      title: 'a thread that is none',
      bytes: with_(2, '2147483648'),
      message: 't:3:9: tid is "2147483648", expected a number from 0 to 2147483647',
    },
    {
      title: 'a call with blanks in it',
      bytes: with_(3, 'p read'),
      message: 't:3:11: op is "p read", expected a call such as pread64 or aio:PWRITE',
    },
    {
      title: 'a position that is none',
      bytes: with_(7, '0x10'),
      message: 't:3:31: off is "0x10", expected a position in bytes',
    },
    {
      title: 'a segment without a length',
      bytes: with_(9, '7f00:1;7f10'),
      message: 't:3:35: segs is "7f00:1;7f10", expected segments such as 7f1572c01c00:4096 joined by ";"',
    },
    {
      title: 'segments that end with a semicolon',
      bytes: with_(9, '7f00:1;'),
      message: 't:3:35: segs is "7f00:1;", expected segments such as 7f1572c01c00:4096 joined by ";"',
    },
    {
      title: 'a result that is none',
      bytes: with_(11, 'EFAULT'),
      message: 't:3:54: ret is "EFAULT", expected a whole number',
    },
    {
      title: 'pages that are no runs',
      bytes: with_(14, 'A1.'),
      message: 't:3:63: pages is "A1.", expected runs of pages: A16-2',
    },
    {
      title: 'version 2 without its columns',
      bytes: bad2(COLUMNS, GOOD),
      message: `t:2:1: the row of columns has no pid\nA recording has at least the columns ${COLUMNS}.`,
    },
    {
      title: 'pages of 16 KiB',
      bytes: bad2('# page-size 16384', COLUMNS_2, GOOD_2),
      message: 't:2:1: page-size is "16384": pinscope counts pages of 4096 bytes',
    },
    {
      title: 'an alignment that is no power of two',
      bytes: bad2('# dma-alignment 100', COLUMNS_2, GOOD_2),
      message: 't:2:1: dma-alignment is "100", expected a power of two up to 1048576',
    },
    {
      title: 'an address space that is none',
      bytes: bad2(COLUMNS_2, `${GOOD},7,x,,`),
      message: 't:3:68: mm is "x", expected a whole number',
    },
    {
      title: 'a second recording behind the first',
      bytes: bad2(COLUMNS_2, GOOD_2, '# end', '# iorec 2'),
      message: 't:5:1: there is more behind "# end"\nAre these two recordings in one file?',
    },
    {
      title: 'a later version',
      bytes: '# iorec 3\n',
      message: 't: the recording is of a later version than 2\nUse a pinscope as new as the recorder.',
    },
    {
      title: 'a kernel of two lines',
      bytes: bad(GOOD),
      options: { formatOptions: { kernel: '6.18\n# x' } },
      message: 't: input option kernel is "6.18\\x0a# x", expected a word',
    },
  ],
})
