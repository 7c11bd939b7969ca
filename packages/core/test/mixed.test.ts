import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { MixedParts } from '../src/build/mixed-parts.ts'
import { bio } from '../src/consumer/bio/index.ts'
import { CONSUMER_API_VERSION, type ConsumerDefinition } from '../src/consumer/consumer.ts'
import { EINVAL } from '../src/errno.ts'
import { ITER_TYPE_NAMES } from '../src/iter/iter-type.ts'
import { replay } from '../src/replay/replay.ts'
import { mergeReports } from '../src/report/merge-reports.ts'
import { replayRows } from '../src/testing/replay-rows.ts'
import { type TestRow, traceText } from '../src/testing/trace-row.ts'
import { openTrace } from '../src/trace/open-trace.ts'
import { PLAIN_OPTIONS } from './support/replay-rows.ts'

const HEAD = '0xf0000000080+200'
const TAIL = '0xf0000001000+3'
/** An NFS write of 9,000 bytes: head, pages from 0x300 on, tail. */
const MESSAGE = `${HEAD};100:768+3328;0x65:0+4096;102:0+1576;${TAIL}`

const parts: [type: string, bytes: number, segments: number][] = []

/** Notes the parts that it is given. */
const splitter: ConsumerDefinition = {
  apiVersion: CONSUMER_API_VERSION,
  name: 'splitter',
  summary: 'for this test',
  kernel: 'none',
  accepts: ['mixed'],
  entriesMax: 1,
  avoided: 'nothing',
  kernelPolicy: () => 'extract',
  create: () => {
    const split = new MixedParts()
    return {
      submit: (io) => {
        parts.length = 0
        let bytes = 0
        split.start(io.iter)
        while (split.next(io.iter)) {
          parts.push([ITER_TYPE_NAMES[io.iter.type], io.iter.countBytes, io.iter.segmentsLeft])
          const before = io.iter.countBytes
          while (io.iter.countBytes > 0) if (io.extract(64, io.iter.countBytes) <= 0) break
          bytes += before - io.iter.countBytes
        }
        return bytes
      },
      abort: () => {},
      complete: () => {},
      counters: () => ({}),
    }
  },
}

const message: TestRow = { op: 'write', iter: 'mixed', segs: MESSAGE }

describe('a heterogeneous buffer', () => {
  it('is refused by a consumer that takes none, and the report says what splitting it costs', async () => {
    const { report, results } = await replayRows(bio, [message, message])
    expect(results).toEqual([EINVAL, EINVAL])
    expect(report.errors).toBe(2)
    expect(report.mixed).toEqual({
      operations: 2,
      refused: 2,
      parts: 6,
      extraCalls: 4,
      kernelBytes: 2 * 203,
      pageBytes: 2 * 9000,
      kmaps: 2 * 3,
    })
  })

  it('comes apart into a KVEC or BVEC iterator for each run of one kind', async () => {
    const { report, results } = await replayRows(splitter, [message])
    expect(parts).toEqual([
      ['kvec', 200, 1],
      ['bvec', 9000, 3],
      ['kvec', 3, 1],
    ])
    expect(results).toEqual([9203])
    expect(report.mixed).toMatchObject({ refused: 0, parts: 3 })
    // A page of the head, three of data, one of the tail.
    expect(report.bare.pages).toBe(5)
  })

  it.each([
    ['empty parts belong to none', `0xf0000000000+0;5:0+10;0xf0000000000+0;6:0+10;7:0+0`, undefined, [['bvec', 20, 3]]],
    [
      'the length ends it',
      MESSAGE,
      300,
      [
        ['kvec', 200, 1],
        ['bvec', 100, 3],
      ],
    ],
    ['one kind alone', `${HEAD};${TAIL}`, undefined, [['kvec', 203, 2]]],
  ] as const)('%s', async (_, segs, len, expected) => {
    const row: TestRow = { op: 'write', iter: 'mixed', segs, ...(len === undefined ? {} : { len }) }
    const { report } = await replayRows(splitter, [row])
    expect(parts).toEqual(expected)
    expect(report.mixed?.parts).toBe(expected.length)
  })
})

describe('reports of heterogeneous buffers', () => {
  const reportOfText = async (rows: readonly TestRow[]) => {
    const bytes = new TextEncoder().encode(traceText(rows))
    return replay(await openTrace(Readable.from([bytes]), 'mixed.csv'), PLAIN_OPTIONS)
  }

  it('add up', async () => {
    const [one, none] = [await reportOfText([message]), await reportOfText([{ op: 'write', segs: '0x1000+512' }])]
    const mixed = one.lanes[0]!.mixed!
    expect(mergeReports([one, none]).lanes[0]!.mixed).toEqual(mixed)
    const twice = mergeReports([one, one]).lanes[0]!.mixed!
    expect(twice).toEqual(Object.fromEntries(Object.entries(mixed).map(([name, value]) => [name, 2 * value])))
  })
})
