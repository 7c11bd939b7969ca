import { KERNEL_VERSIONS } from '@pinscope/core'
import { type RowsOptions, replayRows, sweepFaults, type TestRow } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { checksum } from '../src/checksum.ts'

const P = 4096
const A = 0x7f0000000000
const SEGMENTS: Readonly<Record<string, string>> = {
  ubuf: `0x${A.toString(16)}+32`,
  iovec: `0x${A.toString(16)}+3;0x${(A + 3).toString(16)}+29`,
  bvec: '500:0+31;500:31+1',
  kvec: '0x100000000000+16;0x100000000010+16',
  xarray: 'file:0+32',
  folioq: 'file:0+32',
}

async function sumOf(row: TestRow, options: RowsOptions = {}) {
  const { report, results, lane, notes } = await replayRows(checksum, [row], options)
  return { ...report, results, notes, made: lane.io.allocations.made }
}

describe('crc32c of an iterator', () => {
  // RFC 3720, appendix B.4: CRC-32C of 32 bytes.
  it.each([
    ['zeroes', () => 0, 0x8a9136aa],
    ['ones', () => 0xff, 0x62a8ab43],
    ['ascending', (i: number) => i & 0xff, 0x46dd794e],
    ['descending', (i: number) => (31 - i) & 0xff, 0x113fdb5c],
  ] as const)('%s', async (_, byte, crc) => {
    const fill = (_page: number, bytes: Uint8Array) => {
      for (let i = 0; i < P; i++) bytes[i] = byte(i)
    }
    for (const [iter, segs] of Object.entries(SEGMENTS)) {
      const { notes } = await sumOf({ op: 'write', iter, segs }, { kernel: '6.12', fill })
      expect([iter, notes]).toEqual([iter, [`crc32c 0x${crc.toString(16)}`]])
    }
  })

  it('is 0xe3069283 for "123456789", across pages', async () => {
    const digits = new TextEncoder().encode('123456789')
    // The first page ends with 1234, the second begins with the rest.
    let pages = 0
    const fill = (_page: number, bytes: Uint8Array) => {
      if (pages++ === 0) bytes.set(digits.subarray(0, 4), P - 4)
      else bytes.set(digits.subarray(4))
    }
    const row = { op: 'write', iter: 'ubuf', segs: `0x${(A + P - 4).toString(16)}+9` }
    const { counters, notes } = await sumOf(row, { kernel: '6.12', fill })
    expect(counters).toEqual({ checksums: 1, scannedBytes: 9, pieces: 2 })
    expect(notes).toEqual(['crc32c 0xe3069283'])
  })
})

describe('takes nothing', () => {
  it.each(KERNEL_VERSIONS)('on %s', async (kernel) => {
    for (const [iter, segs] of Object.entries(SEGMENTS)) {
      if (iter === 'folioq' && kernel === '6.1') continue
      for (const op of ['read', 'write']) {
        const { pins, refs, bare, data, entries, counters, made, results, notes } = await sumOf(
          { op, iter, segs },
          { kernel },
        )
        expect([results, pins.acquired, refs.acquired, bare.pages, made]).toEqual([[32], 0, 0, 0, 0])
        expect(data).toEqual({ zeroCopyBytes: 32, copiedBytes: 0 })
        expect([entries.built, counters.scannedBytes, notes]).toEqual([0, 32, []])
      }
    }
  })

  it('a page that cannot be had: -EFAULT', async () => {
    const unmapped = { event: 'map', backing: 'anon', segs: `0x${(A + P).toString(16)}+${P}`, flags: 'prot_none' }
    const row = { op: 'write', iter: 'ubuf', segs: `0x${A.toString(16)}+${2 * P}` }
    const { results, report } = await replayRows(checksum, [unmapped, row])
    expect(results).toEqual([-14])
    expect(report.counters).toMatchObject({ checksums: 0, scannedBytes: P })
  })

  it('a DISCARD has nothing to sum', async () => {
    const { results, counters } = await sumOf({ op: 'read', iter: 'discard', len: P })
    expect([results, counters.pieces]).toEqual([[P], 0])
  })

  it('and nothing can fail but the I/O itself', async () => {
    const rows = Object.entries(SEGMENTS).map(([iter, segs], i) => ({ op: 'read', iter, segs, ts: i, end: i + 9 }))
    const { steps, unclean } = await sweepFaults(checksum, rows)
    expect(steps).toEqual({ alloc: 0, page: 0, copy: 0, limit: 0, complete: 6, map: 0 })
    expect(unclean).toEqual([])
  })
})
