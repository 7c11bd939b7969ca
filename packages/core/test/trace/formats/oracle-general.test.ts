import { describe, expect, it } from 'vitest'
import { oracleGeneral } from '../../../src/trace/formats/oracle-general.ts'
import { claimsOf, importSuite } from './import-suite.ts'
import { vscsiBytes } from './vscsi-bytes.ts'

/** `<IQIq` a request (libCacheSim oracleGeneralBin.h); `high`: the upper half of the object id. */
function general(requests: readonly { time: number; size: number; next?: bigint; high?: number }[]): Buffer {
  const records = requests.map(({ time, size, next, high }, index) => {
    const bytes = Buffer.alloc(24)
    bytes.writeUInt32LE(time, 0)
    bytes.writeUInt32LE(index, 4)
    bytes.writeUInt32LE(high ?? 0, 8)
    bytes.writeUInt32LE(size, 12)
    bytes.writeBigInt64LE(next ?? -1n, 16)
    return bytes
  })
  return Buffer.concat(records)
}

/** `<IQIBHq` a request. */
function opns(operations: readonly number[]): Buffer {
  const records = operations.map((operation, index) => {
    const bytes = Buffer.alloc(27)
    bytes.writeUInt32LE(100 + index, 0)
    bytes.writeUInt32LE(index, 4)
    bytes.writeUInt32LE(4096, 12)
    bytes.writeUInt8(operation, 16)
    bytes.writeBigInt64LE(-1n, 19)
    return bytes
  })
  return Buffer.concat(records)
}

const GOOD = { time: 100, size: 4096 }
const FITS_NEITHER =
  't: the first records fit neither form: times go back, or a next request does not come later\nIf it is such a trace, say which: --input-option form=general|opns'
const IS_GENERAL = { formatOptions: { form: 'general' } }
const IS_OPNS = { formatOptions: { form: 'opns' } }

const SIZES = { rows: 294, bytesRead: 832086, bytesWritten: 0, reads: 294, writes: 0 }

importSuite({
  format: oracleGeneral,
  samples: [
    {
      // Made: 300 requests, 9 to the second; every 50th has no bytes. Sizes were added up where they were made.
      file: 'oracle-general.bin',
      ...SIZES,
      level: 'L0',
      skipped: { 'requests of no bytes': 6 },
      spanNs: 33e9,
      errors: 0,
      someRows: { 1: { ts: 0, op: 'read', offset: -1, file: null, flags: ['assumed'], consumer: 'buffered' } },
      assumptions: [
        'taken as reads (--input-option op=write)',
        'object ids are taken as names',
        'objects are no whole sectors',
      ],
    },
    {
      file: 'oracle-general.bin',
      options: { formatOptions: { op: 'write', 'id-block': '512' } },
      ...SIZES,
      reads: 0,
      writes: 294,
      bytesRead: 0,
      bytesWritten: 832086,
      level: 'L0',
      skipped: { 'requests of no bytes': 6 },
      // Object ids are (i * i * 7 + i) % 41 * 1000 + 5: of the first two requests 5 and 8005.
      someRows: { 1: { op: 'write', offset: 5 * 512 }, 2: { offset: 8005 * 512 } },
      assumptions: ['taken as writes (--input-option op=read)'],
    },
    {
      // Made: 120 requests; 12 each of set, read, write, delete, nop, invalid, update, 36 of get.
      file: 'oracle-general-opns.bin',
      rows: 108,
      reads: 36 + 12 + 12 + 12,
      writes: 12 + 12 + 12,
      bytesRead: 294912 + 3 * 98304,
      bytesWritten: 3 * 98304,
      level: 'L0',
      skipped: { deletes: 12 },
      spanNs: 29e9,
      assumptions: ['requests without an operation are taken as reads'],
    },
  ],
  malformed: [
    { title: 'times that go back', bytes: general([GOOD, { time: 99, size: 1 }]), message: FITS_NEITHER },
    { title: 'a next request before this one', bytes: general([GOOD, { ...GOOD, next: 1n }]), message: FITS_NEITHER },
    {
      title: 'a next request that no trace has',
      bytes: general([GOOD, { ...GOOD, next: 1n << 41n }]),
      message: FITS_NEITHER,
    },
    { title: 'one record', bytes: general([GOOD]), message: FITS_NEITHER },
    { title: 'zeros', bytes: new Uint8Array(240), message: FITS_NEITHER },
    {
      title: 'a form that is none',
      bytes: general([GOOD, GOOD]),
      options: { formatOptions: { form: 'v3' } },
      message: 't: input option form is "v3"\nExpected auto, general, opns.',
    },
    {
      title: 'an operation that is none',
      bytes: opns([1, 16]),
      options: IS_OPNS,
      message:
        't: record 2 at byte 27: the operation is 16, expected 0 to 15\nIs it a file of another form (--input-option)?',
    },
    {
      title: 'a block beyond 2^53 bytes',
      bytes: general([GOOD, { ...GOOD, high: 1 << 20 }]),
      options: { formatOptions: { 'id-block': '4096' } },
      message: 't: record 2 at byte 24: obj_id is above 2^53 bytes\nIs it a file of another form (--input-option)?',
    },
    {
      title: 'a time far before the one before',
      bytes: general([...Array.from({ length: 5000 }, () => GOOD), { time: 1, size: 1 }]),
      options: IS_GENERAL,
      message:
        't: the time is 99 s earlier than that of a row 4096 rows before\nSort it into a trace first: pinscope trace convert --sort FILE -o SORTED.csv',
    },
  ],
})

describe('oracle-general: telling it apart', () => {
  it('takes requests whose next one is told as -1, as the largest number, or as a later one', async () => {
    const largest = (1n << 63n) - 1n
    expect(await claimsOf(general([GOOD, { ...GOOD, next: largest }, { ...GOOD, next: 4n }]))).toEqual([
      'oracle-general',
    ])
    expect(await claimsOf(opns([1, 3]))).toEqual(['oracle-general'])
  })

  it('takes no vscsi file, and vscsi none of it', async () => {
    const record = { cmd: 0x2a, lengthBytes: 512, elements: 1, lbn: 42932745, tsUs: 5633898368802 }
    for (const version of [1, 2] as const) {
      for (let count = 2; count < 40; count++) {
        const bytes = vscsiBytes(
          version,
          Array.from({ length: count }, () => record),
        )
        expect(await claimsOf(bytes)).toEqual(['vscsi'])
      }
    }
  })
})
