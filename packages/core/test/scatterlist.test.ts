import { describe, expect, it } from 'vitest'
import { IterToSg, type PageTaker } from '../src/build/iter-to-sg.ts'
import { nthPage, Scatterlists, SG_NO_PAGE, SG_NONE } from '../src/build/scatterlist.ts'
import { SgAllocator } from '../src/build/sg-allocator.ts'
import { SgCopy } from '../src/build/sg-copy.ts'
import { SgMiter } from '../src/build/sg-miter.ts'
import { SgViolations } from '../src/build/sg-report.ts'
import { SgTable, sgAllocTable } from '../src/build/sg-table.ts'
import { EFAULT, EINVAL, EIO, ENOMEM } from '../src/errno.ts'
import { extractPages, ITER_ALLOW_P2PDMA } from '../src/extract/extract-pages.ts'
import { PageList } from '../src/extract/page-list.ts'
import { findPolicy } from '../src/extract/policy.ts'
import { InvariantError } from '../src/invariant.ts'
import { FolioQueue } from '../src/iter/folio-queue.ts'
import { IovIter } from '../src/iter/iov-iter.ts'
import {
  ITER_BVEC,
  ITER_DEST,
  ITER_IOVEC,
  ITER_KVEC,
  ITER_UBUF,
  ITER_XARRAY,
  type IterType,
} from '../src/iter/iter-type.ts'
import { SegmentTable } from '../src/iter/segment-table.ts'
import { kernelOf } from '../src/kernel/kernel.ts'
import { QUIRKS } from '../src/kernel/quirks.ts'
import type { KernelVersion } from '../src/kernel/version.ts'
import { HOLD_NONE, type Hold } from '../src/ledger/hold.ts'
import { Ledger } from '../src/ledger/ledger.ts'
import { BARE_PAGES, PINS_ACQUIRED, PINS_OPEN, PINS_RELEASED } from '../src/ledger/totals.ts'
import { KERNEL_MM } from '../src/memory/address-spaces.ts'
import { MAPPING_NO_ACCESS } from '../src/memory/mapping.ts'
import { Memory } from '../src/memory/memory.ts'
import { PageBytes } from '../src/memory/page-bytes.ts'
import { PAGE_KINDS, PageStore } from '../src/memory/page-store.ts'

const P = 4096

/** A list of entries {page, offset, length}, with its end marked. */
function listOf(lists: Scatterlists, entries: readonly (readonly number[])[]): number {
  const sgl = lists.take(entries.length)
  lists.initTable(sgl, entries.length)
  for (const [i, [page, offset, length]] of entries.entries()) lists.setPage(sgl + i, page!, length!, offset!)
  return sgl
}

describe('an array of entries', () => {
  it('sg_init_table clears it and marks the last entry', () => {
    const lists = new Scatterlists()
    const sgl = listOf(lists, [
      [5, 1, 2],
      [6, 3, 4],
      [7, 5, 6],
    ])
    lists.initTable(sgl, 2)
    expect([...lists.page.subarray(sgl, sgl + 3)]).toEqual([SG_NO_PAGE, SG_NO_PAGE, 7])
    expect([0, 1, 2].map((i) => lists.lengthBytes[sgl + i])).toEqual([0, 0, 6])
    expect([0, 1].map((i) => lists.isLast(sgl + i))).toEqual([false, true])
    expect(lists.nents(sgl)).toBe(2)
  })

  it('sg_set_page keeps the mark of the end', () => {
    const lists = new Scatterlists()
    const sgl = listOf(lists, [[5, 0, P]])
    lists.setPage(sgl, 8, 100, 4000)
    expect([lists.page[sgl], lists.offsetBytes[sgl], lists.lengthBytes[sgl]]).toEqual([8, 4000, 100])
    expect([lists.isLast(sgl), lists.next(sgl)]).toEqual([true, SG_NONE])
  })

  it('sg_chain joins two arrays: the last entry of the first is no entry any more', () => {
    const lists = new Scatterlists()
    const first = listOf(lists, [
      [1, 0, P],
      [2, 0, P],
      [3, 0, P],
    ])
    const second = listOf(lists, [
      [4, 0, P],
      [5, 0, P],
    ])
    lists.chain(first, 3, second)
    expect([lists.isChain(first + 2), lists.isLast(first + 2)]).toEqual([true, false])
    const pages: number[] = []
    for (let sg = first; sg !== SG_NONE; sg = lists.next(sg)) pages.push(lists.page[sg]!)
    expect(pages).toEqual([1, 2, 4, 5])
    expect([lists.nents(first), lists.last(first, 4)]).toEqual([4, second + 1])
    expect(() => lists.setPage(first + 2, 9, P, 0)).toThrow(InvariantError)
  })

  it('sg_mark_end cuts a list, also at a link; sg_unmark_end lets it go on', () => {
    const lists = new Scatterlists()
    const first = listOf(lists, [
      [1, 0, P],
      [2, 0, P],
    ])
    lists.markEnd(first)
    expect([lists.nents(first), lists.last(first, 1)]).toEqual([1, first])
    lists.unmarkEnd(first)
    expect(lists.nents(first)).toBe(2)
    lists.chain(first, 2, listOf(lists, [[3, 0, P]]))
    lists.markEnd(first + 1)
    expect([lists.isChain(first + 1), lists.isLast(first + 1)]).toEqual([false, true])
  })

  it('sg_last is a BUG where the end is not marked', () => {
    const lists = new Scatterlists()
    const sgl = listOf(lists, [
      [1, 0, P],
      [2, 0, P],
    ])
    expect(() => lists.last(sgl, 1)).toThrow(InvariantError)
  })

  // Entries of 100, 0, 50 and 4096 bytes.
  it.each([
    [0, 0],
    [1, 1],
    [100, 1],
    [101, 3],
    [150, 3],
    [151, 4],
    [4246, 4],
    [4247, EINVAL],
  ])('sg_nents_for_len: %i bytes take %i entries', (bytes, nents) => {
    const lists = new Scatterlists()
    const sgl = listOf(lists, [
      [1, 0, 100],
      [2, 0, 0],
      [3, 9, 50],
      [4, 0, P],
    ])
    expect(lists.nentsForLen(sgl, bytes)).toBe(nents)
  })

  it.each([
    [0, 0, 0],
    [0, 1, 1],
    [0, P, 1],
    [0, P + 1, 2],
    [P - 1, 1, 1],
    [P - 1, 2, 2],
    [2 * P, P, 3],
    [9000, 10000, 5],
  ])('sg_page_count: offset %i, %i bytes span %i pages from the page of the entry on', (offset, length, count) => {
    const lists = new Scatterlists()
    expect(lists.pageCount(listOf(lists, [[1, offset, length]]))).toBe(count)
  })

  it('arrays of every size come back', () => {
    const lists = new Scatterlists()
    for (let round = 0; round < 3; round++) {
      const taken = [1, 8, 9, 127, 128, 512, 2048].map((n) => [lists.take(n), n] as const)
      const rows = taken.flatMap(([sg, n]) => Array.from({ length: n }, (_, i) => sg + i))
      expect(new Set(rows).size).toBe(rows.length)
      for (const [sg, n] of taken) lists.give(sg, n)
    }
    expect(lists.page.length).toBe(4096)
  })
})

