import { EINVAL, ENOMEM, EOPNOTSUPP, PAGE_SIZE, PageStore, Scatterlists } from '@pinscope/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DmaEntries } from '../src/mr/dma-entries.ts'
import { mapMrSg } from '../src/mr/map-mr-sg.ts'
import { MemoryRegion, MR_IOVA, MR_LENGTH } from '../src/mr/memory-region.ts'
import { Pieces } from '../src/payload/pieces.ts'

/** Address and length of an entry. */
type Entry = readonly [address: number, length: number]

interface Mapped {
  readonly returned: number
  readonly pages: readonly number[]
  readonly iova: number
  readonly length: number
  readonly sgOffset: number
}

function entriesOf(entries: readonly Entry[]): DmaEntries {
  const sg = new DmaEntries()
  for (const [address, length] of entries) {
    sg.addressBytes[sg.length] = address
    sg.lengthBytes[sg.length++] = length
  }
  return sg
}

function map(entries: readonly Entry[], pagesMax = 256, pageSize = PAGE_SIZE, sgOffset = 0): Mapped {
  const mr = new MemoryRegion(pagesMax)
  const returned = mapMrSg(mr, entriesOf(entries), 0, entries.length, sgOffset, pageSize)
  return {
    returned,
    pages: Array.from(mr.addressBytes.subarray(0, mr.entries)),
    iova: mr.figures[MR_IOVA],
    length: mr.figures[MR_LENGTH],
    sgOffset: mr.sgOffsetBytes,
  }
}

/**
 * The same, from the description of the rules and not from the shape of the loop: BigInt, a page at a time, the list as
 * what each entry adds to it.
 */
function slowly(entries: readonly Entry[], pagesMax: number, pageSize: number, sgOffset: number): Mapped {
  const size = BigInt(pageSize)
  const pageOf = (address: bigint) => (address / size) * size
  const pages: bigint[] = []
  const numbers = (returned: number, iova: bigint, length: bigint, offset: bigint): Mapped => ({
    returned,
    pages: pages.map(Number),
    iova: Number(iova),
    length: Number(length),
    sgOffset: Number(BigInt.asUintN(32, offset)),
  })
  const ranges = entries.map(([address, length], i) => {
    const skip = i === 0 ? sgOffset : 0
    return { base: BigInt(address), start: BigInt(address + skip), end: BigInt(address + length) }
  })
  const iova = ranges[0].start
  let length = 0n
  for (const [i, { base, start, end }] of ranges.entries()) {
    const before = i === 0 ? undefined : ranges[i - 1]
    const isSeam = before !== undefined && (before.end % size !== 0n || start % size !== 0n)
    if (isSeam && before.end !== start) return numbers(i, iova, length, 0n)
    const own: bigint[] = []
    // An entry without bytes has the page it stands in.
    for (let page = pageOf(start); page < end || page === pageOf(start); page += size) own.push(page)
    if (isSeam) own.shift()
    const room = pagesMax - pages.length
    pages.push(...own.slice(0, room))
    if (own.length > room) {
      const listedAt = room === 0 ? start : own[room - 1]
      const offset = listedAt - base
      const isNothing = i === 0 && BigInt.asUintN(32, offset) === 0n
      return numbers(isNothing ? ENOMEM : i, iova, length + listedAt - start, offset)
    }
    length += end - start
  }
  return numbers(ranges.length, iova, length, 0n)
}

describe('ib_map_mr_sg: the worked examples', () => {
  it('IM1: entries that touch inside a page are one range', () => {
    expect(
      map([
        [0x10200, 0xe00],
        [0x11000, 0x800],
        [0x11800, 0x1345],
      ]),
    ).toEqual({ returned: 3, pages: [0x10000, 0x11000, 0x12000], iova: 0x10200, length: 10565, sgOffset: 0 })
  })

  it('IM2: two entries of 64 KiB are 32 pages', () => {
    const { returned, pages, length } = map([
      [0x10000, 65536],
      [0x80000, 65536],
    ])
    expect(returned).toBe(2)
    expect(pages).toHaveLength(32)
    expect(pages[15]).toBe(0x1f000)
    expect(pages[16]).toBe(0x80000)
    expect(length).toBe(131072)
  })

  it('IM3: a gap ends the range before it', () => {
    expect(
      map([
        [0x10200, 0xe00],
        [0x30000, 0x800],
        [0x50000, 0x345],
      ]),
    ).toEqual({ returned: 2, pages: [0x10000, 0x30000], iova: 0x10200, length: 5632, sgOffset: 0 })
  })

  it('MR1: the first may begin and the last may end inside a page', () => {
    const { returned, pages, iova, length } = map([
      [0x10200, 0xe00],
      [0x30000, 4096],
      [0x50000, 0x345],
    ])
    expect({ returned, pages, iova, length }).toEqual({
      returned: 3,
      pages: [0x10000, 0x30000, 0x50000],
      iova: 0x10200,
      length: 8517,
    })
  })

  it('MR2: a short entry between them ends it', () => {
    const { returned, pages } = map([
      [0x10200, 0xe00],
      [0x30000, 0x800],
      [0x50000, 0x345],
    ])
    expect(returned).toBe(2)
    expect(pages).toEqual([0x10000, 0x30000])
  })
})

