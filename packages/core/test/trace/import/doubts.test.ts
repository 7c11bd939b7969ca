import { describe, expect, it } from 'vitest'
import { openTrace } from '../../../src/trace/open-trace.ts'
import { chunked } from '../columns-as-rows.ts'

/** The doubts about a CSV of such rows. */
async function doubtsOf(columns: string, rows: readonly (readonly (number | string)[])[]): Promise<readonly string[]> {
  const text = rows.map((row) => `${row.join(',')}\n`).join('')
  const reader = await openTrace(chunked(Buffer.from(text)), 't', { format: 'csv', formatOptions: { columns } })
  for await (const batch of reader.batches()) void batch
  return reader.imported!.doubts
}

/** `count` rows of a number each. */
const times = <T>(count: number, row: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => row(i))
/** A number below `max` that looks random, and is the same every time. */
const scattered = (i: number, max: number) => (Math.imul(i + 1, 0x9e3779b1) >>> 0) % max

/**
 * A disk below a cache: [ms, 0 read / 1 write, sector, sectors, byte, bytes]. A third are reads of ever new places; of the writes one
 * in three goes to the same journal blocks. Partitions begin at sector 63.
 */
const DISK = times(1200, (i) => {
  const sector = i % 3 === 1 ? 63 + 8 * (i % 5) : 63 + 8 * scattered(i, 1 << 22)
  const sectors = [8, 8, 16, 128][i % 4]!
  return [1_600_000_000_000 + i, i % 3 === 0 ? 0 : 1, sector, sectors, sector * 512, sectors * 512] as const
})
const READ_AS = 'ts=1:ms,op=2:0=read/1=write'

describe('doubts: a disk below a cache', () => {
  it.each([
    `${READ_AS},offset=3:sector,len=4:sector`,
    `${READ_AS},offset=5,len=6`,
    `${READ_AS},offset=5,len=4:sector`,
    `${READ_AS},offset=3:sector,len=6`,
  ])('as it is: none of %s', async (columns) => {
    expect(await doubtsOf(columns, DISK)).toEqual([])
  })

  it('read and write exchanged', async () => {
    // 400 writes are of five journal blocks, 395 of them again; a few are forgotten, as what is remembered is little.
    const doubts = await doubtsOf('ts=1:ms,op=2:0=write/1=read,offset=5,len=6', DISK)
    expect(doubts).toHaveLength(1)
    expect(doubts[0]).toMatch(
      /^39\d of 800 reads are of a range read shortly before, 0 of 400 writes of one written shortly before, and below a cache it is the other way round: reads and writes may be exchanged; try --columns ts=1:ms,op=2:0=read\/1=write,offset=5,len=6$/,
    )
  })

  it('is not looked at where words say the direction', async () => {
    const rows = DISK.map(([ms, op, ...rest]) => [ms, op === 0 ? 'W' : 'R', ...rest])
    expect(await doubtsOf('ts=1:ms,op=2,offset=5,len=6', rows)).toEqual([])
  })

  it('positions in sectors taken for bytes', async () => {
    const doubts = await doubtsOf(`${READ_AS},offset=3,len=6`, DISK)
    expect(doubts).toHaveLength(1)
    expect(doubts[0]).toMatch(
      /^1,200 of 1,200 lengths and \d+ of the positions are multiples of 512: offset may count sectors; try --columns ts=1:ms,op=2:0=read\/1=write,offset=3:sector,len=6$/,
    )
  })

  it('lengths in sectors taken for bytes', async () => {
    expect(await doubtsOf(`${READ_AS},offset=5,len=4`, DISK)).toEqual([
      '0 of 1,200 lengths and 1,200 of the positions are multiples of 512: len may count sectors; ' +
        `try --columns ${READ_AS},offset=5,len=4:sector`,
    ])
  })

  it('both in sectors taken for bytes', async () => {
    const doubts = await doubtsOf(`${READ_AS},offset=3,len=4`, DISK)
    expect(doubts).toHaveLength(1)
    expect(doubts[0]).toMatch(/but 1,200 lengths of 8: both may count sectors; try .*,offset=3:sector,len=4:sector$/)
  })

  it('bytes taken for sectors', async () => {
    expect(await doubtsOf(`${READ_AS},offset=5:sector,len=6`, DISK)).toEqual([
      '1,200 of 1,200 positions are multiples of 256 KiB, and the operations are small: offset may be bytes; ' +
        `try --columns ${READ_AS},offset=5:B,len=6`,
    ])
    expect(await doubtsOf(`${READ_AS},offset=5,len=6:sector`, DISK)).toEqual([
      '1,200 of 1,200 lengths are multiples of 256 KiB, which the positions are not: len may be bytes; ' +
        `try --columns ${READ_AS},offset=5,len=6:B`,
    ])
  })

  it('the column of the position as a length', async () => {
    const doubts = await doubtsOf(`${READ_AS},offset=6,len=5`, DISK)
    expect(doubts).toHaveLength(1)
    expect(doubts[0]).toMatch(
      /^an operation moves [\d,]+ MiB on average: len may count something smaller, or be another column$/,
    )
  })

  it('positions beyond any disk', async () => {
    const rows = DISK.map(([ms, op, sector]) => [ms, op, sector + (1 << 25), 8])
    expect(await doubtsOf(`${READ_AS},offset=3:67108864,len=4:sector`, rows)).toEqual([
      '1,200 of 1,200 positions are beyond 1 PiB: offset may count something smaller; ' +
        `try --columns ${READ_AS},offset=3:B,len=4:sector`,
    ])
  })
})

