import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ENTRIES_BUILT } from '../../../src/consumer/figures.ts'
import { LaneSet } from '../../../src/replay/lane-set.ts'
import { replay } from '../../../src/replay/replay.ts'
import { EVENT_IO } from '../../../src/trace/op-batch.ts'
import { openTrace } from '../../../src/trace/open-trace.ts'
import { PLAIN_OPTIONS } from '../../support/replay-rows.ts'
import { chunked } from '../columns-as-rows.ts'
import { vscsiBytes } from '../formats/vscsi-bytes.ts'
import { layoutOf, pagesTouched, placeBytes, placeLengths } from './place.ts'

const SAMPLE = fileURLToPath(new URL('../../../../../traces/formats/vscsi-v1.bin', import.meta.url))
const OPTIONS = { ...PLAIN_OPTIONS, kernel: '6.18', consumers: ['bio'] }

/** Length and recorded elements of a request. */
type Request = readonly [lengthBytes: number, elements: number]

function vscsiOf(requests: readonly Request[]): Buffer {
  return vscsiBytes(
    1,
    requests.map(([lengthBytes, elements], i) => ({ cmd: 0x28, lengthBytes, elements, lbn: 8 * i, tsUs: 1000 + i })),
  )
}

/** bvecs that the bio consumer builds for each operation of a vscsi file. */
async function built(bytes: Uint8Array, layout: string, kernel = '6.18'): Promise<number[]> {
  const trace = await openTrace(chunked(bytes), 'vscsi', { layout })
  const set = new LaneSet(trace, { ...OPTIONS, kernel })
  const entries: number[] = []
  let before = 0
  for await (const batch of trace.batches()) {
    for (let row = 0; row < batch.length; row++) {
      const mine = set.lanesOf(batch, row)
      const [lane] = set.lanes
      lane!.replayRow(batch, row, mine.includes(lane!))
      if (batch.event[row] !== EVENT_IO) continue
      entries.push(lane!.io.figures[ENTRIES_BUILT]! - before)
      before = lane!.io.figures[ENTRIES_BUILT]!
    }
  }
  return entries
}

/** Runs of contiguous pages of the buffer of one operation, as the mapped folios make them. */
function placedRuns(lengthBytes: number, elements: number) {
  const placed = placeBytes(layoutOf('nsg'), lengthBytes, elements)
  return { ...placed, pages: pagesTouched(placed.segments) }
}

describe('nsg: the bio consumer builds what was recorded', () => {
  /** Elements of the records of the sample that move data, in order: bytes 8 to 11 of each. */
  const bytes = readFileSync(SAMPLE)
  const records = Array.from({ length: bytes.length / 32 }, (_, i) => i * 32)
  const data = records.filter((at) => [0x08, 0x0a, 0x28, 0x2a, 0x88, 0x8a, 0xa8, 0xaa].includes(bytes[at + 12]!))
  const recorded = data.map((at) => bytes.readUInt32LE(at + 8))
  const lengths = data.map((at) => bytes.readUInt32LE(at + 4))

  it.each(['6.1', '6.12', '6.18', 'mainline'])(
    'kernel %s: row by row, but for two counts that cannot be',
    async (kernel) => {
      // 4096 bytes in 0 elements, and 512 in 513: one page each.
      const possible = recorded.map((elements) => (elements === 0 || elements === 513 ? 1 : elements))
      expect(possible).not.toEqual(recorded)
      expect(await built(bytes, 'nsg', kernel)).toEqual(possible)
    },
  )

  it('while aligned gives ceil(length / 4096), row by row', async () => {
    expect(await built(bytes, 'aligned')).toEqual(lengths.map((length) => Math.ceil(length / 4096)))
  })

  it('says so in the report', async () => {
    const warnings = async (layout: string) => {
      const { warnings } = await replay(await openTrace(chunked(bytes), 'v', { layout }), OPTIONS)
      return warnings.filter((text) => text.includes('scatter-gather'))
    }
    // 198 operations: 168 lists as long as their pages, 18 shorter (one of them 0), 12 longer (one of them 513).
    expect(await warnings('aligned')).toEqual([
      'v: layout aligned gives 168 of 198 operations as many scatter-gather elements as were recorded; 18 were recorded with fewer, 12 with more (first at record 16): --layout nsg fits them',
    ])
    const [nsg] = await warnings('nsg')
    expect(nsg).toMatch(
      'v: layout nsg gives 196 of 198 operations as many scatter-gather elements as were recorded; 1 were recorded with fewer, 1 with more',
    )
    expect(nsg).toMatch('for which no buffer was found: taken as aligned')
  })

  it('for any length and any count that a buffer can have', async () => {
    // A bio has 256 bvecs at most: beyond it a run may be cut in two.
    const request = fc
      .integer({ min: 1, max: 4096 })
      .chain((sectors) => fc.tuple(fc.constant(sectors * 512), fc.integer({ min: 1, max: Math.min(255, sectors) })))
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 2, maxLength: 12 }), async (requests) => {
        expect(await built(vscsiOf(requests), 'nsg')).toEqual(requests.map(([, elements]) => elements))
      }),
      { seed: 5, numRuns: 60 },
    )
  })

  it('for the pairs that stand for most of the CloudPhysics sample, aligned does it alone', async () => {
    // formats 1.16 of the reference: decoded from the file itself.
    const pairs: Request[] = [
      [65536, 16],
      [8192, 2],
      [4096, 1],
      [69632, 17],
      [61440, 15],
      [512, 1],
    ]
    expect(await built(vscsiOf(pairs), 'aligned')).toEqual([16, 2, 1, 17, 15, 1])
  })
})