describe('ib_map_mr_sg: room, offsets and errors', () => {
  it('a full list ends before the entry that did not fit', () => {
    const full = map(
      [
        [0x10000, 4096],
        [0x30000, 8192],
      ],
      2,
    )
    // The first page of the second entry is in the list, and not in the length.
    expect(full).toEqual({ returned: 1, pages: [0x10000, 0x30000], iova: 0x10000, length: 4096, sgOffset: 0 })
  })

  it('a full list inside an entry goes on where its last page begins', () => {
    const full = map(
      [
        [0x10000, 4096],
        [0x30000, 16384],
      ],
      3,
    )
    expect(full).toEqual({
      returned: 1,
      pages: [0x10000, 0x30000, 0x31000],
      iova: 0x10000,
      length: 8192,
      sgOffset: 4096,
    })
  })

  it('an entry longer than the list is 0 entries with an offset', () => {
    expect(map([[0x10000, 16384]], 2)).toEqual({
      returned: 0,
      pages: [0x10000, 0x11000],
      iova: 0x10000,
      length: 4096,
      sgOffset: 4096,
    })
  })

  it('a list of one page and an entry of two: the driver says no', () => {
    expect(map([[0x10000, 8192]], 1).returned).toBe(ENOMEM)
  })

  it('an entry that begins inside the only page: offset and length wrap', () => {
    const wrapped = map([[0x10200, 8192]], 1)
    expect(wrapped).toMatchObject({ returned: 0, length: -0x200, sgOffset: 0xfffffe00 })
  })

  it('begins at an offset of the first entry', () => {
    expect(
      map(
        [
          [0x10000, 16384],
          [0x30000, 100],
        ],
        256,
        PAGE_SIZE,
        0x1010,
      ),
    ).toEqual({
      returned: 2,
      pages: [0x11000, 0x12000, 0x13000, 0x30000],
      iova: 0x11010,
      length: 16384 - 0x1010 + 100,
      sgOffset: 0,
    })
  })

  it('an offset beyond the first entry, or no entry: -EINVAL', () => {
    expect(map([[0x10000, 100]], 256, PAGE_SIZE, 101).returned).toBe(EINVAL)
    expect(map([[0x10000, 100]], 256, PAGE_SIZE, 100).returned).toBe(1)
    expect(mapMrSg(new MemoryRegion(8), entriesOf([[0x10000, 100]]), 0, 0, 0, PAGE_SIZE)).toBe(EINVAL)
  })

  it('a device without the operation: -EOPNOTSUPP', () => {
    const mr = new MemoryRegion(8, false, false)
    expect(mapMrSg(mr, entriesOf([[0x10000, 100]]), 0, 1, 0, PAGE_SIZE)).toBe(EOPNOTSUPP)
  })

  it('pages of 64 KiB: alignment and list are in those', () => {
    const { returned, pages } = map(
      [
        [0x10000, 0x20000],
        [0x50000, 0x1000],
      ],
      256,
      65536,
    )
    expect(returned).toBe(2)
    expect(pages).toEqual([0x10000, 0x20000, 0x50000])
    expect(
      map(
        [
          [0x10000, 0x1000],
          [0x20000, 0x1000],
        ],
        256,
        65536,
      ).returned,
    ).toBe(1)
  })

  it('goes on behind the entries of an earlier region', () => {
    const mr = new MemoryRegion(2)
    const sg = entriesOf([
      [0x10000, 4096],
      [0x20000, 4096],
      [0x30200, 0x100],
    ])
    expect(mapMrSg(mr, sg, 0, 3, 0, PAGE_SIZE)).toBe(2)
    expect(mapMrSg(mr, sg, 2, 1, 0, PAGE_SIZE)).toBe(1)
    expect(mr.entries).toBe(1)
    expect(mr.figures[MR_IOVA]).toBe(0x30200)
  })
})

describe('SG_GAPS: an element for each entry', () => {
  const GAPPY: readonly Entry[] = [
    [0x10200, 0xe00],
    [0x30100, 0x800],
    [0x50000, 0x345],
  ]

  it('takes what a page list cannot', () => {
    const mr = new MemoryRegion(8, true)
    expect(mapMrSg(mr, entriesOf(GAPPY), 0, 3, 0x10, PAGE_SIZE)).toBe(3)
    expect(Array.from(mr.addressBytes.subarray(0, 3))).toEqual([0x10210, 0x30100, 0x50000])
    expect(Array.from(mr.lengthBytes.subarray(0, 3))).toEqual([0xdf0, 0x800, 0x345])
    expect(mr.figures[MR_IOVA]).toBe(0x10210)
    expect(mr.figures[MR_LENGTH]).toBe(0xdf0 + 0x800 + 0x345)
    expect(mr.sgOffsetBytes).toBe(0)
    expect(mr.entryBytes).toBe(16)
  })

  it('ends with the room', () => {
    const mr = new MemoryRegion(2, true)
    expect(mapMrSg(mr, entriesOf(GAPPY), 0, 3, 0, PAGE_SIZE)).toBe(2)
    expect(mr.figures[MR_LENGTH]).toBe(0xe00 + 0x800)
  })
})

