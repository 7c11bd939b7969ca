import { msr } from '../../../src/trace/formats/msr.ts'
import { importSuite } from './import-suite.ts'

const GOOD = '128166372003061629,hm,1,Read,2096128,512,63736\n'
const bad = (line: string) => `${GOOD}${line}\n${GOOD}`

importSuite({
  format: msr,
  samples: [
    {
      // Made, but for the first three lines, which are of the set. awk -F, '{n[$4]++; b[$4]+=$6}'; no line end at its end.
      file: 'msr.csv',
      rows: 300,
      reads: 111,
      writes: 189,
      bytesRead: 2068480,
      bytesWritten: 2471936,
      level: 'L0',
      skipped: {},
      errors: 0,
      neverCompleted: 0,
      someRows: {
        // 2^53 is 9,007,199,254,740,992: a double would make ...061630 of the first time.
        1: { ts: 0, end: 6_373_600, op: 'read', file: 'hm_1', offset: 2096128, len: 512, flags: ['direct', 'assumed'] },
        // (128166372016382155 - 128166372003061629) * 100 ns, and 8141 * 100 ns more.
        2: { ts: 1_332_052_600, end: 1_332_866_700, op: 'write', offset: 3221266432, len: 4096 },
      },
      assumptions: ['each request of the disk is taken as direct I/O of one buffer'],
    },
  ],
  malformed: [
    {
      title: 'a time that is none',
      bytes: bad('12816637200306162x,hm,1,Read,0,512,1'),
      message: 't:2:1: Timestamp is "12816637200306162x", expected 100 ns since 1601, as Windows counts',
    },
    {
      title: 'seconds instead of FILETIME in a later line',
      bytes: bad('1171812600,hm,1,Read,0,512,1'),
      message:
        't:2:1: Timestamp is "1171812600", expected 100 ns since 1601, as Windows counts\n' +
        'It is more than 104 days from the first time of the file.',
    },
    {
      title: 'an operation that is none',
      bytes: bad('128166372003061630,hm,1,Reed,0,512,1'),
      message: 't:2:25: Type is "Reed", expected Read or Write',
    },
    {
      title: 'nine columns, as files of others have',
      bytes: bad('128166372003061630,hm,1,Read,0,512,1,0,0'),
      message:
        't:2:1: the line has 9 cells, expected 7: Timestamp,Hostname,DiskNumber,Type,Offset,Size,ResponseTime\n' +
        'Is this an MSR Cambridge block trace? Other columns: --columns tells any CSV.',
    },
    {
      title: 'one column',
      bytes: bad('x'),
      message:
        't:2:1: the line has 1 cell, expected 7: Timestamp,Hostname,DiskNumber,Type,Offset,Size,ResponseTime\n' +
        'Is this an MSR Cambridge block trace? Other columns: --columns tells any CSV.',
    },
    {
      title: 'a negative position',
      bytes: bad('128166372003061630,hm,1,Read,-512,512,1'),
      message: 't:2:30: Offset is "-512", expected bytes',
    },
    {
      title: 'a size with a unit',
      bytes: bad('128166372003061630,hm,1,Write,0,4k,1'),
      message: 't:2:33: Size is "4k", expected bytes',
    },
    {
      title: 'a position above 2^53',
      bytes: bad('128166372003061630,hm,1,Write,9007199254740993,512,1'),
      message: 't:2:31: Offset is "9007199254740993", expected bytes',
    },
    {
      title: 'no response time',
      bytes: bad('128166372003061630,hm,1,Write,0,512,'),
      message: 't:2:37: ResponseTime is "", expected a multiple of 100 ns',
    },
    {
      title: 'a quote inside a cell',
      bytes: bad('128166372003061630,h"m,1,Write,0,512,1'),
      message: 't:2:21: a quote stands where none may\nIn this format a cell may stand in quotes, and has none in it.',
    },
  ],
})