describe('nsg: the buffers', () => {
  it('as many as pages: at the start of a page', () => {
    expect(placedRuns(65536, 16).segments[0]![0] % 4096).toBe(0)
  })

  it('one more: inside a page, on a sector where that is enough', () => {
    expect(placedRuns(4096, 2).segments[0]![0] % 4096).toBe(512)
    expect(placedRuns(2560, 2).segments[0]![0] % 4096).toBe(2048)
    // 512 bytes cross a page only from a place inside a sector.
    expect(placedRuns(512, 2).segments[0]![0] % 4096).toBe(3585)
    expect(placedRuns(8192, 3).pages).toBe(3)
  })

  it('fewer: the same pages in folios, smaller ones before larger ones', () => {
    const one = placedRuns(57344, 1)
    expect(one.pages).toBe(14)
    // 14 pages in one run: a folio of 16, and the buffer is at its end.
    expect(one.maps).toEqual([{ address: one.segments[0]![0] - 2 * 4096, length: 65536, order: 4 }])
    const fifteen = placedRuns(65536, 15)
    expect(fifteen.maps.map(({ length, order }) => [length, order])).toEqual([
      [8192, 1],
      [14 * 4096, 0],
    ])
    expect(fifteen.segments).toEqual([[fifteen.maps[0]!.address, 65536]])
    // 2 GiB in two runs: two folios of 1 GiB, the largest.
    expect(placedRuns(2 ** 31, 2).maps.map(({ order }) => order)).toEqual([18])
  })

  it('more than that: as many segments, of whole sectors where there are enough', () => {
    const five = placedRuns(8192, 5)
    expect(five.segments.map(([, length]) => length)).toEqual([2048, 1536, 1536, 1536, 1536])
    expect(five.elements).toBe(5)
    expect(placedRuns(512, 3).segments.map(([, length]) => length)).toEqual([171, 171, 170])
  })

  it('what cannot be is laid out as aligned, and said', () => {
    const impossible: Request[] = [
      [4096, 0],
      [512, 513],
      [1, 2],
      [4 << 20, 4000],
      [2 ** 32 - 4096, 1],
    ]
    for (const [lengthBytes, elements] of impossible) {
      const placed = placedRuns(lengthBytes, elements)
      expect(placed.segments.length).toBe(1)
      expect(placed.segments[0]![0] % 4096).toBe(0)
      expect(placed.elements).toBe(Math.ceil(lengthBytes / 4096))
      expect(placed.elements).not.toBe(elements)
    }
  })

  it('is aligned where no count was recorded', () => {
    expect(placeBytes(layoutOf('nsg'), 5000).segments[0]![0] % 4096).toBe(0)
    expect(placeLengths(layoutOf('nsg'), [100, 200]).elements).toBe(2)
  })

  it('declares all memory that it uses, once', () => {
    const layout = layoutOf('nsg')
    const maps = [placeBytes(layout, 4096, 1), placeBytes(layout, 8192, 2), placeBytes(layout, 8192)].flatMap(
      (p) => p.maps,
    )
    expect(maps).toEqual([{ address: 0x7000_0000_0000, length: 256 << 20, order: 0 }])
  })

  it('has eight buffers for each shape, and keeps to them', () => {
    const layout = layoutOf('nsg')
    const starts = Array.from({ length: 40 }, () => placeBytes(layout, 65536, 15).segments[0]![0])
    expect(new Set(starts).size).toBe(8)
    expect(starts.slice(8, 16)).toEqual(starts.slice(0, 8))
  })

  it('maps less than 5 GiB and gives up politely, whatever shapes there are', () => {
    const layout = layoutOf('nsg')
    let mapped = 0
    let rows = 0
    for (let shape = 0; shape < 6000; shape++) {
      const { maps } = placeBytes(layout, (100 + shape) * 4096, 40)
      rows += maps.length
      for (const { length } of maps) mapped += length
    }
    expect(mapped).toBeLessThan(5 * 2 ** 30)
    expect(rows).toBeLessThanOrEqual(2 * 2048 * 8 + 1)
    expect(placeBytes(layout, 9000 * 4096, 40).elements).toBe(9000)
  })
})
