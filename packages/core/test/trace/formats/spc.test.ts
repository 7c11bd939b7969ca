import { spc } from '../../../src/trace/formats/spc.ts'
import { importSuite } from './import-suite.ts'

const GOOD = '0,20941264,8192,W,0.551706\n'
const bad = (line: string) => `${GOOD}${line}\n${GOOD}`

importSuite({
  format: spc,
  samples: [
    {
      // Made, but for the first three lines. Blanks taken out with tr -d ' \t\r', then awk -F, '{n[tolower($4)]++; b[…]+=$3}'.
      file: 'spc.spc',
      rows: 250,
      reads: 98,
      writes: 152,
      bytesRead: 948734,
      bytesWritten: 1494516,
      level: 'L0',
      skipped: {},
      // 5.037897 - 0.551706 s.
      spanNs: 4_486_191_000,
      someRows: {
        1: { ts: 0, end: 'synchronous', op: 'write', file: 'asu0', offset: 20941264 * 512, len: 8192 },
        3: { ts: 699_014_000, op: 'read', file: 'asu1', offset: 3436288 * 512, len: 15872 },
        // "\t0 ,   53158037 ,   1022 ,   W ,   1.258454 ,queue 4,free text"
        4: { ts: 706_748_000, op: 'write', file: 'asu0', offset: 53158037 * 512, len: 1022 },
      },
      assumptions: ['no completion is recorded'],
    },
    {
      // tr -d ' \t\r' < spc.spc | awk -F, '$1 == 23'
      file: 'spc.spc',
      options: { formatOptions: { asu: '23' } },
      rows: 58,
      reads: 19,
      writes: 39,
      bytesRead: 174080,
      bytesWritten: 418302,
      level: 'L0',
      skipped: { 'requests of other application storage units': 192 },
    },
  ],
  malformed: [
    {
      title: 'an ASU that is no number',
      bytes: bad('a0,8,512,R,1.0'),
      message: 't:2:1: ASU is "a0", expected the number of an application storage unit',
    },
    {
      title: 'a position that is no number, behind blanks',
      bytes: bad(' 0 , 8x , 512 , R , 1.0'),
      message: 't:2:6: LBA is "8x", expected blocks of 512 bytes',
    },
    {
      title: 'a blank inside a number',
      bytes: bad('0,8,5 12,R,1.0'),
      message: 't:2:5: Size is "5 12", expected bytes',
    },
    {
      title: 'an opcode of two letters',
      bytes: bad('0,8,512,RW,1.0'),
      message: 't:2:9: Opcode is "RW", expected R or W',
    },
    {
      title: 'no opcode',
      bytes: bad('0,8,512, ,1.0'),
      message: 't:2:10: Opcode is "", expected R or W',
    },
    {
      title: 'a time with an exponent',
      bytes: bad('0,8,512,R,1.5e3'),
      message: 't:2:11: Timestamp is "1.5e3", expected seconds since the trace began',
    },
    {
      title: 'a negative time',
      bytes: bad('0,8,512,R,-1'),
      message: 't:2:11: Timestamp is "-1", expected seconds since the trace began',
    },
    {
      title: 'four cells',
      bytes: bad('0,8,512,R'),
      message:
        't:2:1: the line has 4 cells, expected 5 or more: ASU,LBA,Size,Opcode,Timestamp\n' +
        'Is this an SPC block trace? Other columns: --columns tells any CSV.',
    },
  ],
})
