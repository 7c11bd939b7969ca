import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { blktrace } from '../../../src/trace/formats/blktrace.ts'
import { openTrace } from '../../../src/trace/open-trace.ts'
import { chunked, columnsOf } from '../columns-as-rows.ts'
import { blktraceBytes, type MadeRecord } from './blktrace-bytes.ts'
import { claimsOf, importSuite } from './import-suite.ts'

const READ = 1n
const WRITE = 2n
const QUEUE = 16n
const COMPLETE = 128n
const [Q, C, X, A] = [1, 8, 13, 15]
const CGROUP = 0x100

const GOOD: MadeRecord = { action: Q, categories: QUEUE | READ, bytes: 4096, sector: 64n, sequence: 1 }
const good = blktraceBytes(GOOD)

/** A good record, and one behind it that differs. */
function after(changed: MadeRecord): Buffer {
  return Buffer.concat([good, blktraceBytes({ ...GOOD, ...changed })])
}

/** As the records of blktrace-v7.bin were made: 18 Q, of which one is a flush, one a discard, one the rest of a split again. */
const EVENTS = {
  rows: 15,
  reads: 9,
  bytesRead: (3 * 8 + 256 + 8 + 2 * 8 + 8 + 128) * 512,
  writes: 6,
  bytesWritten: (8 + 64 + 16 + 8 + 8 + 8) * 512,
  level: 'L0',
  errors: 1,
  neverCompleted: 1,
  spanNs: 1_200_000,
  assumptions: ['one buffer', 'page cache'],
  // Three of CPU 1 were left out when it was made.
  doubts: ['3 event(s) are missing'],
} as const
const SKIPPED = {
  'further events of the same I/O': 30,
  'plugs and unplugs': 3,
  splits: 3,
  'names of processes': 2,
  'notes of the time of day': 1,
  'repetitions of an I/O: on a device below, behind a split, or after a requeue': 1,
  remaps: 1,
  'bounces, which are copies': 1,
  flushes: 1,
  discards: 1,
  'passthrough commands, which name no sectors': 1,
  'data of drivers': 1,
  messages: 1,
  'completions of I/O whose beginning is not in the file': 1,
}
const SYNTHETIC = {
  rows: 2,
  reads: 1,
  writes: 1,
  bytesRead: 256 * 512,
  bytesWritten: 8 * 512,
  level: 'L0',
  skipped: {
    'further events of the same I/O': 2,
    'notes of the time of day': 1,
    'names of processes': 1,
    splits: 1,
    remaps: 1,
    discards: 1,
    flushes: 1,
  },
  spanNs: 489_500,
  neverCompleted: 1,
} as const