describe('doubts: times', () => {
  it('more operations a second than any machine does', async () => {
    const rows = times(2000, (i) => [i, 'R', 512])
    expect(await doubtsOf('ts=1:ns,op=2,len=3', rows)).toEqual([
      '2,000 operations begin within 1,999 ns, 1,001 million a second: the times may count something longer; try --columns ts=1:us,op=2,len=3',
    ])
  })

  it('fewer than one a day', async () => {
    const rows = times(12, (i) => [i * 90_000, 'R', 512])
    expect(await doubtsOf('ts=1:s,op=2,len=3', rows)).toEqual([])
    const fewer = times(12, (i) => [i * 180_000, 'R', 512])
    expect(await doubtsOf('ts=1:s,op=2,len=3', fewer)).toEqual([
      '12 operations begin within 22 days, fewer than one a day: the times may count something shorter; try --columns ts=1:ms,op=2,len=3',
    ])
  })

  it('operations that complete sooner than memory answers, or after hours', async () => {
    const rows = times(200, (i) => [i * 1000, 'R', 512, 50])
    expect(await doubtsOf('ts=1:us,op=2,len=3,latency=4:ns', rows)).toEqual([
      'operations complete after 50.0 ns on average: the times may count something longer; try --columns ts=1:us,op=2,len=3,latency=4:us',
    ])
    expect(await doubtsOf('ts=1:us,op=2,len=3,latency=4:us', rows)).toEqual([])
    const long = rows.map(([ts, op, len]) => [ts!, op!, len!, 7200])
    expect(await doubtsOf('ts=1:us,op=2,len=3,latency=4:s', long)).toEqual([
      'operations complete after 7,200 s on average: the times may count something shorter; try --columns ts=1:us,op=2,len=3,latency=4:ms',
    ])
  })

  it('times since 1970 in a finer unit than was said', async () => {
    const rows = times(5, (i) => [1_577_808_000_000_626 + i, 'R', 512])
    expect(await doubtsOf('ts=1:ms,op=2,len=3', rows)).toEqual([
      'the first ts is 1577808000000626, which in ms is in the year 51,968, but in us in 2019; try ts=1:us',
    ])
    expect(await doubtsOf('ts=1:us,op=2,len=3', rows)).toEqual([])
    // 18 days after boot, in ns.
    expect(await doubtsOf('ts=1:ns,op=2,len=3', rows)).toEqual([])
  })
})

describe('doubts: results', () => {
  const rows = times(20, (i) => [i, i % 2 === 0 ? 'R' : 'W', 512, i >= 14 && i % 2 === 1 ? 0 : 512])

  it('writes that return 0, which reads do at the end of a file', async () => {
    expect(await doubtsOf('ts=1:ms,op=2,len=3,result=4', rows)).toEqual([
      '3 of 10 writes returned 0, as reads do at the end of a file, and no read did: reads and writes may be exchanged; look at what the file calls a read',
    ])
    expect(await doubtsOf('ts=1:ms,op=2:R=write/W=read,len=3,result=4', rows)).toEqual([])
  })

  it('says the words that would mend it', async () => {
    expect((await doubtsOf('ts=1:ms,op=2:R=read/W=write,len=3,result=4', rows))[0]).toMatch(
      /; try --columns ts=1:ms,op=2:R=write\/W=read,len=3,result=4$/,
    )
  })
})