describe('nth_page', () => {
  it('goes by frame numbers, in whatever order the pages were named', () => {
    const pages = new PageStore()
    const rows = [12, 10, 11].map((frame) => pages.pageOfFrame(frame))
    expect([0, 1, 2].map((n) => nthPage(pages, rows[1]!, n))).toEqual([rows[1], rows[2], rows[0]])
  })

  it('goes along a folio', () => {
    const pages = new PageStore()
    const head = pages.allocateFolio(3, PAGE_KINDS.indexOf('file'))
    expect(nthPage(pages, head + 2, 5)).toBe(head + 7)
  })
})

/** Sixteen pages in a row, page i full of bytes i + 1, and lists over them. */
class Copying {
  readonly lists = new Scatterlists()
  readonly pages = new PageStore()
  readonly head = this.pages.allocateFolio(4, PAGE_KINDS.indexOf('anon'))
  /** Pages whose bytes were asked for. */
  readonly touched = new Set<number>()
  readonly contents = new PageBytes((page, bytes) => {
    this.touched.add(page)
    bytes.fill(page - this.head + 1)
  })
  readonly copy = new SgCopy(this.lists, this.pages, this.contents)
  readonly miter = new SgMiter(this.lists, this.pages)

  bytesOf(page: number): Uint8Array {
    return this.contents.bytesOf(page)
  }

  list(...entries: readonly (readonly number[])[]): number {
    return listOf(
      this.lists,
      entries.map(([page, offset, length]) => [this.head + page!, offset!, length!]),
    )
  }

  /** Every piece from now on: {page, offset, length}. */
  pieces(): number[][] {
    const { miter } = this
    const out: number[][] = []
    while (miter.next()) out.push([miter.page - this.head, miter.offsetBytes, miter.lengthBytes])
    return out
  }
}

/** The byte values of a buffer, with how many of each follow each other. */
function runs(buffer: Uint8Array): number[][] {
  const out: number[][] = []
  for (const byte of buffer) {
    const last = out.at(-1)
    if (last !== undefined && last[0] === byte) last[1]!++
    else out.push([byte, 1])
  }
  return out
}

describe('sg_miter', () => {
  it('gives one piece a page', () => {
    const c = new Copying()
    c.miter.start(c.list([0, 0x234, 2 * P], [5, 0, 100], [7, P - 1, 2]), 3)
    expect(c.pieces()).toEqual([
      [0, 0x234, P - 0x234],
      [1, 0, P],
      [2, 0, 0x234],
      [5, 0, 100],
      [7, P - 1, 1],
      [8, 0, 1],
    ])
    expect([c.miter.page, c.miter.lengthBytes]).toEqual([SG_NO_PAGE, 0])
  })

  it('an offset beyond a page is counted from the page of the entry', () => {
    const c = new Copying()
    c.miter.start(c.list([0, 2 * P + 10, P], [4, P, P]), 2)
    expect(c.pieces()).toEqual([
      [2, 10, P - 10],
      [3, 0, 10],
      [5, 0, P],
    ])
  })

  it('an entry without bytes is passed over, one with an offset gives an empty piece', () => {
    const c = new Copying()
    c.miter.start(c.list([0, 0, 0], [1, 0, 5], [2, 7, 0], [3, 0, 5]), 4)
    expect(c.pieces()).toEqual([
      [1, 0, 5],
      [2, 7, 0],
      [3, 0, 5],
    ])
  })

  it('ends after the entries asked for, and at the end mark', () => {
    const c = new Copying()
    const sgl = c.list([0, 0, P], [1, 0, P], [2, 0, P])
    c.miter.start(sgl, 2)
    expect(c.pieces()).toHaveLength(2)
    c.miter.start(sgl, 9)
    expect(c.pieces()).toHaveLength(3)
    c.miter.start(sgl, 0)
    expect(c.pieces()).toHaveLength(0)
  })

  it('goes on where the last piece was consumed to, and across a link', () => {
    const c = new Copying()
    const allocator = new SgAllocator(c.lists)
    const table = new SgTable()
    sgAllocTable(allocator, table, 130)
    let sg = table.sgl
    for (let i = 0; i < 130; i++) {
      c.lists.setPage(sg, c.head + (i % 16), 100, 0)
      sg = c.lists.next(sg)
    }
    c.miter.start(table.sgl, 130)
    c.miter.next()
    c.miter.consumedBytes = 30
    const pieces = c.pieces()
    expect(pieces[0]).toEqual([0, 30, 70])
    expect(pieces).toHaveLength(130)
    expect(pieces.slice(126, 129)).toEqual([126, 127, 128].map((i) => [i % 16, 0, 100]))
  })

  it('skips inside a page, over entries, and not past the end', () => {
    const c = new Copying()
    const sgl = c.list([0, 100, P], [5, 0, 50], [6, 0, 50])
    c.miter.start(sgl, 3)
    expect(c.miter.skip(P + 20)).toBe(true)
    expect(c.pieces()).toEqual([
      [5, 20, 30],
      [6, 0, 50],
    ])
    c.miter.start(sgl, 3)
    expect(c.miter.skip(P + 100)).toBe(true)
    expect(c.pieces()).toEqual([])
    c.miter.start(sgl, 3)
    expect(c.miter.skip(P + 101)).toBe(false)
  })

  it('more consumed than the piece has is refused', () => {
    const c = new Copying()
    c.miter.start(c.list([0, 0, 10]), 1)
    c.miter.next()
    c.miter.consumedBytes = 11
    expect(() => c.miter.next()).toThrow(InvariantError)
  })
})

