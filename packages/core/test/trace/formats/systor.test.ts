import { describe, expect, it } from 'vitest'
import { systor } from '../../../src/trace/formats/systor.ts'
import { claimsOf, importSuite } from './import-suite.ts'

const HEADER = 'Timestamp,Response,IOType,LUN,Offset,Size\n'
const GOOD = '1456135200.013118000,0.000806000,R,0,899056122368,131072\n'
const bad = (line: string) => `${HEADER}${GOOD}${line}\n${GOOD}`

importSuite({
  format: systor,
  samples: [
    {
      // Made, but for the first four lines, which are of the set's description. awk -F, '{n[$3]++; b[$3]+=$6} /^Time/ {h++}'.
      file: 'systor.csv',
      rows: 246,
      reads: 151,
      writes: 95,
      bytesRead: 3833344,
      bytesWritten: 2675712,
      level: 'L0',
      skipped: { 'requests whose IOType is blank': 17, 'header lines': 2 },
      someRows: {
        1: { line: 2, ts: 0, end: 806_000, op: 'read', file: 'LUN0', offset: 899056122368, len: 131072 },
        2: { line: 3, ts: 100_000_000, end: 101_013_000, op: 'write', offset: 8192, len: 4096 },
        // 1456135201.229859759: the last three digits mean nothing.
        3: { line: 5, ts: 1_216_741_000, end: 1_216_741_000 + 85_663_000, file: 'LUN4' },
      },
      assumptions: ['each request of the disk is taken as direct I/O of one buffer'],
    },
  ],
  malformed: [
    {
      title: 'a type beyond R and W',
      bytes: bad('1456135200.1,0.0008,T,0,0,4096'),
      message: 't:3:21: IOType is "T", expected R, W or nothing',
    },
    {
      title: 'a LUN that is no number',
      bytes: bad('1456135200.1,0.0008,R,LUN0,0,4096'),
      message: 't:3:23: LUN is "LUN0", expected the number of a LUN',
    },
    {
      title: 'a time in words',
      bytes: bad('2016-02-22 19:00,0.0008,R,0,0,4096'),
      message: 't:3:1: Timestamp is "2016-02-22 19:00", expected seconds since 1970',
    },
    {
      title: 'a time with two points',
      bytes: bad('1456135200.1.2,0.0008,R,0,0,4096'),
      message: 't:3:1: Timestamp is "1456135200.1.2", expected seconds since 1970',
    },
    {
      title: 'no response',
      bytes: bad('1456135200.1,,R,0,0,4096'),
      message: 't:3:14: Response is "", expected seconds',
    },
    {
      title: 'a position that is no number',
      bytes: bad('1456135200.1,0.0008,R,0,?,4096'),
      message: 't:3:25: Offset is "?", expected bytes',
    },
    {
      title: 'a size that is no number',
      bytes: bad('1456135200.1,0.0008,W,0,0,4096B'),
      message: 't:3:27: Size is "4096B", expected bytes',
    },
    {
      title: 'five cells',
      bytes: bad('1456135200.1,R,0,0,4096'),
      message:
        "t:3:1: the line has 5 cells, expected 6: Timestamp,Response,IOType,LUN,Offset,Size\nIs this a SYSTOR'17 block trace? Other columns: --columns tells any CSV.",
    },
    {
      title: 'microseconds among seconds',
      bytes: bad('1456135200113118,0.0008,R,0,0,4096'),
      message: 't:3:1: Timestamp is "1456135200113118", expected seconds since 1970',
    },
  ],
})

describe('systor', () => {
  it('is known without its header too', async () => {
    expect(await claimsOf(Buffer.from(`${GOOD}1456135201.213118000,0.000411000,,0,4096,4096\n`))).toEqual(['systor'])
  })
})