describe('ib_map_mr_sg against its slow twin', () => {
  it('all lists of up to three small entries', () => {
    // Pages of 4 bytes keep the cases few: two offsets, lengths that end inside, at and beyond a page.
    const starts = [0, 1, 2, 4, 5, 8, 12]
    const lengths = [0, 1, 3, 4, 6, 8, 9]
    const single = starts.flatMap((start) => lengths.map((length): Entry => [start + 0x100, length]))
    for (const first of single) {
      for (const pagesMax of [1, 2, 8]) {
        for (const offset of [0, 1, 4].filter((bytes) => bytes <= first[1])) {
          expect(map([first], pagesMax, 4, offset)).toEqual(slowly([first], pagesMax, 4, offset))
        }
      }
    }
    for (const first of single) {
      for (const second of single) {
        for (const pagesMax of [1, 2, 3, 8]) {
          const wanted = slowly([first, second], pagesMax, 4, 0)
          const got = map([first, second], pagesMax, 4, 0)
          if (JSON.stringify(got) !== JSON.stringify(wanted)) expect(got).toEqual(wanted)
        }
      }
    }
  })

  it('seeded random lists, contiguous ones often', () => {
    const step = fc.record({
      gap: fc.constantFrom(0, 0, 0, 0x200, 0x1000, 0x5000),
      length: fc.oneof(fc.constantFrom(0x200, 0x800, 0x1000, 0x2000, 0x10000), fc.integer({ min: 0, max: 20000 })),
    })
    const list = fc.record({
      base: fc.constantFrom(0x10000, 0x10200, 0x7ff_ffff_f000),
      steps: fc.array(step, { minLength: 1, maxLength: 12 }),
      pagesMax: fc.integer({ min: 1, max: 24 }),
      pageSize: fc.constantFrom(512, 4096, 65536),
      offset: fc.constantFrom(0, 0, 1, 0x200, 0x1000),
    })
    const property = fc.property(list, ({ base, steps, pagesMax, pageSize, offset }) => {
      let at = base
      const entries = steps.map(({ gap, length }): Entry => {
        const entry: Entry = [at + gap, length]
        at += gap + length
        return entry
      })
      const sgOffset = Math.min(offset, entries[0][1])
      expect(map(entries, pagesMax, pageSize, sgOffset)).toEqual(slowly(entries, pagesMax, pageSize, sgOffset))
    })
    fc.assert(property, { seed: 20260505, numRuns: 3000 })
  })
})

describe('entries as a device sees them', () => {
  it('the pages of a folio follow each other, two folios do not', () => {
    const pages = new PageStore()
    const folio = pages.allocateFolio(2, 1)
    const other = pages.allocateFolio(0, 1)
    const pieces = new Pieces()
    pieces.add(folio, 0x200, 0xe00)
    pieces.add(folio + 1, 0, 4096)
    pieces.add(folio, 0x2000, 4096)
    pieces.add(other, 0, 4096)
    const sg = new DmaEntries()
    sg.addPieces(pages, pieces, 0, pieces.length)
    const { addressBytes } = sg
    expect(addressBytes[1]).toBe(addressBytes[0] + 0xe00)
    expect(addressBytes[2]).toBe(addressBytes[1] + 4096)
    expect(addressBytes[3]).not.toBe(addressBytes[2] + 4096)
    expect(addressBytes[0]).toBeGreaterThan(0)
    expect(addressBytes[0] % 4096).toBe(0x200)
  })

  it('a scatterlist gives its entries, a chained one across the link', () => {
    const pages = new PageStore()
    const first = pages.pageOfFrame(16)
    const second = pages.pageOfFrame(32)
    const lists = new Scatterlists()
    const sgl = lists.take(8)
    const next = lists.take(8)
    lists.initTable(sgl, 2)
    lists.initTable(next, 1)
    lists.unmarkEnd(sgl + 1)
    lists.setPage(sgl, first, 4096, 0)
    lists.chain(sgl, 2, next)
    lists.setPage(next, second, 100, 4)
    const sg = new DmaEntries()
    sg.addScatterlist(pages, lists, sgl, 2)
    expect(sg.length).toBe(2)
    expect(Array.from(sg.addressBytes.subarray(0, 2))).toEqual([16 * 4096, 32 * 4096 + 4])
    expect(Array.from(sg.lengthBytes.subarray(0, 2))).toEqual([4096, 100])
  })

  it('a list grows', () => {
    const pages = new PageStore()
    const page = pages.pageOfFrame(1)
    const sg = new DmaEntries()
    const mr = new MemoryRegion(1000)
    for (let i = 0; i < 1000; i++) sg.add(pages, page, 0, 4096)
    expect(mapMrSg(mr, sg, 0, 1000, 0, PAGE_SIZE)).toBe(1000)
    expect(mr.entries).toBe(1000)
    expect(mr.addressBytes[999]).toBe(4096)
  })
})