describe('sg_copy_buffer', () => {
  const ENTRIES = [
    [0, P - 2, 4],
    [5, P + 1, 3],
    [9, 0, P],
  ] as const

  it('sg_copy_to_buffer gathers pages', () => {
    const c = new Copying()
    const buffer = new Uint8Array(4103)
    expect(c.copy.copyToBuffer(c.list(...ENTRIES), 3, buffer)).toBe(4103)
    expect(runs(buffer)).toEqual([
      [1, 2],
      [2, 2],
      [7, 3],
      [10, P],
    ])
  })

  it('sg_copy_from_buffer writes where the entries say, and nowhere else', () => {
    const c = new Copying()
    expect(c.copy.copyFromBuffer(c.list(...ENTRIES), 2, new Uint8Array(7).fill(99))).toBe(7)
    expect(runs(c.bytesOf(c.head))).toEqual([
      [1, P - 2],
      [99, 2],
    ])
    expect(runs(c.bytesOf(c.head + 1))).toEqual([
      [99, 2],
      [2, P - 2],
    ])
    expect(runs(c.bytesOf(c.head + 6))).toEqual([
      [7, 1],
      [99, 3],
      [7, P - 4],
    ])
    expect(c.touched.has(c.head + 9)).toBe(false)
  })

  it('a buffer longer than the list gets what there is, a shorter one is filled', () => {
    const c = new Copying()
    const sgl = c.list(...ENTRIES)
    expect(c.copy.copyToBuffer(sgl, 2, new Uint8Array(100))).toBe(7)
    const short = new Uint8Array(3)
    expect(c.copy.copyToBuffer(sgl, 3, short)).toBe(3)
    expect([...short]).toEqual([1, 1, 2])
    expect(c.copy.copyToBuffer(sgl, 3, new Uint8Array(0))).toBe(0)
  })

  it.each([
    [0, 7],
    [3, 4],
    [6, 1],
    [7, 0],
    [8, 0],
  ])('sg_pcopy_to_buffer from byte %i of seven on: %i bytes', (skip, copied) => {
    const c = new Copying()
    expect(c.copy.pcopyToBuffer(c.list(...ENTRIES), 2, new Uint8Array(100), skip)).toBe(copied)
  })

  it('sg_pcopy_from_buffer leaves what was skipped', () => {
    const c = new Copying()
    const sgl = c.list(...ENTRIES)
    expect(c.copy.pcopyFromBuffer(sgl, 3, new Uint8Array([90, 91, 92]), 3)).toBe(3)
    const after = new Uint8Array(8)
    c.copy.copyToBuffer(sgl, 3, after)
    expect([...after]).toEqual([1, 1, 2, 90, 91, 92, 7, 10])
  })

  it('sg_zero_buffer zeroes so many bytes, 0 past the end', () => {
    const c = new Copying()
    const sgl = c.list(...ENTRIES)
    expect(c.copy.zeroBuffer(sgl, 3, 4, 1)).toBe(4)
    const after = new Uint8Array(8)
    c.copy.copyToBuffer(sgl, 3, after)
    expect([...after]).toEqual([1, 0, 0, 0, 0, 7, 7, 10])
    expect(c.copy.zeroBuffer(sgl, 2, 100, 5)).toBe(2)
    expect(c.copy.zeroBuffer(sgl, 2, 100, 8)).toBe(0)
  })
})

const BASE = 0x10000
const KERNEL_BASE = 0x888000000000

/** Memory, a ledger, one table of entries and one iterator, which it takes pages from as an operation does. */
class Building implements PageTaker {
  readonly memory = new Memory()
  readonly ledger = new Ledger(this.memory.pages)
  readonly lists = new Scatterlists()
  readonly table = new SgTable()
  readonly iter = new IovIter()
  readonly list = new PageList()
  readonly rules: string[] = []
  readonly flags: number[] = []
  readonly toSg = new IterToSg(this.memory, this.ledger, this.lists, this)
  hold: Hold = HOLD_NONE
  private readonly segments = new SegmentTable()

  constructor(entries = 16, version: KernelVersion = '6.12', ...quirks: string[]) {
    this.table.sgl = this.lists.take(entries)
    this.lists.initTable(this.table.sgl, entries)
    const changes = QUIRKS.map(({ name }) => ({ name, on: quirks.includes(name) }))
    this.iter.kernel = kernelOf(version, quirks[0] === 'as it is' ? [] : changes)
    this.iter.report = this
  }

