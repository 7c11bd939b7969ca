import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ImportReport } from '../../../src/trace/import/import-report.ts'
import { openTrace } from '../../../src/trace/open-trace.ts'
import { chunked, columnsOf } from '../columns-as-rows.ts'

/** `Q 8,0 R 64+8`: letter, device, RWBS, sectors; `64/72` of a split, `64+8<-253,0:0` of a remap, `=5` an error. */
function blkparseLine(event: string, us: number): string {
  const [letter, device, rwbs, range] = event.split(' ') as [string, string, string, string]
  const match = /^(\d+)(?:\+(\d+)|\/(\d+))(?:<-(\d+,\d+):(\d+))?(?:=(\d+))?$/.exec(range)!
  const [, sector, blocks, rest, from, fromSector, error] = match
  const time = `${Math.floor(us / 1e6)}.${String(us % 1e6).padStart(6, '0')}000`
  const behind = letter === 'C' ? `[${error ?? 0}]` : '[fio]'
  const text =
    rest !== undefined
      ? `${sector} / ${rest} [fio]`
      : from !== undefined
        ? `${sector} + ${blocks} <- (${from}) ${fromSector}`
        : `${sector} + ${blocks} ${behind}`
  return `${device.padStart(5)}    0        0 ${time} 100  ${letter} ${rwbs} ${text}\n`
}

interface Imported {
  readonly rows: readonly {
    file: string
    ts: number
    end: number | string
    offset: number
    len: number
    result: number
  }[]
  readonly report: ImportReport
}

/** Events a microsecond apart; `ts` and `end` of the rows in microseconds, counted from the first event. */
async function importEvents(events: readonly string[], formatOptions: Record<string, string> = {}): Promise<Imported> {
  const text = events.map(blkparseLine).join('')
  const options = { format: 'blkparse', formatOptions }
  const reader = await openTrace(chunked(Buffer.from(text)), 't', options)
  const rows: Imported['rows'][number][] = []
  for await (const batch of reader.batches()) {
    for (let row = 0; row < batch.length; row++) {
      const columns = columnsOf(reader, batch, row) as Imported['rows'][number]
      rows.push({
        ...columns,
        ts: columns.ts / 1000,
        end: typeof columns.end === 'number' ? columns.end / 1000 : columns.end,
      })
    }
  }
  return { rows, report: reader.imported! }
}

/** What the rows say in short: `8:0 64+8 0-3`. */
function shortly({ rows }: Imported): string[] {
  return rows.map(({ file, offset, len, ts, end }) => `${file} ${offset / 512}+${len / 512} ${ts}-${end}`)
}

describe('block operations: one device', () => {
  it('bios that were merged are over together', async () => {
    const imported = await importEvents([
      'Q 8,0 R 64+8',
      'Q 8,0 R 72+8',
      'M 8,0 R 72+8',
      'D 8,0 R 64+16',
      'C 8,0 R 64+16',
    ])
    expect(shortly(imported)).toEqual(['8:0 64+8 0-4', '8:0 72+8 1-4'])
  })

  it('what is completed in parts is over with the last, in any order', async () => {
    const imported = await importEvents(['Q 8,0 W 0+64', 'C 8,0 W 32+8', 'C 8,0 W 0+32', 'C 8,0 W 40+24'])
    expect(shortly(imported)).toEqual(['8:0 0+64 0-3'])
  })

  it('the error of a part is that of the whole', async () => {
    const { rows } = await importEvents(['Q 8,0 W 0+64', 'X 8,0 W 0/32', 'C 8,0 W 0+32=65531', 'C 8,0 W 32+32'])
    expect(rows.map(({ result }) => result)).toEqual([-5])
  })

  it('two that begin at one sector: the one of the completed length is over', async () => {
    const imported = await importEvents(['Q 8,0 R 0+8', 'Q 8,0 R 0+16', 'C 8,0 R 0+16', 'C 8,0 R 0+8'])
    expect(shortly(imported)).toEqual(['8:0 0+8 0-3', '8:0 0+16 1-2'])
  })

  it('a read and a write of the same sectors are two', async () => {
    const imported = await importEvents(['Q 8,0 R 0+8', 'Q 8,0 W 0+8', 'C 8,0 W 0+8', 'C 8,0 R 0+8'])
    expect(shortly(imported)).toEqual(['8:0 0+8 0-3', '8:0 0+8 1-2'])
  })

  it('a completion of what began before the recording is no other’s', async () => {
    const imported = await importEvents(['C 8,0 R 500+8', 'Q 8,0 R 0+8', 'C 8,0 R 8+8', 'C 8,0 R 0+8'])
    // The trace begins with its first row.
    expect(shortly(imported)).toEqual(['8:0 0+8 0-2'])
    expect(imported.report.skipped).toMatchObject(
      [{ reason: /beginning is not in the file/, count: 2 }].map(({ count }) => ({ count })),
    )
  })

  it('an old kernel queues the rest of a split again: once', async () => {
    const imported = await importEvents([
      'Q 8,0 W 0+64',
      'X 8,0 W 0/32',
      'Q 8,0 W 32+32',
      'Q 8,0 W 32+32',
      'C 8,0 W 0+64',
    ])
    expect(shortly(imported)).toEqual(['8:0 0+64 0-4', '8:0 32+32 3-never'])
  })

  it('without completions each ends where it begins', async () => {
    const imported = await importEvents(['Q 8,0 R 64+8', 'Q 8,0 R 72+8'])
    expect(shortly(imported)).toEqual(['8:0 64+8 0-synchronous', '8:0 72+8 1-synchronous'])
    expect(imported.report.assumptions.join()).toContain('the file has no completions')
  })

  it('with completions what has none is never complete', async () => {
    const imported = await importEvents(['Q 8,0 R 64+8', 'Q 8,0 R 72+8', 'C 8,0 R 72+8'])
    expect(shortly(imported)).toEqual(['8:0 64+8 0-never', '8:0 72+8 1-2'])
  })

  it('issued again after a requeue it is one request', async () => {
    const events = ['D 8,0 R 0+16', 'C 8,0 R 0+8', 'R 8,0 R 8+8', 'D 8,0 R 8+8', 'C 8,0 R 8+8']
    const imported = await importEvents(events, { event: 'D' })
    expect(shortly(imported)).toEqual(['8:0 0+16 0-4'])
  })

  it('a zone append is complete at a sector of its own (since version 8)', async () => {
    const imported = await importEvents(['Q 8,0 ZA 4096+8', 'Q 8,0 ZA 4096+16', 'C 8,0 ZA 4128+16', 'C 8,0 ZA 4120+8'])
    expect(shortly(imported)).toEqual(['8:0 4096+8 0-3', '8:0 4096+16 1-2'])
  })
})

