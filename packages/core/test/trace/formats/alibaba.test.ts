import { describe, expect, it } from 'vitest'
import { alibaba } from '../../../src/trace/formats/alibaba.ts'
import { importSuite, messageOf } from './import-suite.ts'

const GOOD = '0,R,126703644672,4096,1577808000000626\n'
const bad = (line: string) => `${GOOD}${line}\n${GOOD}`

importSuite({
  format: alibaba,
  samples: [
    {
      // Made, but for the first three lines, which are of the set. awk -F, '{n[$2]++; b[$2]+=$4}'; times with sort -n.
      file: 'alibaba.csv',
      rows: 300,
      reads: 76,
      writes: 224,
      bytesRead: 1199616,
      bytesWritten: 3335680,
      level: 'L0',
      skipped: {},
      // 1577808001042347 - 1577808000000626 us.
      spanNs: 1_041_721_000,
      someRows: {
        1: { ts: 0, end: 'synchronous', op: 'read', file: 'device0', offset: 126703644672, len: 4096 },
        2: { ts: 664_000, op: 'write', file: 'device419', offset: 8192, len: 16384, flags: ['direct', 'assumed'] },
      },
      assumptions: ['no completion is recorded'],
    },
    {
      // awk -F, '$1 == 419 || $1 == 3'
      file: 'alibaba.csv',
      options: { formatOptions: { device: '3,419' } },
      rows: 114,
      reads: 26,
      writes: 88,
      bytesRead: 354304,
      bytesWritten: 1283584,
      level: 'L0',
      skipped: { 'requests of other devices': 186 },
    },
  ],
  malformed: [
    {
      title: 'a device that is no number',
      bytes: bad('vda,R,0,4096,1577808000000700'),
      message: 't:2:1: device_id is "vda", expected the number of a device',
    },
    {
      title: 'an opcode that is a number',
      bytes: bad('0,0,0,4096,1577808000000700'),
      message: 't:2:3: opcode is "0", expected R or W',
    },
    {
      title: 'a discard',
      bytes: bad('0,D,0,4096,1577808000000700'),
      message: 't:2:3: opcode is "D", expected R or W',
    },
    {
      title: 'a position that is no number',
      bytes: bad('0,R,0x200,4096,1577808000000700'),
      message: 't:2:5: offset is "0x200", expected bytes',
    },
    {
      title: 'no length',
      bytes: bad('0,R,512,,1577808000000700'),
      message: 't:2:9: length is "", expected bytes',
    },
    {
      title: 'a date',
      bytes: bad('0,R,512,4096,2020-01-01'),
      message: 't:2:14: timestamp is "2020-01-01", expected microseconds since 1970',
    },
    {
      title: 'seconds among microseconds',
      bytes: bad('0,R,512,4096,1577808000'),
      message:
        't:2:14: timestamp is "1577808000", expected microseconds since 1970\n' +
        'It is more than 104 days from the first time of the file.',
    },
    {
      title: 'the list of devices of the set',
      bytes: '0,42949672960\n1,107374182400\n',
      message:
        't:1:1: the line has 2 cells, expected 5: device_id,opcode,offset,length,timestamp\n' +
        'Is this an Alibaba block trace (2020)? Other columns: --columns tells any CSV.',
    },
    {
      title: 'a device in words',
      bytes: GOOD,
      options: { formatOptions: { device: '3,four' } },
      message: 't: input option device is "3,four", expected numbers with commas\nAs in device=3,17.',
    },
  ],
})

describe('alibaba', () => {
  it('passes over a last line that was cut inside its time', async () => {
    expect(await messageOf(Buffer.from(`${GOOD}0,R,512,4096,15778080`), { format: 'alibaba' })).toBeNull()
  })
})