  sgViolation(rule: string): void {
    this.rules.push(rule)
  }

  iterViolation(rule: string): void {
    this.rules.push(rule)
  }

  extract(pagesMax: number, bytesMax: number, flags: number): number {
    const { iter, list } = this
    this.flags.push(flags)
    this.hold = HOLD_NONE
    const bytes = extractPages(iter, findPolicy('extract')!, this.memory, list, pagesMax, bytesMax, flags)
    if (bytes > 0) this.hold = this.ledger.acquire(list) as Hold
    return bytes
  }

  /** Maps pages [first, end) of the process; flags as MAPPING_*. */
  map(first: number, end: number, flags = 0): void {
    this.memory.spaces.map(0, first, end, PAGE_KINDS.indexOf('anon'), 0, flags)
  }

  /** An iterator over {address, length}, {frame, offset, length} for bvec, or {position, file, count} for xarray. */
  start(type: IterType, segs: readonly (readonly number[])[], count?: number): void {
    this.segments.clear()
    for (const seg of segs) this.segments.push(seg[0]!, seg.length === 3 ? seg[1]! : 0, seg.at(-1)!)
    const total = segs.reduce((sum, seg) => sum + seg.at(-1)!, 0)
    this.iter.reset(type, ITER_DEST, this.segments, 0, segs.length, count ?? total)
    this.iter.mm = type === ITER_KVEC ? KERNEL_MM : 0
  }

  /** A file with folios of these orders, one after the other from index `first` on; null is a hole of one page. */
  file(first: number, orders: readonly (number | null)[]): number[] {
    let index = first
    return orders.map((order) => {
      const at = index
      index += 2 ** (order ?? 0)
      if (order === null) return -1
      const head = this.memory.pages.allocateFolio(order, PAGE_KINDS.indexOf('file'))
      this.memory.cache.add(1, at, head)
      return head
    })
  }

  /** A queue with folios of these orders, and their head pages. */
  queue(orders: readonly number[]): { queue: FolioQueue; heads: number[] } {
    const queue = new FolioQueue()
    const heads = orders.map((order) => this.memory.pages.allocateFolio(order, PAGE_KINDS.indexOf('file')))
    for (const [i, head] of heads.entries()) queue.append(head, orders[i]!)
    return { queue, heads }
  }

  build(sizeMax: number, sgMax = 16): number {
    return this.toSg.extract(this, this.table, sizeMax, sgMax)
  }

  /** {page row, offset, length} of the entries in use. */
  entries(): number[][] {
    const { lists, table } = this
    return Array.from({ length: table.nents }, (_, i) => {
      const sg = table.sgl + i
      return [lists.page[sg]!, lists.offsetBytes[sg]!, lists.lengthBytes[sg]!]
    })
  }

  /** Rows of pages of the process, or of kernel memory. */
  rows(first: number, count: number, mm = 0): number[] {
    const out = new Int32Array(count)
    this.memory.spaces.walkPages(mm, first, count, 0, out)
    return [...out]
  }

  /** {pins taken, pins released}. */
  get pins(): number[] {
    return [this.ledger.totals[PINS_ACQUIRED]!, this.ledger.totals[PINS_RELEASED]!]
  }
}