describe('block operations: devices on top of each other', () => {
  // The disk of device mapper is a partition: the first remap has the disk, and the sector of the partition (bio_dev).
  const MAPPER = [
    'Q 253,0 R 0+8',
    'A 8,0 R 100+8<-253,0:0',
    'A 8,0 R 5100+8<-8,2:100',
    'Q 8,0 R 5100+8',
    'C 8,0 R 5100+8',
  ]
  const MAPPER_ENDS = 'C 253,0 R 0+8'

  it('device mapper on a partition: one I/O, which the mapper completes', async () => {
    const imported = await importEvents([...MAPPER, MAPPER_ENDS])
    expect(shortly(imported)).toEqual(['253:0 0+8 0-5'])
  })

  it('before 4.14 the first remap has the partition', async () => {
    const old = MAPPER.map((event) => event.replace('A 8,0 R 100', 'A 8,2 R 100'))
    expect(shortly(await importEvents([...old, MAPPER_ENDS]))).toEqual(['253:0 0+8 0-5'])
  })

  it('a device that reports no completion: over with the last of the disks', async () => {
    const events = ['Q 9,0 W 0+256', 'X 9,0 W 0/128', 'A 8,0 W 1024+128<-9,0:0', 'A 8,16 W 1024+128<-9,0:128']
    const imported = await importEvents([...events, 'C 8,16 W 1024+128', 'C 8,0 W 1024+128=65531'])
    expect(shortly(imported)).toEqual(['9:0 0+256 0-5'])
    expect(imported.rows[0]!.result).toBe(-5)
  })

  it('it is known as such after 64 of them, and holds nothing up from then on', async () => {
    const one = (at: number) => [`Q 9,0 W ${at}+8`, `A 8,0 W ${at}+8<-9,0:${at}`, `C 8,0 W ${at}+8`]
    const imported = await importEvents(Array.from({ length: 100 }, (_, index) => one(index * 8)).flat())
    expect(imported.rows.length).toBe(100)
    expect(imported.rows.every(({ ts, end }) => end === ts + 2)).toBe(true)
  })

  it('three levels, of which only the disk completes', async () => {
    const remaps = ['A 9,0 W 8+8<-253,0:0', 'Q 9,0 W 8+8', 'A 8,0 W 16+8<-9,0:8', 'Q 8,0 W 16+8']
    const imported = await importEvents(['Q 253,0 W 0+8', ...remaps, 'C 8,0 W 16+8'])
    expect(shortly(imported)).toEqual(['253:0 0+8 0-5'])
  })

  it('a mirror: over when the device says so', async () => {
    const events = ['Q 9,1 W 64+8', 'A 8,0 W 96+8<-9,1:64', 'Q 8,0 W 96+8', 'A 8,16 W 96+8<-9,1:64', 'Q 8,16 W 96+8']
    const imported = await importEvents([...events, 'C 8,0 W 96+8', 'C 8,16 W 96+8', 'C 9,1 W 64+8'])
    expect(shortly(imported)).toEqual(['9:1 64+8 0-7'])
  })

  it('only the disk was recorded: what the mapper hands down is an I/O', async () => {
    const imported = await importEvents(MAPPER.slice(1))
    expect(shortly(imported)).toEqual(['8:0 5100+8 0-1'])
  })

  it('I/O of the disk itself stays beside it', async () => {
    const imported = await importEvents([...MAPPER.slice(0, 4), 'Q 8,0 R 5100+8', ...MAPPER.slice(4), MAPPER_ENDS])
    expect(shortly(imported)).toEqual(['253:0 0+8 0-6', '8:0 5100+8 4-never'])
  })

  it('one device of them (option device)', async () => {
    const imported = await importEvents([...MAPPER, MAPPER_ENDS], { device: '8,0' })
    expect(shortly(imported)).toEqual(['8:0 5100+8 0-1'])
    expect(imported.report.skipped).toMatchObject([
      { reason: 'events of other devices', count: 2 },
      { reason: 'remaps', count: 2 },
    ])
  })

  it('a doubt where completions of both would count', async () => {
    const twice = [...MAPPER, MAPPER_ENDS]
    const { report } = await importEvents([...twice, ...twice], { event: 'C' })
    expect(report.doubts).toEqual([expect.stringContaining('with event=C an I/O is counted on each')])
  })
})

