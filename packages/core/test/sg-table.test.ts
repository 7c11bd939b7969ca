import { describe, expect, it } from 'vitest'
import { Scatterlists, SG_MAX_SINGLE_ALLOC, SG_NO_PAGE, SG_NONE } from '../src/build/scatterlist.ts'
import { SgAllocator } from '../src/build/sg-allocator.ts'
import { PagesToAppend, SgAppender, SgAppendTable } from '../src/build/sg-append.ts'
import { SgTable, sgAllocTable, sgAllocTableChained, sgFreeTable, sgFreeTableChained } from '../src/build/sg-table.ts'
import { EINVAL, ENOMEM, EOPNOTSUPP } from '../src/errno.ts'
import { InvariantError } from '../src/invariant.ts'
import { kernelOf } from '../src/kernel/kernel.ts'
import type { KernelVersion } from '../src/kernel/version.ts'
import { PAGE_KINDS, PageStore } from '../src/memory/page-store.ts'

const P = 4096
const UINT_MAX = 0xffffffff

function tables(chains = true) {
  const lists = new Scatterlists()
  return { lists, allocator: new SgAllocator(lists, chains), table: new SgTable() }
}

/** The entries of a table as {page, offset, length}, up to its end mark. */
function entries(lists: Scatterlists, sgl: number): number[][] {
  const out: number[][] = []
  for (let sg = sgl; sg !== SG_NONE; sg = lists.next(sg)) {
    out.push([lists.page[sg]!, lists.offsetBytes[sg]!, lists.lengthBytes[sg]!])
  }
  return out
}

describe('sg_alloc_table', () => {
  it('no entries: -EINVAL, and nothing is allocated', () => {
    const { allocator, table } = tables()
    expect(sgAllocTable(allocator, table, 0)).toBe(EINVAL)
    expect([allocator.chunks, allocator.tables, table.sgl]).toEqual([0, 0, SG_NONE])
  })

  // n entries in chunks of 128, of which all but the last hold 127.
  it.each([
    [1, 1, 1],
    [127, 1, 127],
    [128, 1, 128],
    [129, 2, 130],
    [255, 2, 256],
    [256, 3, 258],
    [2048, 17, 2064],
  ])('%i entries: %i chunks with %i entries, links included', (nents, chunks, all) => {
    const { lists, allocator, table } = tables()
    expect(sgAllocTable(allocator, table, nents)).toBe(0)
    expect([table.nents, table.origNents]).toEqual([nents, nents])
    expect([allocator.tables, allocator.chunks, allocator.entries]).toEqual([1, chunks, all])
    expect(lists.nents(table.sgl)).toBe(nents)
    expect(lists.isLast(lists.last(table.sgl, nents))).toBe(true)
    sgFreeTable(allocator, table)
    expect([table.sgl, allocator.chunksFreed]).toEqual([SG_NONE, chunks])
    sgFreeTable(allocator, table)
    expect(allocator.chunksFreed).toBe(chunks)
  })

  it('the 128th entry of the first chunk is the link, with neither offset nor length', () => {
    const { lists, allocator, table } = tables()
    sgAllocTable(allocator, table, 200)
    const link = table.sgl + SG_MAX_SINGLE_ALLOC - 1
    expect([lists.isChain(link - 1), lists.isChain(link), lists.isLast(link)]).toEqual([false, true, false])
    expect([lists.offsetBytes[link], lists.lengthBytes[link]]).toEqual([0, 0])
    expect(lists.next(link - 1)).toBe(lists.page[link])
  })

  it.each([
    [0, 300],
    [1, 300],
    [2, 300],
    [0, 5],
  ])('a failure after %i chunks of %i entries: -ENOMEM, and all are given back', (chunksLeft, nents) => {
    const { allocator, table } = tables()
    allocator.chunksLeft = chunksLeft
    expect(sgAllocTable(allocator, table, nents)).toBe(ENOMEM)
    expect([allocator.chunks, allocator.chunksFreed, allocator.tables]).toEqual([chunksLeft, chunksLeft, 0])
    expect(table.sgl).toBe(SG_NONE)
    allocator.chunksLeft = -1
    expect(sgAllocTable(allocator, table, nents)).toBe(0)
  })

  it('without chaining one chunk is all there is', () => {
    const { allocator, table } = tables(false)
    expect(sgAllocTable(allocator, table, 128)).toBe(0)
    expect(sgAllocTable(allocator, new SgTable(), 129)).toBe(EINVAL)
  })

  it('chunks given back are used again', () => {
    const { lists, allocator, table } = tables()
    for (let i = 0; i < 1000; i++) {
      expect(sgAllocTable(allocator, table, 700)).toBe(0)
      sgFreeTable(allocator, table)
    }
    expect(lists.page.length).toBe(1024)
  })

  it('a chunk is given back with the size it was taken with', () => {
    const { lists } = tables()
    const sg = lists.take(20)
    expect(() => lists.give(sg, 40)).toThrow(InvariantError)
    lists.give(sg, 20)
    expect(() => lists.give(sg, 20)).toThrow(InvariantError)
  })
})

