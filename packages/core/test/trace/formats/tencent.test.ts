import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { tencent } from '../../../src/trace/formats/tencent.ts'
import { claimsOf, importSuite, messageOf } from './import-suite.ts'

const GOOD = '1538323199,105352008,584,1,1576\n'
const bad = (line: string) => `${GOOD}${line}\n${GOOD}`

importSuite({
  format: tencent,
  samples: [
    {
      // Made, but for the first three lines, which are of the set. awk -F, '{n[$4]++; b[$4]+=$3*512}'; times with sort -n.
      file: 'tencent.csv',
      rows: 300,
      reads: 94,
      writes: 206,
      bytesRead: 8949760,
      bytesWritten: 21163520,
      level: 'L0',
      skipped: {},
      spanNs: 4_000_000_000,
      someRows: {
        1: { ts: 0, end: 'synchronous', op: 'write', file: 'volume1576', offset: 105352008 * 512, len: 584 * 512 },
        // Of the same second, and in the order of the file.
        2: { line: 2, ts: 0, op: 'read', file: 'volume1042', offset: 4398112 * 512, len: 4096 },
        3: { line: 3, ts: 1e9 },
        4: { line: 4, ts: 1e9 },
        5: { line: 5, ts: 1e9 },
      },
      assumptions: ['no completion is recorded', 'requests of the same second begin together'],
    },
  ],
  malformed: [
    {
      title: 'a direction beyond 1',
      bytes: bad('1538323199,8,8,2,1576'),
      message: 't:2:16: IOType is "2", expected 0 (read) or 1 (write)',
    },
    {
      title: 'a direction in letters',
      bytes: bad('1538323199,8,8,R,1576'),
      message: 't:2:16: IOType is "R", expected 0 (read) or 1 (write)',
    },
    {
      title: 'a control character that has the bits of a digit',
      bytes: bad('1538323199,8,8,\x10,1576'),
      message: 't:2:16: IOType is "\\x10", expected 0 (read) or 1 (write)',
    },
    {
      title: 'no volume',
      bytes: bad('1538323199,8,8,0,'),
      message: 't:2:18: VolumeID is "", expected the number of a volume',
    },
    {
      title: 'a time with a point and nothing behind it',
      bytes: bad('1538323199.,8,8,0,1'),
      message: 't:2:1: Timestamp is "1538323199.", expected seconds since 1970',
    },
    {
      title: 'a position that is no number',
      bytes: bad('1538323199,8.5,8,0,1'),
      message: 't:2:12: Offset is "8.5", expected sectors of 512 bytes',
    },
    {
      title: 'a size that is no number',
      bytes: bad('1538323199,8,eight,0,1'),
      message: 't:2:14: Size is "eight", expected sectors of 512 bytes',
    },
    {
      title: 'sectors that are no bytes below 2^53',
      bytes: bad('1538323199,9007199254740991,8,0,1'),
      message: 't:2: it tells of a position above 2^53 - 1, which no trace can have',
    },
    {
      title: 'a header',
      bytes: 'Timestamp,Offset,Size,IOType,VolumeID\n1538323199,8,8,0,1\n',
      message: 't:1:30: VolumeID is "VolumeID", expected the number of a volume',
    },
  ],
})

describe('tencent', () => {
  it('is found by content only where its times are those of the recorded days: elsewhere 0 may be a write', async () => {
    expect(await claimsOf(Buffer.from(GOOD))).toEqual(['tencent'])
    expect(await claimsOf(Buffer.from('1638323199,105352008,584,1,1576\n'))).toEqual([])
  })

  it.each([{}, { format: 'tencent' }])('a tar archive inside gzip is told as one: %j', async (options) => {
    const header = Buffer.alloc(512)
    header.write('2018100101.csv')
    header.write('ustar', 257)
    const archive = gzipSync(Buffer.concat([header, Buffer.from(GOOD), Buffer.alloc(1024)]))
    expect(await messageOf(archive, options)).toMatch(
      /^t(:1:1)?: .*it is a tar archive.*\nUnpack it into a pipe: tar xOz?f FILE \| pinscope replay -/,
    )
  })
})
