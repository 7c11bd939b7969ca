import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { openTrace } from '../../src/trace/open-trace.ts'
import { type TraceInfo, traceInfo } from '../../src/trace/trace-info.ts'
import { chunked } from './columns-as-rows.ts'
import { readSimply, segmentsOf } from './simple-reader.ts'

async function infoOf(text: string): Promise<TraceInfo> {
  return traceInfo(await openTrace(chunked(Buffer.from(text)), 'x'))
}

const HEADER =
  '# pinscope-trace 1\n# kernel 6.18\n# title Twelve rows\nts,end,event,mm,op,iter,segs,backing,file,len,result,flags,consumer,pins_acquired\n'

describe('trace info', () => {
  it('sums up a trace', async () => {
    const info = await infoOf(
      `${HEADER}100,,map,7,,,0x10000+65536,anon,,,,,,
200,900,,7,read,,0x10e00+1024,,f,,1024,direct,bio,2
300,800,,7,write,,0x10000+512;0x11000+0;0x12fff+4097,,f,,100,direct,bio,
400,never,,8,write,kvec,0x20000+4096,,g,,-22,,,1
800,,,8,read,discard,,,,77,,,tls,
900,1000,,8,read,bvec,5:8191+2,,,,,direct,bio,
`,
    )
    expect(info).toEqual({
      file: 'x',
      format: 'pinscope',
      version: 1,
      kernel: '6.18',
      filesystem: null,
      logicalBlockSizeBytes: null,
      dmaAlignmentBytes: null,
      folioOrder: null,
      attributes: { kernel: '6.18', title: 'Twelve rows' },
      columns: 'ts,end,event,mm,op,iter,segs,backing,file,len,result,flags,consumer,pins_acquired'.split(','),
      layout: 'L3',
      layoutAssumed: null,
      imported: null,
      // Those below and one each for the kvec; every address is known.
      pins: { min: 7, expected: 7, max: 7 },
      rows: 6,
      operations: 5,
      events: { io: 5, map: 1 },
      spanNs: 900,
      reads: 3,
      writes: 2,
      directOperations: 3,
      bytes: { read: 1024 + 77 + 2, written: 512 + 4097 + 4096 },
      errors: 1,
      shortOperations: 1,
      segments: { total: 6, min: 0, mean: 1.2, max: 3 },
      segmentSizes: [
        { fromBytes: 0, toBytes: 0, segments: 1 },
        { fromBytes: 2, toBytes: 3, segments: 1 },
        { fromBytes: 512, toBytes: 1023, segments: 1 },
        { fromBytes: 1024, toBytes: 2047, segments: 1 },
        { fromBytes: 4096, toBytes: 8191, segments: 2 },
      ],
      iterators: { ubuf: 1, iovec: 1, bvec: 1, kvec: 1, discard: 1 },
      // 2 for 0xe00+1024, 1 + 0 + 2 for the vector, 2 for the bvec at 8191.
      directPages: 7,
      // At 400: the read, the write and the one that never completes.
      inFlightMax: 3,
      neverCompleted: 1,
      groundTruthRows: 2,
      consumers: ['bio', 'tls'],
      calls: [],
      files: 2,
      addressSpaces: 2,
      textBytes: info.textBytes,
    })
    expect(info.textBytes).toBeGreaterThan(300)
    expect(JSON.parse(JSON.stringify(info))).toEqual(info)
  })

  it('of a trace without rows', async () => {
    const info = await infoOf('# pinscope-trace 1\nts\n')
    expect(info).toMatchObject({
      rows: 0,
      operations: 0,
      spanNs: 0,
      inFlightMax: 0,
      segments: { min: 0, mean: 0, max: 0, total: 0 },
    })
  })

  it('puts the largest lengths into their power of two', async () => {
    const lengths = [1, 2, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 49 - 1, 2 ** 49, 2 ** 53 - 1]
    const rows = lengths.map((length) => `0,,,,read,,0x0+${length},,,,,,,`).join('\n')
    const { segmentSizes } = await infoOf(HEADER + rows)
    expect(segmentSizes.reduce((sum, { segments }) => sum + segments, 0)).toBe(lengths.length)
    for (const length of lengths)
      expect(segmentSizes.some(({ fromBytes, toBytes }) => fromBytes <= length && length <= toBytes)).toBe(true)
    expect(segmentSizes.map(({ segments }) => segments)).toEqual([1, 1, 2, 1, 1, 1, 1])
  })

  it('agrees with the slow twin on a recorded trace', async () => {
    const path = fileURLToPath(new URL('../../../../traces/fio-libaio-randrw.csv', import.meta.url))
    const text = readFileSync(path, 'utf8')
    const info = await infoOf(text)
    const rows = readSimply(text).map(({ row }) => row)
    const operations = rows.filter(({ event }) => (event ?? 'io') === 'io')
    const inFlightAt = (at: number, index: number) =>
      operations.filter(
        ({ ts, end }, other) => ts <= at && other <= index && (end === 'never' || (end ?? ts) > at || other === index),
      ).length
    expect(info.rows).toBe(rows.length)
    expect(info.operations).toBe(operations.length)
    expect(info.inFlightMax).toBe(Math.max(...operations.map(({ ts }, index) => inFlightAt(ts, index))))
    expect(info.segments.total).toBe(operations.reduce((sum, row) => sum + segmentsOf(row).length, 0))
    expect(info.groundTruthRows).toBe(
      rows.filter((row) => row.pins_acquired !== undefined || row.pins_released !== undefined).length,
    )
  })
})