describe('sg_alloc_table_chained', () => {
  it('entries that fit into the first chunk cost nothing', () => {
    const { lists, allocator, table } = tables()
    const inline = lists.take(16)
    expect(sgAllocTableChained(allocator, table, 16, inline, 16)).toBe(0)
    expect([table.sgl, table.nents, table.origNents]).toEqual([inline, 16, 16])
    expect([allocator.tables, allocator.chunks]).toEqual([1, 0])
    sgFreeTableChained(allocator, table, 16)
    expect(allocator.chunksFreed).toBe(0)
  })

  // 16 inline: 15 usable; then chunks of 128 with 127.
  it.each([
    [17, 1],
    [15 + 128, 1],
    [15 + 129, 2],
    [15 + 127 + 128, 2],
  ])('%i entries behind 16 inline ones: %i chunks', (nents, chunks) => {
    const { lists, allocator, table } = tables()
    const inline = lists.take(16)
    expect(sgAllocTableChained(allocator, table, nents, inline, 16)).toBe(0)
    expect([table.sgl, allocator.chunks, lists.nents(table.sgl)]).toEqual([inline, chunks, nents])
    sgFreeTableChained(allocator, table, 16)
    expect(allocator.chunksFreed).toBe(chunks)
    lists.give(inline, 16)
  })

  it.each([0, 1])('a first chunk of %i entries is left aside', (size) => {
    const { lists, allocator, table } = tables()
    const inline = lists.take(1)
    expect(sgAllocTableChained(allocator, table, 3, inline, size)).toBe(0)
    expect(table.sgl).not.toBe(inline)
    expect(allocator.chunks).toBe(1)
    sgFreeTableChained(allocator, table, size)
    expect(allocator.chunksFreed).toBe(1)
  })

  it.each([0, 1, 2])('a failure after %i chunks gives those back and leaves the first one', (chunksLeft) => {
    const { lists, allocator, table } = tables()
    const inline = lists.take(16)
    allocator.chunksLeft = chunksLeft
    expect(sgAllocTableChained(allocator, table, 400, inline, 16)).toBe(ENOMEM)
    expect([allocator.chunks, allocator.chunksFreed]).toEqual([chunksLeft, chunksLeft])
    lists.give(inline, 16)
  })
})

/** tools/testing/scatterlist/main.c: pages, pages of a second call, size, longest segment, error, entries. */
const ROWS: readonly (readonly [number[], number[] | null, number, number, number, number])[] = [
  [[0], null, P, 0, EINVAL, 0],
  [[0], null, P, P + 1, 0, 1],
  [[0], null, P, UINT_MAX, 0, 1],
  [[0], null, 1, UINT_MAX, 0, 1],
  [[0, 1], null, 2 * P, UINT_MAX, 0, 1],
  [[1, 0], null, 2 * P, UINT_MAX, 0, 2],
  [[0, 1, 2], null, 3 * P, UINT_MAX, 0, 1],
  [[0, 1, 2], null, 3 * P, UINT_MAX, 0, 1],
  [[0, 1, 2], [3, 4, 5], 3 * P, UINT_MAX, 0, 1],
  [[0, 1, 2], [4, 5, 6], 3 * P, UINT_MAX, 0, 2],
  [[0, 2, 1], null, 3 * P, UINT_MAX, 0, 3],
  [[0, 1, 3], null, 3 * P, UINT_MAX, 0, 2],
  [[1, 2, 4], null, 3 * P, UINT_MAX, 0, 2],
  [[1, 3, 4], null, 3 * P, UINT_MAX, 0, 2],
  [[0, 1, 3, 4], null, 4 * P, UINT_MAX, 0, 2],
  [[0, 1, 3, 4, 5], null, 5 * P, UINT_MAX, 0, 2],
  [[0, 1, 3, 4, 6], null, 5 * P, UINT_MAX, 0, 3],
  [[0, 1, 2, 3, 4], null, 5 * P, UINT_MAX, 0, 1],
  [[0, 1, 2, 3, 4], null, 5 * P, 2 * P, 0, 3],
  [[0, 1, 2, 3, 4, 5], null, 6 * P, 2 * P, 0, 3],
  [[0, 2, 3, 4, 5, 6], null, 6 * P, 2 * P, 0, 4],
  [[0, 1, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12], 6 * P, 12 * P, 0, 2],
]