importSuite({
  format: blktrace,
  samples: [
    // The two of the reference, eleven records each; the same events as blkparse-default.txt, which is made of them.
    { ...SYNTHETIC, file: 'blktrace-synthetic.bin', someRows: { 1: { ts: 0, end: 402_500, mm: 4162, file: '8:0' } } },
    { ...SYNTHETIC, file: 'blktrace-cpu0.blktrace.0', doubts: ['all events are of CPU 0'] },
    { ...EVENTS, file: 'blktrace-v7.bin', skipped: SKIPPED },
    { ...EVENTS, file: 'blktrace-v7-big-endian.bin', skipped: SKIPPED },
    {
      // The same in version 8, and of a zoned device: an append (64 sectors) and a write of a cgroup (8).
      ...EVENTS,
      file: 'blktrace-v8.bin',
      rows: 17,
      writes: 8,
      bytesWritten: EVENTS.bytesWritten + (64 + 8) * 512,
      spanNs: 2_120_000,
      skipped: {
        ...SKIPPED,
        // D of the append, C of the zone reset and of the write-zeroes.
        'further events of the same I/O': 33,
        remaps: 2,
        messages: 2,
        'zone plugs and unplugs': 2,
        'sectors that zone appends were given': 1,
        'zone commands': 1,
        'write-zeroes requests, which have no data': 1,
      },
      someRows: {
        16: { ts: 2_000_000, end: 2_050_000, file: '259:2', offset: 524_288 * 512, len: 64 * 512 },
        17: { ts: 2_100_000, end: 2_120_000, file: '259:2', offset: 700_000 * 512 },
      },
    },
    {
      // Four I/Os: through device mapper on a partition, over a stripe, over a mirror, on a partition. A7, X1; Q again on the
      // disks: 3; G1, D6 and five completions of parts on disks are further or end nothing by themselves.
      file: 'blktrace-stacked.bin',
      rows: 4,
      reads: 2,
      writes: 2,
      bytesRead: (8 + 16) * 512,
      bytesWritten: (256 + 8) * 512,
      level: 'L0',
      skipped: {
        'names of processes': 1,
        'notes of the time of day': 1,
        remaps: 7,
        splits: 1,
        'repetitions of an I/O: on a device below, behind a split, or after a requeue': 3,
        'further events of the same I/O': 7,
      },
      neverCompleted: 0,
      someRows: {
        1: { file: '253:0', ts: 0, end: 91_000 },
        2: { file: '9:0', ts: 100_000, end: 190_000, len: 131_072 },
        3: { file: '9:1', ts: 200_000, end: 291_000 },
        4: { file: '8:0', ts: 300_000, end: 350_000, offset: 4096 * 512 },
      },
    },
    {
      // Q of 8:0: of the mapper, of the mirror, of the partition; 2 + 2 + 2 + 7 events are of the others.
      file: 'blktrace-stacked.bin',
      options: { formatOptions: { device: '8,0' } },
      rows: 3,
      reads: 2,
      writes: 1,
      bytesRead: (8 + 16) * 512,
      bytesWritten: 8 * 512,
      level: 'L0',
      skipped: {
        'names of processes': 1,
        'notes of the time of day': 1,
        'events of other devices': 13,
        remaps: 5,
        'further events of the same I/O': 5,
        'completions of I/O whose beginning is not in the file': 1,
      },
    },
    {
      // blkparse-partition.txt is blkparse's text of it. Its summary: 75 reads queued, 2576 KiB, and 38 writes, 2944 KiB, of
      // which one is a flush and one a discard of 1024 KiB.
      file: 'blktrace-partition.bin',
      rows: 111,
      reads: 75,
      writes: 36,
      bytesRead: 2576 * 1024,
      bytesWritten: (2944 - 1024) * 1024,
      level: 'L0',
      skipped: {
        'names of processes': 9,
        'notes of the time of day': 1,
        'further events of the same I/O': 280,
        remaps: 112,
        splits: 46,
        flushes: 1,
        discards: 1,
      },
      errors: 0,
      neverCompleted: 0,
    },
  ],
  malformed: [
    {
      title: 'no magic number',
      bytes: Buffer.alloc(48, 'x'),
      message:
        't: record 1 at byte 0: it begins with 0x78787878, expected 0x65617407 or 0x65617408\nA record before it may be damaged. Is this a binary blktrace file?',
    },
    {
      title: 'a record that the one before does not end at',
      bytes: Buffer.concat([good, Buffer.from('...'), good]),
      message:
        't: record 2 at byte 48: it begins with 0x072e2e2e, expected 0x65617407 or 0x65617408\nA record before it may be damaged. Is this a binary blktrace file?',
    },
    {
      title: 'another version',
      bytes: after({ magic: 0x65617409 }),
      message: 't: record 2 at byte 48: it is of version 9 of the format, expected 7 or 8',
    },
    {
      title: 'another byte order in the middle',
      bytes: after({ isBig: true }),
      message:
        't: record 2 at byte 48: it begins with 0x07746165, expected 0x65617407 or 0x65617408\nA record before it may be damaged. Is this a binary blktrace file?',
    },
    {
      title: 'half a record',
      bytes: good.subarray(0, 40),
      message: 't: record 1 at byte 0: the file ends within it',
    },
    {
      title: 'an action that is none',
      bytes: after({ action: 77 }),
      message: 't: record 2 at byte 48: its action is 77, which is none of blktrace',
    },
    {
      title: 'a remap that tells nothing',
      bytes: after({ action: A, behind: Buffer.alloc(8) }),
      message: 't: record 2 at byte 48: a remap has 8 bytes behind it, expected 16',
    },
    {
      title: 'a split that tells nothing',
      bytes: after({ action: X }),
      message: 't: record 2 at byte 48: a split has 0 bytes behind it, expected 8',
    },
    {
      title: 'a cgroup without room for its id, and a split',
      bytes: after({ action: X | CGROUP, behind: Buffer.alloc(4) }),
      message: 't: record 2 at byte 48: a split has 0 bytes behind it, expected 8',
    },
    {
      title: 'a sector beyond what a trace can name',
      bytes: after({ sector: 2n ** 64n - 8n }),
      message: 't: record 2 at byte 48: it names a sector behind 8796093022208, the end of what a trace can name',
    },
    {
      title: 'a process id of 32 bits',
      bytes: after({ pid: 0xffffffff }),
      message: 't: record 2 at byte 48: process id 4294967295 is above 2147483647',
    },
    {
      title: 'a CPU that cannot be',
      bytes: after({ cpu: 1 << 20 }),
      message: 't: record 2 at byte 48: CPU 1048576 is above 65535',
    },
    {
      title: 'an error that is none',
      bytes: after({ action: C, categories: COMPLETE | READ, error: 20_000 }),
      message: 't: record 2 at byte 48: its error is 20000, which is no errno',
    },
  ],
})

