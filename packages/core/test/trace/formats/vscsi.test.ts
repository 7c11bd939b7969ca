import { describe, expect, it } from 'vitest'
import { vscsi } from '../../../src/trace/formats/vscsi.ts'
import { claimsOf, importSuite } from './import-suite.ts'
import { type VscsiRecord, vscsiBytes } from './vscsi-bytes.ts'

const READ: VscsiRecord = { cmd: 0x28, lengthBytes: 4096, elements: 1, lbn: 8, tsUs: 1000 }

/** Record 2 differs from a good file's: `patch` at that byte of it. */
function patched(version: 1 | 2, at: number, patch: readonly number[]): Uint8Array {
  const bytes = vscsiBytes(version, [READ, { ...READ, tsUs: 2000 }, { ...READ, tsUs: 3000 }])
  bytes.set(patch, (version === 1 ? 32 : 40) + at)
  return bytes
}

importSuite({
  format: vscsi,
  samples: [
    {
      // Made: every list below is what traces/formats/README.md says was put in. 204 records, 6 of them move no data.
      file: 'vscsi-v1.bin',
      rows: 198,
      reads: 99,
      writes: 99,
      bytesRead: 3864064,
      bytesWritten: 3554304,
      level: 'L1',
      skipped: {
        'SYNCHRONIZE CACHE(10) commands': 1,
        'SYNCHRONIZE CACHE(16) commands': 1,
        'UNMAP commands': 1,
        'WRITE SAME(16) commands': 1,
        'INQUIRY commands': 1,
        'SCSI 0xc0 commands': 1,
      },
      errors: 0,
      neverCompleted: 0,
      someRows: {
        // First record: WRITE(10) of 64 KiB at block 42932745, 13 us after the base: the trace begins there.
        1: { ts: 0, end: 'synchronous', op: 'write', offset: 42932745 * 512, len: 65536, flags: ['direct', 'assumed'] },
      },
      assumptions: [
        'no completion is recorded',
        'layout aligned gives 168 of 198 operations as many scatter-gather elements as were recorded; 18 were recorded with fewer, 12 with more',
      ],
    },
    {
      // Made: 40 records 500 us apart (record 11 and 12 at the same time), one TEST UNIT READY, one WRITE AND VERIFY(10).
      file: 'vscsi-v2.bin',
      rows: 39,
      reads: 19,
      writes: 20,
      bytesRead: 41984,
      bytesWritten: 675840,
      level: 'L1',
      skipped: { 'TEST UNIT READY commands': 1 },
      // The last begins at 19,000 us (38 steps of 500) and takes 289 us.
      spanNs: 19_289_000,
      someRows: {
        1: { ts: 0, end: 250_000, op: 'read', offset: 512_000, len: 4096 },
        11: { ts: 5_000_000, end: 5_260_000 },
        12: { ts: 5_000_000, end: 5_261_000 },
        21: { ts: 9_500_000, op: 'write', len: 4096 },
      },
      assumptions: ['layout aligned gives 39 of 39 operations as many scatter-gather elements as were recorded'],
    },
  ],
  malformed: [
    {
      title: 'no version in the first records',
      bytes: new Uint8Array(80),
      message: 't: neither version 1 nor 2 in its first records\nIs this a vscsi trace?',
    },
    {
      title: 'too short for a record',
      bytes: vscsiBytes(1, [READ]).subarray(0, 31),
      message: 't: neither version 1 nor 2 in its first records\nIs this a vscsi trace?',
    },
    {
      title: 'one record of each version',
      bytes: Buffer.concat([vscsiBytes(1, [READ]), vscsiBytes(2, [READ])]),
      message: 't: neither version 1 nor 2 in its first records\nIs this a vscsi trace?',
    },
    {
      title: 'a version that changes',
      bytes: Buffer.concat([vscsiBytes(1, [READ, READ]), vscsiBytes(1, [READ], 0x0200)]),
      message:
        't: record 3 at byte 64: ver is 0x0200, expected 0x0100 to 0x01ff\nThe records before it were: is the file damaged, or are two joined?',
    },
    {
      title: 'version 2 that changes',
      bytes: Buffer.concat([vscsiBytes(2, [READ, READ]), vscsiBytes(2, [READ], 0x0100)]),
      message:
        't: record 3 at byte 80: ver is 0x0100, expected 0x0200 to 0x02ff\nThe records before it were: is the file damaged, or are two joined?',
    },
    {
      title: 'a command of two bytes',
      bytes: patched(1, 13, [0x01]),
      message:
        't: record 2 at byte 32: cmd is 0x0128, expected a SCSI operation code of one byte\nThe records before it were: is the file damaged, or are two joined?',
    },
    {
      title: 'a block beyond 2^53 bytes',
      bytes: patched(1, 16, [0, 0, 0, 0, 0, 0, 0x10, 0]),
      message: 't: record 2 at byte 32: lbn is above 2^53 / 512\nIs the file damaged, or in another byte order?',
    },
    {
      title: 'a time beyond 2^53 us',
      bytes: patched(2, 24, [0, 0, 0, 0, 0, 0, 0x20, 0]),
      message: 't: record 2 at byte 40: ts is above 2^53\nIs the file damaged, or in another byte order?',
    },
    {
      title: 'a response time beyond 2^53 ns',
      bytes: patched(2, 32, [0, 0, 0, 0, 0, 0, 0x10, 0]),
      message: 't: record 2 at byte 40: rt is above 2^53 / 1000\nIs the file damaged, or in another byte order?',
    },
  ],
})

describe('vscsi: telling it apart', () => {
  const good = vscsiBytes(1, [READ, READ])

  it('takes two records of one version, not one', async () => {
    expect(await claimsOf(good)).toEqual(['vscsi'])
    expect(await claimsOf(good.subarray(0, 32))).toEqual([])
    expect(await claimsOf(vscsiBytes(2, [READ, READ]))).toEqual(['vscsi'])
  })

  it('takes no file in which one record of the first 64 KiB does not fit', async () => {
    const bytes = vscsiBytes(
      1,
      Array.from({ length: 1000 }, () => READ),
    )
    bytes[32 * 999 + 15] = 3
    expect(await claimsOf(bytes)).toEqual([])
  })

  it('takes neither zeros nor text', async () => {
    expect(await claimsOf(new Uint8Array(4096))).toEqual([])
    expect(await claimsOf(Buffer.from('0,1,2,3\n'.repeat(100)))).toEqual([])
  })
})
