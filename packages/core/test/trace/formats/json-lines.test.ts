import { describe, expect, it } from 'vitest'
import { jsonLines } from '../../../src/trace/formats/json-lines.ts'
import { importSuite, messageOf } from './import-suite.ts'

const row = (cells: string) => `{"ts":0,${cells}}\n`
const io = '"op":"read","segs":["0x1000+512"]'

// Counted in the samples with jq: select(.event == null), group_by(.op), the sums of .len or of what stands behind the + of segs.
importSuite({
  format: jsonLines,
  samples: [
    {
      file: 'jsonl-script.jsonl',
      rows: 8,
      reads: 3,
      writes: 2,
      bytesRead: 4096 + 8192 + 4096 + 100,
      bytesWritten: 1536 + 512,
      level: 'L0',
      skipped: {},
      events: { io: 5, map: 1, pin: 1, unpin: 1 },
      spanNs: 7000,
      errors: 1,
      neverCompleted: 1,
      someRows: {
        1: { ts: 0, file: '/data/a', flags: ['direct', 'assumed'], segments: [{ length: 4096 }] },
        2: { ts: 900, end: 2500, result: -5, offset: -1 },
        4: { file: '/data/bä "x",y', consumer: 'bio', end: 'never' },
        5: {
          iter: 'bvec',
          segments: [
            { address: 16, offset: 512, length: 4096 },
            { address: 18, offset: 0, length: 100 },
          ],
          pins: [0, -1],
        },
        6: { event: 'map', mm: 7, order: 4, flags: ['untouched'] },
        7: { event: 'pin', id: 'p' },
      },
    },
    {
      file: 'jsonl-header.jsonl',
      rows: 5,
      reads: 3,
      writes: 1,
      bytesRead: 4096 + 4096 + 100,
      bytesWritten: 4008,
      level: 'L0',
      skipped: {},
      events: { io: 4, map: 1 },
      someRows: {
        3: { iter: 'xarray', segments: [{ file: '/mnt/a:b', address: 8192, length: 4096 }], hole: [0, 512] },
        5: {
          iter: 'mixed',
          segments: [
            { address: 0x1000, offset: -1 },
            { address: 77, offset: 16 },
          ],
        },
      },
    },
  ],
  malformed: [
    {
      title: 'no JSON',
      bytes: `${row(io)}{"ts":1,\n`,
      message: 't:2:1: the line is no JSON: "{"ts":1,"\nA row is an object in one line.',
    },
    {
      title: 'no object',
      bytes: '[1,2]\n',
      message: 't:1:1: the line is a list, expected an object\nA row is an object in one line.',
    },
    { title: 'no ts', bytes: '{"op":"read"}\n', message: 't:1:1: ts is missing, every row needs it' },
    {
      title: 'a time in seconds',
      bytes: '{"ts":0.5,"op":"read"}\n',
      message:
        't:1:7: ts is "0.5", expected an integer of nanoseconds\nWrite whole nanoseconds since the trace began: 1.5 us is 1500.',
    },
    {
      title: 'a number as text',
      bytes: row('"op":"read","len":"512"'),
      message: 't:1:27: len is "512", expected a number',
    },
    {
      title: 'a number above 2^53',
      bytes: '{"ts":9007199254740993,"op":"read"}\n',
      message:
        't:1:7: ts has "9007199254740992", expected integers below 2^53\nTimes count from the start of the trace: subtract the earliest ts.',
    },
    {
      title: 'a word that is none',
      bytes: row('"op":"raed","len":1'),
      message: 't:1:14: op is "raed", not a known op\nDid you mean read? Expected one of read write.',
    },
    {
      title: 'a key that is none',
      bytes: row(`${io},"lenght":5`),
      message:
        't:1:52: key "lenght" is not known\nKeys are ts end event id mm op call iter segs backing file offset len result flags consumer pins_acquired pins_released stack; one of your own begins with x_.',
    },
    {
      title: 'a segment that is none',
      bytes: row('"op":"read","segs":["0x1000+512","4096"]'),
      message:
        't:1:28: segs has "4096", expected 0xADDR+LEN\nA length without an address is no segment. Import a recording without addresses instead: pinscope formats lists what is read.',
    },
    {
      title: 'segments that are no list of texts',
      bytes: row('"op":"read","segs":[{"address":1}]'),
      message: 't:1:28: segs is a list, expected a list of texts without ";" in them',
    },
    {
      title: 'a flag that is none',
      bytes: row(`${io},"flags":["direct","slow"]`),
      message:
        't:1:51: flags has "slow", not a known flag\nExpected direct nowait zerocopy fixed hole longterm untouched private prot_none prot_read more splice eor gift move dirty kernel reset atomic worker raw assumed stable unstable order=N hole=OFFSET+LENGTH, or a word of your own that begins with x_.',
    },
    {
      title: 'a completion before the submission',
      bytes: '{"ts":10,"end":9,"op":"read","len":1}\n',
      message:
        't:1:16: end is "9", earlier than the ts of the row\nend is a time, not a duration; leave it empty where the row completes at once.',
    },
    {
      title: 'a name that is none',
      bytes: row(`${io},"file":7`),
      message: 't:1:50: file is 7, expected text',
    },
    {
      title: 'a header of another version',
      bytes: '{"format":"pinscope-trace","version":2}\n',
      message:
        't:1:1: the trace is of version 2, this pinscope reads version 1\nUse a pinscope as new as the one that wrote it.',
    },
    {
      title: 'a header with a value that is none',
      bytes: '{"format":"pinscope-trace","version":1,"dma-alignment":3}\n',
      message: 't:1:1: dma-alignment is "3", expected a power of two up to 1048576\nIt is a number of bytes.',
    },
  ],
})

describe('jsonl: bounded', () => {
  it('nesting of a million is refused, not followed', async () => {
    const line = `{"ts":0,"op":"read","segs":${'['.repeat(900_000)}${']'.repeat(900_000)}}\n`
    const message = await messageOf(Buffer.from(line), { format: 'jsonl' })
    expect(message).toBe('t:1:28: segs is a list, expected a list of texts without ";" in them')
  })
})