describe('extract_iter_to_sg from user memory', () => {
  const S1 = [[BASE * P + 0x234, 0x2000]]

  it('S1: an entry and a pin a page, although the pages are adjacent', () => {
    const b = new Building()
    b.map(BASE, BASE + 3)
    b.start(ITER_UBUF, S1)
    expect(b.build(0x2000)).toBe(0x2000)
    const [first, second, third] = b.rows(BASE, 3)
    expect(b.entries()).toEqual([
      [first, 0x234, 0xdcc],
      [second, 0, 0x1000],
      [third, 0, 0x234],
    ])
    expect([b.pins, b.iter.countBytes, b.table.origNents]).toEqual([[3, 0], 0, 0])
    b.toSg.letGo(b.table)
    expect(b.pins).toEqual([3, 3])
  })

  it('S2: more bytes than the iterator has: 0, everything let go, and the iterator used up', () => {
    const b = new Building()
    b.start(ITER_UBUF, S1)
    expect(b.build(0x3000)).toBe(0)
    expect([b.table.nents, b.pins, b.iter.countBytes]).toEqual([0, [3, 3], 0])
    expect([b.ledger.violationCount, b.rules]).toEqual([0, []])
  })

  it('S3: any number of bytes, ended by the entries allowed', () => {
    const b = new Building()
    b.start(ITER_UBUF, S1)
    expect(b.build(2 ** 40, 3)).toBe(0x2000)
    expect([b.table.nents, b.pins]).toEqual([3, [3, 0]])
  })

  it('S4: the second page of three is not mapped: -EFAULT, the first pin dropped, one page further on', () => {
    const b = new Building()
    b.map(BASE + 1, BASE + 2, MAPPING_NO_ACCESS)
    b.start(ITER_UBUF, [[BASE * P, 3 * P]])
    expect(b.build(3 * P)).toBe(EFAULT)
    expect([b.table.nents, b.pins, b.iter.countBytes]).toEqual([0, [1, 1], 2 * P])
  })

  it('S5: adjacent vectors make entries of their own', () => {
    const b = new Building()
    b.start(ITER_IOVEC, [
      [BASE * P, P],
      [(BASE + 1) * P, P],
    ])
    expect(b.build(2 * P)).toBe(2 * P)
    expect(b.entries().map(([, offset, length]) => [offset, length])).toEqual([
      [0, P],
      [0, P],
    ])
  })

  it('a failure lets go of the entries of earlier calls too, above orig_nents', () => {
    const b = new Building()
    b.map(BASE + 6, BASE + 7, MAPPING_NO_ACCESS)
    b.start(ITER_UBUF, [[BASE * P, 8 * P]])
    b.build(2 * P)
    b.table.origNents = 2
    b.build(2 * P)
    expect([b.table.nents, b.pins]).toEqual([4, [4, 0]])
    expect(b.build(4 * P, 12)).toBe(EFAULT)
    expect([b.table.nents, b.pins]).toEqual([2, [6, 4]])
    expect(b.rows(BASE, 6).map((row) => (b.memory.pages.refcountOf(row) - 1) / 1024)).toEqual([1, 1, 0, 0, 0, 0])
    b.toSg.letGo(b.table)
    expect(b.pins).toEqual([6, 6])
  })

  it('a failure with orig_nents at the size of the table lets nothing go', () => {
    const b = new Building()
    b.table.origNents = 16
    b.start(ITER_UBUF, S1)
    expect(b.build(0x3000)).toBe(0)
    expect([b.table.nents, b.pins]).toEqual([3, [3, 0]])
  })

  it('a failure unpins entries of kernel memory that lie above orig_nents', () => {
    const b = new Building()
    b.start(ITER_BVEC, [[500, 0, P]])
    b.build(P)
    b.start(ITER_UBUF, S1)
    expect(b.build(0x3000, 15)).toBe(0)
    expect([b.table.nents, b.pins, b.rules]).toEqual([0, [3, 3], ['unpin-unpinned']])
  })

  it('passes ITER_ALLOW_P2PDMA on', () => {
    const b = new Building()
    b.start(ITER_UBUF, S1)
    b.toSg.extract(b, b.table, 0x2000, 16, ITER_ALLOW_P2PDMA)
    b.start(ITER_UBUF, S1)
    b.build(0x2000, 13)
    expect(b.flags).toEqual([ITER_ALLOW_P2PDMA, 0])
  })

  it('vectors are gone through until the entries allowed are used up: AR2 of AF_ALG', () => {
    const b = new Building()
    b.start(ITER_IOVEC, [
      [BASE * P + 0xf80, 256],
      [(BASE + 100) * P, 81920],
    ])
    expect(b.build(2 ** 31 - 1, 16)).toBe(57600)
    expect(b.entries().slice(0, 2)).toEqual([
      [b.rows(BASE, 1)[0], 3968, 128],
      [b.rows(BASE + 1, 1)[0], 0, 128],
    ])
    expect([b.table.nents, b.iter.countBytes]).toEqual([16, 24576])
  })

  it.each([
    [0, 5],
    [100, 0],
  ])('sizeMax %i, sgMax %i: 0, and nothing happens', (sizeMax, sgMax) => {
    const b = new Building()
    b.start(ITER_UBUF, S1)
    expect(b.build(sizeMax, sgMax)).toBe(0)
    expect([b.table.nents, b.pins, b.iter.countBytes]).toEqual([0, [0, 0], 0x2000])
  })

  it('a table filled to its last entry loses the mark of its end', () => {
    const b = new Building(8)
    b.start(ITER_UBUF, [[BASE * P, 8 * P]])
    b.build(4 * P, 8)
    expect(b.lists.isLast(b.table.sgl + 7)).toBe(true)
    b.build(4 * P, 4)
    expect(b.lists.isLast(b.table.sgl + 7)).toBe(false)
    expect(b.rules).toEqual([])
  })
})

describe('sg-temp-array: the page array is laid from the start of the table', () => {
  it('an empty table is built right', () => {
    const b = new Building(16, '6.12', 'sg-temp-array')
    b.start(ITER_UBUF, [[BASE * P, 16 * P]])
    expect(b.build(16 * P)).toBe(16 * P)
    expect(b.entries().map(([page]) => page)).toEqual(b.rows(BASE, 16))
    expect(b.rules).toEqual([])
  })

  it('16 pages behind 496 entries clear the entries 12 to 15: their pages are lost to the list', () => {
    const b = new Building(512, '6.12', 'sg-temp-array')
    b.start(ITER_UBUF, [[BASE * P, 512 * P]])
    expect(b.build(496 * P, 496)).toBe(496 * P)
    expect(b.rules).toEqual([])
    expect(b.build(16 * P, 16)).toBe(16 * P)
    const rows = b.rows(BASE, 512)
    const expected = rows.map((row, i) => (i < 12 || i > 15 ? [row, 0, P] : [SG_NO_PAGE, 0, 0]))
    expect(b.entries()).toEqual(expected)
    expect([b.rules, b.pins]).toEqual([['entry-overwritten'], [512, 0]])
  })

  // 12 entries, then 16 allowed: the array begins where the entries 12 to 15 are made. Entry 12 puts its length over the
  // second page, which is nonsense then; the third and fourth lie over its DMA part. The fifth page lies over entry 13, made
  // before it is read: it is that entry's page, which is cleared; and so on.
  it('entries made over pages not yet read', () => {
    const b = new Building(32, '6.12', 'sg-temp-array')
    b.start(ITER_UBUF, [[BASE * P, 18 * P]])
    b.build(12 * P, 12)
    expect(b.build(6 * P, 16)).toBe(6 * P)
    const rows = b.rows(BASE, 18)
    expect(b.entries().slice(12)).toEqual([
      // Reading the second page clears offset and length.
      [rows[12], 0, 0],
      // Made of nonsense, and then read as the fifth page, and its length as the sixth.
      [SG_NO_PAGE, 0, 0],
      [rows[14], 0, P],
      [rows[15], 0, P],
      [SG_NO_PAGE, 0, P],
      [SG_NO_PAGE, 0, P],
    ])
    expect(b.rules).toEqual(['entry-overwritten'])
  })

  it('is gone without the quirk', () => {
    const b = new Building(32)
    b.start(ITER_UBUF, [[BASE * P, 18 * P]])
    b.build(12 * P, 12)
    b.build(6 * P, 16)
    expect(b.entries().map(([page]) => page)).toEqual(b.rows(BASE, 18))
    expect(b.rules).toEqual([])
  })
})

