import {
  CONSUMER_API_VERSION,
  type Consumer,
  type ConsumerEnvironment,
  defineConsumer,
  ITER_BVEC,
  ITER_TYPE_NAMES,
  type KernelVersion,
  type Operation,
  SegmentTable,
} from '@pinscope/core'
import { type RowsOptions, replayRows, type TestRow } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { Payload } from '../src/payload/payload.ts'
import { Pieces } from '../src/payload/pieces.ts'

// What the next part of an iterator is as pieces: X1 to X4, and where it ends.

const P = 4096
const A = 0x7f0000000000
const at = (address: number, length: number) => `0x${address.toString(16)}+${length}`

/** Lists operations `piecesMax` pieces and `bytesMax` bytes at a time, and keeps what became of it. */
class Lister implements Consumer {
  readonly listed: (readonly [number, number])[][] = []
  readonly results: number[] = []
  private readonly payload: Payload
  private readonly limits: readonly [number, number]
  private readonly byRow: boolean

  constructor(environment: ConsumerEnvironment, limits: readonly [number, number], byRow: boolean) {
    this.payload = new Payload(environment)
    this.limits = limits
    this.byRow = byRow
  }

  submit(io: Operation): number {
    const [bytesMax, piecesMax] = this.limits
    let done = 0
    if (this.byRow) useRows(io)
    for (;;) {
      const pieces = new Pieces()
      const bytes = this.payload.list(io, pieces, bytesMax, piecesMax)
      this.results.push(bytes)
      if (bytes <= 0) return done > 0 ? done : bytes
      expect(pieces.bytes).toBe(bytes)
      this.listed.push(
        Array.from({ length: pieces.length }, (_, i) => [pieces.offsetBytes[i] ?? 0, pieces.lengthBytes[i] ?? 0]),
      )
      done += bytes
    }
  }

  abort(io: Operation): void {
    io.letGoOfKept()
  }

  complete(io: Operation): void {
    io.letGoOfKept()
  }

  counters() {
    return {}
  }
}

/** An iterator over three pages that somebody holds. */
function useRows({ iter, pages }: Operation): void {
  const table = new SegmentTable()
  for (const length of [1000, P, 500]) table.push(pages.allocateFolio(0, 0), P - length, length)
  iter.reset(ITER_BVEC, iter.direction, table, 0, 3, 1500 + P)
  iter.byRow = true
}

interface Limits {
  readonly bytesMax?: number
  readonly piecesMax?: number
  readonly byRow?: boolean
}

async function list(kernel: KernelVersion, rows: readonly TestRow[], limits: Limits = {}, options: RowsOptions = {}) {
  let lister: Lister | undefined
  const definition = defineConsumer({
    apiVersion: CONSUMER_API_VERSION,
    name: 'lister',
    summary: 'lists',
    kernel: 'none',
    accepts: ITER_TYPE_NAMES,
    entriesMax: 1 << 20,
    avoided: 'nothing',
    kernelPolicy: (version) => (version === '6.1' ? 'get-pages' : 'extract'),
    create: (environment) => {
      const { bytesMax = 2 ** 31, piecesMax = 2 ** 20, byRow = false } = limits
      lister = new Lister(environment, [bytesMax, piecesMax], byRow)
      return lister
    },
  })
  const { report } = await replayRows(definition, rows, { kernel, ...options })
  return { report, listed: lister?.listed, results: lister?.results }
}

const read = (iter: string, segs: string): TestRow => ({ op: 'read', iter, segs })

describe('pieces of an iterator', () => {
  it.each(['6.1', '6.12', '6.18', 'mainline'] as const)('X1, %s: user memory, a piece a page', async (kernel) => {
    const { listed, results, report } = await list(kernel, [read('ubuf', at(A + 0x100, 9000))])
    expect([listed, results]).toEqual([
      [
        [
          [256, 3840],
          [0, 4096],
          [0, 1064],
        ],
      ],
      [9000, 0],
    ])
    const [taken, not] = kernel === '6.1' ? [report.refs, report.pins] : [report.pins, report.refs]
    expect([taken.acquired, taken.open, not.acquired]).toEqual([3, 0, 0])
  })

  it('X2: a piece a bvec, whatever pages it has', async () => {
    const { listed, report } = await list('6.12', [read('bvec', '1000:1280+8448;2000:0+100')])
    expect(listed).toEqual([
      [
        [0x500, 0x2100],
        [0, 100],
      ],
    ])
    expect([report.pins.acquired, report.bare.pages]).toEqual([0, 4])
  })

  it('X3: a piece a page of a kvec', async () => {
    const { listed } = await list('6.12', [read('kvec', '0x80000f00+4608')])
    expect(listed).toEqual([
      [
        [0xf00, 0x100],
        [0, 0x1000],
        [0, 0x100],
      ],
    ])
  })

  it('X4: a piece a folio', async () => {
    const prepare: RowsOptions['prepare'] = ({ memory }) => {
      for (let file = 0; file < 4; file++) memory.cache.populate(file, Float64Array.of(0), 0, 4 * P, 2)
    }
    const { listed } = await list('6.12', [read('folioq', `f:0+${6 * P}`)], {}, { prepare })
    expect(listed).toEqual([
      [
        [0, 4 * P],
        [0, P],
        [0, P],
      ],
    ])
  })

  it('pages that somebody holds are listed, and not counted', async () => {
    const limits = { bytesMax: 3000, byRow: true }
    const { listed, results, report } = await list('mainline', [read('kvec', `0x80000000+${1500 + P}`)], limits)
    expect(results).toEqual([3000, 2596, 0])
    expect(listed).toEqual([
      [
        [P - 1000, 1000],
        [0, 2000],
      ],
      [
        [2000, 2096],
        [P - 500, 500],
      ],
    ])
    expect([report.bare.pages, report.pins.acquired]).toEqual([0, 0])
  })

  it('so many pieces at a time', async () => {
    const { listed } = await list('6.12', [read('iovec', `${at(A, 5000)};${at(A + 2 * P, P)}`)], { piecesMax: 2 })
    expect(listed).toEqual([
      [
        [0, P],
        [0, 904],
      ],
      [[0, P]],
    ])
    expect((await list('6.12', [read('bvec', '1:0+10;3:0+10;5:0+10')], { piecesMax: 2 })).results).toEqual([20, 10, 0])
  })

  it('memory that cannot be had ends it; where that is the first page it is an error', async () => {
    const rows = (gone: number): TestRow[] => [{ event: 'unmap', segs: at(gone, P) }, read('ubuf', at(A, 3 * P))]
    expect((await list('6.12', rows(A + P))).results).toEqual([P, -14])
    expect((await list('6.12', rows(A))).results).toEqual([-14])
  })

  it.each([
    ['6.1', 'pipe'],
    ['6.12', 'discard'],
  ] as const)('%s: a %s has no pieces', async (kernel, iter) => {
    expect((await list(kernel, [{ op: 'read', iter, len: P }])).results).toEqual([-5])
  })
})