/** Pages by frame number, and one append table. */
class Appending {
  readonly pages = new PageStore()
  readonly lists = new Scatterlists()
  readonly allocator: SgAllocator
  readonly appender: SgAppender
  readonly append = new SgAppendTable()
  readonly from = new PagesToAppend()

  constructor(version: KernelVersion = '6.12', chains = true) {
    this.allocator = new SgAllocator(this.lists, chains)
    this.appender = new SgAppender(this.allocator, this.pages, kernelOf(version))
  }

  private set(frames: readonly number[], sizeBytes: number, maxSegmentBytes: number, offsetBytes: number): void {
    const { from } = this
    from.page = Int32Array.from(frames, (frame) => this.pages.pageOfFrame(frame))
    from.first = 0
    from.nPages = frames.length
    from.sizeBytes = sizeBytes
    from.maxSegmentBytes = maxSegmentBytes
    from.offsetBytes = offsetBytes
  }

  add(frames: readonly number[], leftPages = 0, sizeBytes = frames.length * P, max = UINT_MAX, offset = 0): number {
    this.set(frames, sizeBytes, max, offset)
    this.from.leftPages = leftPages
    return this.appender.allocAppendTableFromPages(this.append, this.from)
  }

  make(frames: readonly number[], sizeBytes = frames.length * P, max = UINT_MAX, offset = 0): number {
    this.set(frames, sizeBytes, max, offset)
    return this.appender.allocTableFromPagesSegment(this.append, this.from)
  }

  /** {frame, offset, length} of the entries in use. */
  entries(): number[][] {
    const { sgl, nents } = this.append.sgt
    const { lists, pages } = this
    const out: number[][] = []
    for (let sg = sgl; out.length < nents; sg = lists.next(sg)) {
      out.push([pages.frameOf(lists.page[sg]!), lists.offsetBytes[sg]!, lists.lengthBytes[sg]!])
    }
    return out
  }
}