describe('block operations: limits', () => {
  it('I/O without completions does not pile up: the oldest of 16,384 is given up', async () => {
    const events = Array.from({ length: 16_400 }, (_, index) => `Q 8,0 R ${index * 8}+8`)
    const { rows } = await importEvents(['Q 8,0 W 0+8', 'C 8,0 W 0+8', ...events])
    expect(rows.length).toBe(16_401)
    expect(rows.filter(({ end }) => end === 'never').length).toBe(16_400)
  })

  it('devices', async () => {
    const events = Array.from({ length: 4097 }, (_, index) => `Q ${index % 4096},${Math.floor(index / 4096)} R 0+8`)
    await expect(importEvents(events)).rejects.toThrow(
      't:4097: it is of more than 4096 devices\nChoose one: --input-option device=MAJOR,MINOR',
    )
  })

  it('parts', async () => {
    const splits = Array.from({ length: 1 << 16 }, (_, index) => `X 8,0 W ${index}/${index + 1}`)
    await expect(importEvents(['Q 8,0 W 0+1000000', ...splits])).rejects.toThrow(
      'more than 65536 parts of requests are under way at once',
    )
  })
})

/** A bio in a run of them: how many sectors, and how far behind the one before. */
const BIO = fc.record({ blocks: fc.integer({ min: 1, max: 64 }), gap: fc.integer({ min: 0, max: 1 }) })

describe('block operations: random requests', () => {
  // The slow twin keeps the sectors of each bio that are not complete in a set.
  it('each bio ends with the completion of its last sector', async () => {
    const bios = fc.array(BIO, { minLength: 1, maxLength: 12 })
    const cuts = fc.array(fc.nat(), { minLength: 1, maxLength: 30 })
    const property = fc.asyncProperty(bios, cuts, async (bios, cuts) => {
      const { events, ends } = slowTwin(bios, cuts)
      const { rows } = await importEvents(events)
      expect(rows.map(({ end }) => end)).toEqual(ends)
    })
    await fc.assert(property, { seed: 8, numRuns: 200 })
  })
})

/** Events of the bios, queued one by one and completed piece by piece, and where each of them ends. */
function slowTwin(bios: readonly { blocks: number; gap: number }[], cuts: readonly number[]) {
  let sector = 0
  const queued = bios.map(({ blocks, gap }) => {
    const start = sector + gap
    sector = start + blocks
    return { start, blocks, left: new Set(Array.from({ length: blocks }, (_, index) => start + index)), end: -1 }
  })
  const events = queued.map(({ start, blocks }) => `Q 8,0 R ${start}+${blocks}`)
  for (const [first, last] of ranges(sector, cuts)) {
    for (const bio of queued) {
      const before = bio.left.size
      for (let at = first; at < last; at++) bio.left.delete(at)
      if (before > 0 && bio.left.size === 0) bio.end = events.length
    }
    events.push(`C 8,0 R ${first}+${last - first}`)
  }
  return { events, ends: queued.map(({ end }) => end) }
}

/** The sectors in pieces, cut at some places, in an order that the places give. */
function ranges(sectors: number, cuts: readonly number[]): [number, number][] {
  const places = [...new Set([0, sectors, ...cuts.map((cut) => cut % sectors)])].sort((a, b) => a - b)
  const pieces = places.slice(1).map((place, index): [number, number] => [places[index]!, place])
  return pieces.sort((a, b) => ((a[0] * 7919) % 101) - ((b[0] * 7919) % 101))
}