describe('extract_iter_to_sg from kernel memory', () => {
  const BVECS = [
    [500, 0x800, 0x3000],
    [700, 0, 0x1000],
  ]

  /** Entries with frame numbers in the place of rows. */
  const frames = (b: Building) =>
    b.entries().map(([page, offset, length]) => [b.memory.pages.frameOf(page!), offset, length])

  it('S6: an entry a bvec, nothing taken', () => {
    const b = new Building()
    b.start(ITER_BVEC, BVECS)
    expect(b.build(0x4000)).toBe(0x4000)
    expect(frames(b)).toEqual(BVECS)
    expect([b.pins, b.ledger.totals[BARE_PAGES], b.iter.countBytes]).toEqual([[0, 0], 5, 0])
  })

  it('S7: from the middle of one bvec to the middle of the next', () => {
    const b = new Building()
    b.start(ITER_BVEC, BVECS)
    b.iter.advance(0x1000)
    expect(b.build(0x2800)).toBe(0x2800)
    expect(frames(b)).toEqual([
      [500, 0x1800, 0x2000],
      [700, 0, 0x800],
    ])
    expect(b.iter.countBytes).toBe(0x800)
    expect(b.build(0x800, 14)).toBe(0x800)
    expect(frames(b)[2]).toEqual([700, 0x800, 0x800])
  })

  it('BVEC: whole bvecs, whatever the count says; the iterator moves by no more than its count', () => {
    const b = new Building()
    b.start(ITER_BVEC, BVECS, 0x1000)
    expect(b.build(0x10000)).toBe(0x4000)
    expect([frames(b), b.iter.countBytes, b.iter.iovOffsetBytes]).toEqual([BVECS, 0, 0x1000])
  })

  it('BVEC: empty bvecs are passed over, sgMax ends the list between bvecs', () => {
    const b = new Building()
    b.start(ITER_BVEC, [[1, 0, 0], ...BVECS, [900, 0, 0], [901, 5, 10]])
    expect(b.build(0x10000, 2)).toBe(0x4000)
    expect(b.build(0x10000, 2)).toBe(10)
    expect(frames(b)).toEqual([...BVECS, [901, 5, 10]])
  })

  it('BVEC over a registered buffer: an entry a page, nothing taken', () => {
    const b = new Building()
    b.start(ITER_BVEC, [[BASE * P + 100, 2 * P]])
    b.iter.fixed = true
    expect(b.build(2 * P)).toBe(2 * P)
    const rows = b.rows(BASE, 3)
    expect(b.entries()).toEqual([
      [rows[0], 100, P - 100],
      [rows[1], 0, P],
      [rows[2], 0, 100],
    ])
    expect([b.pins, b.iter.countBytes]).toEqual([[0, 0], 0])
  })

  it('BVEC by page row', () => {
    const b = new Building()
    const head = b.memory.pages.allocateFolio(3, PAGE_KINDS.indexOf('file'))
    b.start(ITER_BVEC, [[head + 1, 10, 3 * P]])
    b.iter.byRow = true
    expect([b.build(3 * P), b.entries()]).toEqual([3 * P, [[head + 1, 10, 3 * P]]])
  })

  const KVECS = [
    [KERNEL_BASE + 0x800, 0x1800],
    [KERNEL_BASE + 0x8000, 0x2000],
  ]

  it('KVEC: an entry a page, of every segment', () => {
    const b = new Building()
    b.start(ITER_KVEC, KVECS)
    expect(b.build(0x3000)).toBe(0x3000)
    const rows = b.rows(KERNEL_BASE / P, 10, KERNEL_MM)
    expect(b.entries()).toEqual([
      [rows[0], 0x800, 0x800],
      [rows[1], 0, 0x1000],
      [rows[8], 0, 0x1000],
      [rows[9], 0, 0x800],
    ])
    expect([b.iter.countBytes, b.pins]).toEqual([0x800, [0, 0]])
  })

  it('KVEC: what sgMax cuts off is neither returned nor stepped over', () => {
    const b = new Building()
    b.start(ITER_KVEC, KVECS)
    expect(b.build(0x3800, 3)).toBe(0x2800)
    expect([b.iter.countBytes, b.table.nents]).toEqual([0x1000, 3])
    expect(b.build(0x3800, 13)).toBe(0x1000)
    expect(b.entries().at(-1)).toEqual([b.rows(KERNEL_BASE / P + 9, 1, KERNEL_MM)[0], 0, 0x1000])
  })

  it('sg-kvec-length: entries reach to the end of their segment, and what is cut off counts as done', () => {
    const b = new Building(16, '6.18', 'sg-kvec-length')
    b.start(ITER_KVEC, KVECS)
    expect(b.build(0x3800, 3)).toBe(0x3800)
    expect(b.entries().map(([, offset, length]) => [offset, length])).toEqual([
      [0x800, 0x1800],
      [0, 0x1000],
      [0, 0x2000],
    ])
    expect(b.iter.countBytes).toBe(0)
  })

  it('sg-kvec-length: sgMax 0 is not looked at', () => {
    const b = new Building(16, '6.18', 'sg-kvec-length')
    b.start(ITER_KVEC, KVECS)
    expect([b.build(0x3800, 0), b.rules, b.table.nents]).toEqual([0, ['past-table'], 0])
    b.start(ITER_UBUF, [[BASE * P, 2 * P]])
    b.build(P)
    expect(b.build(P, 0)).toBe(ENOMEM)
    expect([b.table.nents, b.pins]).toEqual([0, [1, 1]])
    b.iter.resetDiscard(100)
    expect(b.build(100, 0)).toBe(EIO)
  })

  it('FOLIOQ: an entry a folio, with offsets beyond its first page, over segments of the queue', () => {
    const b = new Building(64)
    const { queue, heads } = b.queue([2, ...Array<number>(31).fill(0)])
    b.iter.resetFolioq(ITER_DEST, queue, 0, 0x1234, 0x4000 - 0x1234 + 31 * P)
    expect(b.build(0x4000 - 0x1234 + 30 * P + 100, 64)).toBe(0x4000 - 0x1234 + 30 * P + 100)
    expect(b.entries()).toEqual([
      [heads[0], 0x1234, 0x4000 - 0x1234],
      ...heads.slice(1, 31).map((head) => [head, 0, P]),
      [heads[31], 0, 100],
    ])
    expect([b.iter.queueSegment, b.iter.slot, b.iter.iovOffsetBytes]).toEqual([1, 0, 100])
    expect([b.iter.countBytes, b.rules]).toEqual([P - 100, []])
  })

  it('FOLIOQ: a folio used up is left at once, sgMax ends the list between folios', () => {
    const b = new Building()
    const { queue, heads } = b.queue([0, 1, 0])
    b.iter.resetFolioq(ITER_DEST, queue, 0, 0, 4 * P)
    expect(b.build(4 * P, 2)).toBe(3 * P)
    expect([b.iter.slot, b.iter.iovOffsetBytes]).toEqual([2, 0])
    expect(b.build(4 * P, 14)).toBeGreaterThan(P)
    expect(b.entries()[2]).toEqual([heads[2], 0, P])
  })

  it('FOLIOQ: more bytes than the count: the count wraps below zero', () => {
    const b = new Building()
    const { queue } = b.queue([0, 0])
    b.iter.resetFolioq(ITER_DEST, queue, 0, 0, P + 10)
    expect(b.build(2 * P)).toBe(2 * P)
    expect([b.iter.countBytes, b.rules]).toEqual([0, ['count-wrapped']])
  })

  it('FOLIOQ: slots never filled become entries without a page, up to the end of the segment', () => {
    const b = new Building(64)
    const { queue } = b.queue([0])
    b.iter.resetFolioq(ITER_DEST, queue, 0, 0, 100 * P)
    expect(b.build(100 * P, 64)).toBe(31 * P)
    expect(b.entries()[1]).toEqual([SG_NO_PAGE, 0, P])
    expect(b.rules).toEqual([...Array<string>(30).fill('no-page'), 'queue-end'])
    expect([b.build(100 * P, 33), b.rules.at(-1)]).toEqual([0, 'queue-end'])
  })

  it('S8: XARRAY: an entry a folio, from the position on', () => {
    const b = new Building()
    const heads = b.file(0, [0, 0, 0, 0, 0])
    b.start(ITER_XARRAY, [[0x1800, 1, 0x2000]])
    expect(b.build(0x2000)).toBe(0x2000)
    expect(b.entries()).toEqual([
      [heads[1], 0x800, 0x800],
      [heads[2], 0, 0x1000],
      [heads[3], 0, 0x800],
    ])
    expect([b.iter.countBytes, b.iter.iovOffsetBytes]).toEqual([0, 0x2000])
  })

  it('S8 with sg-xarray-start: the offset of the first folio in all of them', () => {
    const b = new Building(16, '6.12', 'sg-xarray-start')
    const heads = b.file(0, [0, 0, 0, 0, 0])
    b.start(ITER_XARRAY, [[0x1800, 1, 0x2000]])
    expect(b.build(0x2000)).toBe(0x2000)
    expect(b.entries()).toEqual([1, 2, 3, 4].map((i) => [heads[i], 0x800, 0x800]))
  })

  it('XARRAY: large folios from their first page on, holes passed over, no end at the count', () => {
    const b = new Building()
    const heads = b.file(0, [2, null, 0, 1])
    b.start(ITER_XARRAY, [[0x2400, 1, 0x1000]])
    expect(b.build(0x10000)).toBe(0x1c00 + 2 * P)
    expect(b.entries()).toEqual([
      [heads[0], 0x2400, 0x1c00],
      [heads[2], 0, P],
      // The bytes so far end at 0x5000, which is the second page of a folio of two.
      [heads[3], 0x1000, 0x1000],
    ])
  })

  it('XARRAY: ends at a value entry and at a hugetlb folio', () => {
    const b = new Building()
    b.file(0, [0])
    b.memory.cache.addValue(1, 1)
    b.start(ITER_XARRAY, [[0, 1, 4 * P]])
    expect([b.build(4 * P), b.rules]).toEqual([P, ['foreign-entry']])
    b.memory.cache.remove(1, 1, 2)
    b.memory.cache.add(1, 1, b.memory.pages.allocateFolio(0, PAGE_KINDS.indexOf('hugetlb')))
    expect([b.build(4 * P), b.rules.length]).toEqual([0, 2])
  })

  it('XARRAY: an empty file gives 0', () => {
    const b = new Building()
    b.start(ITER_XARRAY, [[0, 7, P]])
    expect([b.build(P), b.table.nents, b.iter.countBytes]).toEqual([0, 0, P])
  })

  it('DISCARD is -EIO', () => {
    const b = new Building()
    b.iter.resetDiscard(100)
    expect([b.build(100), b.build(0), b.iter.countBytes]).toEqual([EIO, 0, 100])
  })
})