describe('sg_alloc_append_table_from_pages', () => {
  it.each(
    ROWS.flatMap((row, i) =>
      (['6.1', '6.12', 'mainline'] as const).map((version) => [i + 1, version, ...row] as const),
    ),
  )('row %i of the kernel test, %s: %j then %j', (_, version, frames, second, size, max, error, nents) => {
    const a = new Appending(version)
    const result = second === null ? a.make(frames, size, max) : a.add(frames, frames.length, size, max)
    expect(result).toBe(error)
    if (error !== 0) {
      expect(a.allocator.chunks).toBe(0)
      return
    }
    if (second !== null) expect(a.add(second, 0, size, max)).toBe(0)
    const { sgt } = a.append
    expect(sgt.nents).toBe(nents)
    expect(sgt.origNents).toBe(nents)
    // The list ends at its last entry, which is not the last one allocated where more pages had been told.
    expect(entries(a.lists, sgt.sgl)).toHaveLength(nents)
    if (second === null) sgFreeTable(a.allocator, sgt)
    else a.appender.freeAppendTable(a.append)
    expect(a.allocator.chunksFreed).toBe(a.allocator.chunks)
  })

  it('the offset is that of the first entry alone, and the size ends the last', () => {
    const a = new Appending()
    expect(a.make([10, 11, 12, 20, 21], 4 * P + 100, UINT_MAX, 300)).toBe(0)
    expect(a.entries()).toEqual([
      [10, 300, 3 * P - 300],
      [20, 0, P + 400],
    ])
  })

  it('a size used up too early: an entry of no bytes, then the size wraps and entries are whole', () => {
    const a = new Appending()
    expect(a.make([1, 3, 5], P)).toBe(0)
    expect(a.entries()).toEqual([
      [1, 0, P],
      [3, 0, 0],
      [5, 0, P],
    ])
  })

  it('pages that lengthen the last entry do not count against the size', () => {
    const a = new Appending()
    a.add([1, 2], 10)
    expect(a.add([3, 7], 0, P + 100)).toBe(0)
    expect(a.entries()).toEqual([
      [1, 0, 3 * P],
      [7, 0, P],
    ])
  })

  it('the last entry grows up to the longest segment', () => {
    const a = new Appending()
    a.add([1, 2], 10, 2 * P, 3 * P)
    expect(a.add([3, 4, 5], 0, 3 * P, 3 * P)).toBe(0)
    expect(a.entries()).toEqual([
      [1, 0, 3 * P],
      [4, 0, 2 * P],
    ])
  })

  it('the longest entry is 0xfffff000 bytes: UINT_MAX in whole pages', () => {
    const a = new Appending()
    const frames = Array.from({ length: 0x100000 }, (_, i) => i)
    expect(a.make(frames)).toBe(0)
    expect(a.entries()).toEqual([
      [0, 0, 0xfffff000],
      [0xfffff, 0, P],
    ])
  })

  it('an offset in a second call is -EINVAL, a second call without chaining -EOPNOTSUPP', () => {
    const a = new Appending()
    a.add([1], 5)
    expect(a.add([2], 0, P, UINT_MAX, 100)).toBe(EINVAL)
    const unchained = new Appending('6.12', false)
    expect(unchained.add([1], 5)).toBe(0)
    expect(unchained.add([2])).toBe(EOPNOTSUPP)
    expect(unchained.entries()).toEqual([[1, 0, P]])
  })

  it('no page behind the end mark', () => {
    const a = new Appending()
    a.add([1])
    expect(() => a.add([5])).toThrow(InvariantError)
  })

  it('folios side by side merge, pages of one folio in the wrong order do not', () => {
    const a = new Appending()
    const head = a.pages.allocateFolio(2, PAGE_KINDS.indexOf('anon'))
    const other = a.pages.allocateFolio(0, PAGE_KINDS.indexOf('anon'))
    a.from.page = Int32Array.of(head + 1, head + 2, head + 3, head, other)
    a.from.nPages = 5
    a.from.sizeBytes = 5 * P
    expect(a.appender.allocTableFromPages(a.append, a.from)).toBe(0)
    expect(entries(a.lists, a.append.sgt.sgl)).toEqual([
      [head + 1, 0, 3 * P],
      [head, 0, P],
      [other, 0, P],
    ])
  })

  it.each([
    ['6.1', 1],
    ['6.12', 3],
    ['mainline', 3],
  ] as const)(
    '%s: device memory between ordinary pages makes %i entries, in one call or in three',
    (version, nents) => {
      for (const calls of [1, 3]) {
        const a = new Appending(version)
        a.pages.pageOfFrame(2, PAGE_KINDS.indexOf('device'))
        if (calls === 1) expect(a.add([1, 2, 3])).toBe(0)
        else expect([a.add([1], 2), a.add([2], 1), a.add([3])]).toEqual([0, 0, 0])
        expect(a.append.sgt.nents).toBe(nents)
      }
    },
  )

  it('300 entries over three chunks, in one call and in calls of seven', () => {
    const frames = Array.from({ length: 300 }, (_, i) => 2 * i)
    const once = new Appending()
    expect(once.make(frames)).toBe(0)
    const many = new Appending()
    for (let at = 0; at < 300; at += 7) {
      expect(many.add(frames.slice(at, at + 7), Math.max(0, 300 - at - 7))).toBe(0)
    }
    for (const a of [once, many]) {
      expect(a.entries()).toEqual(frames.map((frame) => [frame, 0, P]))
      expect([a.allocator.tables, a.allocator.chunks, a.append.totalNents]).toEqual([1, 3, 300])
      expect(a.lists.nents(a.append.sgt.sgl)).toBe(300)
      a.appender.freeAppendTable(a.append)
      expect(a.allocator.chunksFreed).toBe(3)
    }
  })

  it.each([0, 1, 2])('a failure after %i chunks in one call leaves nothing behind', (chunksLeft) => {
    const a = new Appending()
    a.allocator.chunksLeft = chunksLeft
    expect(a.make(Array.from({ length: 300 }, (_, i) => 2 * i))).toBe(ENOMEM)
    expect([a.allocator.chunks, a.allocator.chunksFreed]).toEqual([chunksLeft, chunksLeft])
  })

  it('a failure in a second call: the last entry is as long as before, the entries as many', () => {
    const a = new Appending()
    const frames = Array.from({ length: 127 }, (_, i) => 2 * i)
    a.add(frames, 1000)
    const last = frames.at(-1)!
    a.allocator.chunksLeft = 0
    expect(a.add([last + 1, last + 2, 900, 902], 500)).toBe(ENOMEM)
    expect(a.append.sgt.nents).toBe(127)
    expect(a.entries().at(-1)).toEqual([last, 0, P])
    a.appender.freeAppendTable(a.append)
    expect(a.allocator.chunksFreed).toBe(1)
  })

  it('an entry not in use has no page', () => {
    const a = new Appending()
    a.add([1], 3)
    expect(a.lists.page[a.append.sgt.sgl + 1]).toBe(SG_NO_PAGE)
  })
})