async function importBytes(bytes: Uint8Array, name = 't') {
  const reader = await openTrace(chunked(bytes), name)
  const rows: object[] = []
  for await (const batch of reader.batches()) {
    for (let row = 0; row < batch.length; row++) rows.push(columnsOf(reader, batch, row))
  }
  return { rows, report: reader.imported! }
}

describe('blktrace: records', () => {
  it('both byte orders and both versions are told apart from everything else', async () => {
    for (const made of [{}, { isBig: true }, { version: 8 }, { version: 8, isBig: true }] as const) {
      expect(await claimsOf(blktraceBytes({ ...GOOD, ...made }))).toEqual(['blktrace'])
    }
    expect(await claimsOf(Buffer.from('eat'))).toEqual([])
  })

  it('times beyond 2^53 ns are exact', async () => {
    // 2^63 + 1 ns and 7 ns later.
    const timeNs = 2n ** 63n + 1n
    const first = blktraceBytes({ ...GOOD, timeNs })
    const last = blktraceBytes({ ...GOOD, action: C, categories: COMPLETE | READ, timeNs: timeNs + 7n })
    const { rows, report } = await importBytes(Buffer.concat([first, last]))
    expect(rows).toMatchObject([{ ts: 0, end: 7 }])
    expect(report.firstTime).toBe('9223372036.854775809')
  })

  it('an id of a cgroup stands before what follows', async () => {
    const behind = Buffer.alloc(24)
    behind.writeBigUInt64LE(4711n, 0)
    // From 253,0 sector 8 to 8,0, below an I/O that was queued there.
    behind.writeUInt32BE(253 * 2 ** 20, 8)
    behind.writeUInt32BE(8 * 2 ** 20, 12)
    behind.writeBigUInt64BE(8n, 16)
    const upper = { ...GOOD, device: 253 * 2 ** 20, sector: 8n }
    const bytes = [
      blktraceBytes(upper),
      blktraceBytes({ ...GOOD, action: A | CGROUP, behind, timeNs: 1n }),
      blktraceBytes({ ...GOOD, timeNs: 2n }),
      blktraceBytes({ ...upper, action: C, categories: COMPLETE | READ, timeNs: 3n }),
    ]
    const { rows } = await importBytes(Buffer.concat(bytes))
    expect(rows).toMatchObject([{ file: '253:0', ts: 0, end: 3 }])
  })

  it('a record that is cut at the end is passed over', async () => {
    const { rows, report } = await importBytes(Buffer.concat([good, good.subarray(0, 47)]))
    expect(rows.length).toBe(1)
    expect(report.skipped).toMatchObject([{ reason: 'a last record that is cut short', count: 1 }])
  })

  it('a flush with data is a write', async () => {
    const { rows } = await importBytes(blktraceBytes({ ...GOOD, categories: QUEUE | WRITE | 4n }))
    expect(rows).toMatchObject([{ op: 'write', len: 4096 }])
  })

  it('two CPUs leave no doubt, whatever the file is called', async () => {
    const bytes = after({ action: C, categories: COMPLETE | READ, cpu: 1 })
    const { report } = await importBytes(bytes, 'sda.blktrace.0')
    expect(report.doubts).toEqual([])
  })
})

describe('blktrace and blkparse: the same recording', () => {
  const SAMPLES = fileURLToPath(new URL('../../../../../traces/formats/', import.meta.url))
  /** Rows without what only one of them tells: lines. */
  const rowsOf = async (file: string) => {
    const { rows } = await importBytes(readFileSync(SAMPLES + file), file)
    return rows.map((row) => ({ ...row, line: 0 }))
  }

  it.each([
    ['blktrace-partition.bin', 'blkparse-partition.txt'],
    ['blktrace-v7.bin', 'blkparse-events.txt'],
    ['blktrace-v7-big-endian.bin', 'blkparse-events.txt'],
    ['blktrace-v7.bin', 'blkparse-times.txt'],
    ['blktrace-synthetic.bin', 'blkparse-default.txt'],
    ['blktrace-cpu0.blktrace.0', 'blkparse-default.txt'],
    ['blktrace-stacked.bin', 'blkparse-stacked.txt'],
  ])('%s and %s have the same rows', async (binary, text) => {
    expect(await rowsOf(binary)).toEqual(await rowsOf(text))
  })
})
