import { describe, expect, it } from 'vitest'
import { lcs } from '../../../src/trace/formats/lcs.ts'
import { claimsOf, importSuite } from './import-suite.ts'

const MAGIC = 0x123456789abcdef0n

/** A header of so many bytes, with one record behind it. */
function header(version: bigint, headerBytes = 8192, end = MAGIC): Buffer {
  const bytes = Buffer.alloc(headerBytes + 24)
  bytes.writeBigUInt64LE(MAGIC, 0)
  bytes.writeBigUInt64LE(version, 8)
  bytes.writeBigUInt64LE(end, headerBytes - 8)
  bytes.writeUInt32LE(4096, headerBytes + 12)
  return bytes
}

/** The header of 2024, which has the form of its records where others have the version. */
function selfDescribing(): Buffer {
  const bytes = header(0n, 1024)
  bytes.write('<IQIQ', 8, 'latin1')
  return bytes
}

/** Version 3, one record, with that operation and that upper half of the size. */
function version3(operation: number, sizeHigh: number): Buffer {
  const record = Buffer.alloc(36)
  record.writeUInt32LE(512, 12)
  record.writeUInt32LE(sizeHigh, 16)
  record.writeUInt8(operation, 20)
  return Buffer.concat([header(3n).subarray(0, 8192), record])
}

const NO_HEADER_END = 't: no LCS header ends at byte 8192 or 1024\nIs the file cut short?'

importSuite({
  format: lcs,
  samples: [
    {
      // Made: 50 requests of 4 KiB a second apart, header of 8 KiB.
      file: 'lcs-v1.bin',
      rows: 50,
      reads: 50,
      writes: 0,
      bytesRead: 50 * 4096,
      bytesWritten: 0,
      level: 'L0',
      skipped: {},
      spanNs: 49e9,
    },
    {
      // Made: reads and writes in turn, header of 1 KiB, a tenant beside the operation.
      file: 'lcs-v2.bin',
      rows: 50,
      reads: 25,
      writes: 25,
      bytesRead: 25 * 8192,
      bytesWritten: 25 * 8192,
      level: 'L0',
      skipped: {},
      spanNs: 49e9,
    },
    {
      // Made: get, set, delete in turn, of 512 bytes, 1024 and so on; sizes of 64 bits, two features.
      file: 'lcs-v5.bin',
      rows: 34,
      reads: 17,
      writes: 17,
      bytesRead: 217600,
      bytesWritten: 226304,
      level: 'L0',
      skipped: { deletes: 16 },
      spanNs: 49e9,
    },
  ],
  malformed: [
    {
      title: 'another file',
      bytes: 'fio version 3 iolog\n',
      message: 't: the file does not begin as an LCS trace does\nIs it one?',
    },
    {
      title: 'the self-describing form',
      bytes: selfDescribing(),
      message:
        't: the header describes its records itself: an LCS trace of 2024, which is not read\nConvert it with traceConv of libCacheSim: -t lcs, or oracleGeneral.',
    },
    {
      title: 'version 0',
      bytes: header(0n),
      message: 't: the LCS version is 0, expected 1 to 8\nConvert it with traceConv.',
    },
    {
      title: 'version 9',
      bytes: header(9n),
      message: 't: the LCS version is 9, expected 1 to 8\nConvert it with traceConv.',
    },
    { title: 'no end of the header', bytes: header(1n, 8192, 1n), message: NO_HEADER_END },
    { title: 'a header that is cut', bytes: header(1n).subarray(0, 8000), message: NO_HEADER_END },
    {
      title: 'an operation that is none',
      bytes: version3(99, 0),
      message:
        't: record 2 at byte 8192: the operation is 99, expected 0 to 15\nIs it a file of another form (--input-option)?',
    },
    {
      title: 'a size beyond 2^53',
      bytes: version3(1, 1 << 21),
      message: 't: record 2 at byte 8192: obj_size is above 2^53 bytes\nIs it a file of another form (--input-option)?',
    },
  ],
})

describe('lcs: telling it apart', () => {
  it('takes every file with its first bytes, to say what is wrong with it', async () => {
    expect(await claimsOf(header(1n))).toEqual(['lcs'])
    expect(await claimsOf(selfDescribing())).toEqual(['lcs'])
  })
})