describe('what goes wrong is a violation of the row at work', () => {
  it('with the ledger', () => {
    const memory = new Memory()
    const ledger = new Ledger(memory.pages)
    const report = new SgViolations(ledger)
    report.sgViolation('unpin-unpinned')
    report.sgViolation('queue-end')
    expect(ledger.violations.map(({ rule }) => rule)).toEqual(['unknown-release', 'wrong-data'])
  })
})

// lib/tests/kunit_iov_iter.c: iov_kunit_iter_to_sg_*, over 2 MiB; the last call takes 64 KiB.
describe('KUnit: an iterator to a list in three calls', () => {
  const PAGES = 512
  const SIZE = PAGES * P
  const TAIL = 16 * P

  /** Bytes that tell pages apart; those of the kernel's own test repeat every 256. */
  const pattern = (i: number) => (i & 0xff) ^ ((i >> 8) & 0xff) ^ ((i >> 16) & 0xff)

  function filled(b: Building, rows: readonly number[]): void {
    const bytes = b.memory.holdBytes()
    for (const [i, row] of rows.entries()) {
      const page = bytes.bytesOf(row)
      for (let at = 0; at < P; at++) page[at] = pattern(i * P + at)
    }
  }

  const starts: Readonly<Record<string, (b: Building) => void>> = {
    kvec: (b) => {
      filled(b, b.rows(KERNEL_BASE / P, PAGES, KERNEL_MM))
      b.start(ITER_KVEC, [[KERNEL_BASE, SIZE]])
    },
    bvec: (b) => {
      filled(
        b,
        Array.from({ length: PAGES }, (_, i) => b.memory.pages.pageOfFrame(2 * i)),
      )
      b.start(
        ITER_BVEC,
        Array.from({ length: PAGES }, (_, i) => [2 * i, 0, P]),
      )
    },
    folioq: (b) => {
      const { queue, heads } = b.queue(Array<number>(PAGES).fill(0))
      filled(b, heads)
      b.iter.resetFolioq(ITER_DEST, queue, 0, 0, SIZE)
    },
    xarray: (b) => {
      filled(b, b.file(0, Array<number>(PAGES).fill(0)))
      b.start(ITER_XARRAY, [[0, 1, SIZE]])
    },
    ubuf: (b) => {
      b.map(BASE, BASE + PAGES)
      filled(b, b.rows(BASE, PAGES))
      b.start(ITER_UBUF, [[BASE * P, SIZE]])
    },
  }

  function copied(b: Building): { bytes: number; wrong: number } {
    const buffer = new Uint8Array(SIZE)
    const copy = new SgCopy(b.lists, b.memory.pages, b.memory.holdBytes())
    b.lists.markEnd(b.table.sgl + b.table.nents - 1)
    const bytes = copy.copyToBuffer(b.table.sgl, b.table.nents, buffer)
    let wrong = 0
    for (let i = 0; i < SIZE; i++) if (buffer[i] !== pattern(i)) wrong++
    return { bytes, wrong }
  }

  it.each(Object.keys(starts))('%s', (name) => {
    const b = new Building(PAGES, 'mainline', 'as it is')
    starts[name]!(b)
    expect([b.build(SIZE, 0), b.table.nents]).toEqual([0, 0])
    expect([b.build(SIZE - TAIL, 1), b.table.nents]).toEqual([P, 1])
    expect([b.build(SIZE - TAIL - P, PAGES - 1), b.table.nents]).toEqual([SIZE - TAIL - P, PAGES - 16])
    expect([b.build(TAIL, 16), b.table.nents]).toEqual([TAIL, PAGES])
    expect(copied(b)).toEqual({ bytes: SIZE, wrong: 0 })
    expect(b.pins).toEqual(name === 'ubuf' ? [PAGES, 0] : [0, 0])
    expect([b.iter.countBytes, b.rules]).toEqual([0, []])
    b.toSg.letGo(b.table)
    expect(b.ledger.totals[PINS_OPEN]).toBe(0)
  })

  it('bvec over consecutive pages: one bvec, one entry a call', () => {
    const b = new Building(PAGES, 'mainline', 'as it is')
    const rows = Array.from({ length: PAGES }, (_, i) => b.memory.pages.pageOfFrame(1000 + i))
    filled(b, rows)
    b.start(ITER_BVEC, [[1000, 0, SIZE]])
    expect([b.build(SIZE - TAIL, 1), b.build(TAIL, PAGES - 1), b.table.nents]).toEqual([SIZE - TAIL, TAIL, 2])
    expect(copied(b)).toEqual({ bytes: SIZE, wrong: 0 })
  })

  it('ubuf before the fix: four pages are missing', () => {
    const b = new Building(PAGES, '6.18', 'sg-temp-array')
    starts.ubuf!(b)
    b.build(SIZE - TAIL, 1)
    b.build(SIZE - TAIL - P, PAGES - 1)
    expect(b.rules).toEqual([])
    b.build(TAIL, 16)
    expect(copied(b).bytes).toBe(SIZE - 4 * P)
    expect(b.rules).toEqual(['entry-overwritten'])
  })

  it('kvec before the fix: the first call says that it took everything', () => {
    const b = new Building(PAGES, '6.18', 'sg-kvec-length')
    starts.kvec!(b)
    expect([b.build(SIZE - TAIL, 1), b.table.nents]).toEqual([SIZE - TAIL, 1])
    expect(b.entries()).toEqual([[b.rows(KERNEL_BASE / P, 1, KERNEL_MM)[0], 0, SIZE - TAIL]])
    expect([b.build(TAIL, PAGES - 1), b.table.nents]).toEqual([TAIL, 17])
  })
})
