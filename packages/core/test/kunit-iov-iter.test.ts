import { describe, expect, it } from 'vitest'
import { extractPages } from '../src/extract/extract-pages.ts'
import { findPolicy } from '../src/extract/policy.ts'
import { copyFromIter, copyToIter } from '../src/iter/copy.ts'
import { type Direction, ITER_BVEC, ITER_DEST, ITER_KVEC, ITER_SOURCE, ITER_XARRAY } from '../src/iter/iter-type.ts'
import { SegmentTable } from '../src/iter/segment-table.ts'
import type { KernelVersion } from '../src/kernel/version.ts'
import { KERNEL_MM } from '../src/memory/address-spaces.ts'
import { PAGE_SIZE as P } from '../src/units.ts'
import * as ranges from './support/kunit-ranges.ts'
import { World } from './support/world.ts'

// The kernel's own tests of iov_iter, with their ranges, parameters and assertions (lib/kunit_iov_iter.c of 6.12.117,
// lib/tests/kunit_iov_iter.c of 7.3; reference sections 8.1 to 8.3).

const BUFFER_BYTES = 0x100000
const PAGES = BUFFER_BYTES / P
/** Where the buffer lies in the kernel's address space. */
const BASE = 0x80000 * P
const EXTRACT_BYTES = 100 * 1024
const LIST_PAGES = 8
const POISON = 0xaa55aa55 | 0

interface Range {
  readonly page: number
  readonly from: number
  readonly to: number
}

const KVEC_RANGES: readonly Range[] = ranges.KVEC_RANGES.map(([from, to]) => ({ page: 0, from, to }))
const BVEC_RANGES: readonly Range[] = ranges.BVEC_RANGES.map(([page, from, to]) => ({ page, from, to }))

const VERSIONS: readonly KernelVersion[] = ['6.12', '6.18', 'mainline']

/** A buffer with the pattern of a version: what stands at each position. */
function patterned(version: KernelVersion): Uint8Array {
  const image = new Uint8Array(BUFFER_BYTES)
  const isOld = version === '6.12'
  for (let at = 0; at < BUFFER_BYTES; at++) image[at] = isOld ? at : at + (at >> 8) + (at >> 16)
  return image
}

/** How the frames of the buffer's pages follow each other: in order, never two of them, or as in 7.3 with parts swapped. */
type Layout = 'contiguous' | 'apart' | 'swapped'

/** Frame of page `i` of the buffer. */
function frameOf(layout: Layout, i: number): number {
  if (layout === 'apart') return 0x1000 + 2 * i
  if (layout === 'contiguous') return 0x1000 + i
  const half = PAGES / 2
  const isSwapped = i % half < PAGES / 4
  return 0x1000 + (isSwapped ? (i + half) % PAGES : i)
}

type TypeName = 'kvec' | 'bvec' | 'folioq' | 'xarray'

/** A buffer of 256 pages, and the iterators over it. @kernel iov_kunit_create_buffer */
class Fixture {
  readonly world: World
  readonly rows: readonly number[]

  constructor(version: KernelVersion, type: TypeName, layout: Layout = version === '6.12' ? 'contiguous' : 'swapped') {
    this.world = new World(version)
    const { world } = this
    world.memory.holdBytes()
    const numbers = Array.from({ length: PAGES }, (_, i) => i)
    if (type === 'kvec') world.map(BASE / P, BASE / P + PAGES, 0, 0, 'vmalloc', KERNEL_MM)
    if (type === 'folioq') for (const _ of numbers) world.append(0)
    if (type === 'kvec') this.rows = world.rowsOf(BASE / P, PAGES, KERNEL_MM)
    else if (type === 'bvec') this.rows = numbers.map((i) => world.pages.pageOfFrame(frameOf(layout, i)))
    else if (type === 'folioq') this.rows = world.queued
    else this.rows = numbers.map((i) => world.cached(i))
  }

  fill(image: Uint8Array): void {
    for (const [i, row] of this.rows.entries()) {
      this.world.memory.bytes!.bytesOf(row).set(image.subarray(i * P, (i + 1) * P))
    }
  }

  contents(): Uint8Array {
    const image = new Uint8Array(BUFFER_BYTES)
    for (const [i, row] of this.rows.entries()) image.set(this.world.memory.bytes!.bytesOf(row), i * P)
    return image
  }

  /** @kernel iov_kunit_load_kvec */
  loadKvec(direction: Direction): void {
    const table = new SegmentTable()
    for (const { from, to } of KVEC_RANGES) {
      expect(to).toBeGreaterThanOrEqual(from)
      expect(to).toBeLessThanOrEqual(BUFFER_BYTES)
      table.push(BASE + from, 0, to - from)
    }
    expect(table.length).toBe(8)
    this.world.iter.reset(ITER_KVEC, direction, table, 0, table.length, total(KVEC_RANGES))
    this.world.iter.mm = KERNEL_MM
  }

  /** A range goes into the bvec before it where that ended with its page and the next frame follows. @kernel iov_kunit_load_bvec */
  loadBvec(direction: Direction): number {
    const table = new SegmentTable()
    const { pages } = this.world
    let canMerge = -1
    for (const { page, from, to } of BVEC_RANGES) {
      expect([page < PAGES, from >= 0, to >= from, to <= P]).toEqual([true, true, true, true])
      const at = pages.frameOf(this.rows[page]!)
      if (from === 0 && to > 0 && at === canMerge) table.lengthBytes[table.length - 1]! += to
      else table.push(at, from, to - from)
      canMerge = to === P ? at + 1 : -1
    }
    this.world.iter.reset(ITER_BVEC, direction, table, 0, table.length, total(BVEC_RANGES))
    return table.length
  }

  /** Up to a range's end, advanced to its start. */
  startFolioq(direction: Direction, { from, to }: Range): void {
    const { iter, queue } = this.world
    iter.resetFolioq(direction, queue, 0, 0, to)
    iter.advance(from)
  }

  startXarray(direction: Direction, { from, to }: Range): void {
    const { iter, file } = this.world
    const table = new SegmentTable()
    table.push(from, file, to - from)
    iter.reset(ITER_XARRAY, direction, table, 0, 1, to - from)
  }

  start(type: 'folioq' | 'xarray', direction: Direction, range: Range): void {
    if (type === 'folioq') this.startFolioq(direction, range)
    else this.startXarray(direction, range)
  }
}

function total(ranges: readonly Range[]): number {
  return ranges.reduce((sum, { from, to }) => sum + to - from, 0)
}

/** Of every range: where it lies in the buffer, and in all ranges put one after the other. */
function placesOf(ranges: readonly Range[]) {
  let packed = 0
  return ranges.map(({ page, from, to }) => {
    const start = packed
    packed += to - from
    return { at: page * P + from, end: page * P + to, packed: start, packedEnd: packed }
  })
}

/** -1, or the first position where two images differ. */
function firstDifference(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b) === 0 ? -1 : a.findIndex((byte, i) => byte !== b[i])
}

describe('the ranges', () => {
  it('hold 1,000,919 and 20,073 bytes, on 247 and 8 pages, merged or not', () => {
    const kvec = new Fixture('6.12', 'kvec')
    kvec.loadKvec(ITER_DEST)
    expect([kvec.world.iter.countBytes, kvec.world.iter.npages(1000)]).toEqual([1_000_919, 247])
    for (const [layout, segments] of [
      ['contiguous', 5],
      ['apart', 8],
      ['swapped', 5],
    ] as const) {
      const bvec = new Fixture('6.12', 'bvec', layout)
      expect(bvec.loadBvec(ITER_DEST)).toBe(segments)
      expect([bvec.world.iter.countBytes, bvec.world.iter.npages(1000)]).toEqual([20_073, 8])
    }
  })
})

describe.each(VERSIONS)('copy tests, %s', (version) => {
  const source = patterned(version)

  /** The pattern laid into the ranges one after the other, zeroes elsewhere. */
  function imageOf(ranges: readonly Range[]): Uint8Array {
    const image = new Uint8Array(BUFFER_BYTES)
    for (const { at, packed, packedEnd } of placesOf(ranges)) image.set(source.subarray(packed, packedEnd), at)
    return image
  }

  /** What stands at the ranges' positions, packed, and zeroes after it. */
  function packedOf(ranges: readonly Range[]): Uint8Array {
    const image = new Uint8Array(BUFFER_BYTES)
    for (const { at, end, packed } of placesOf(ranges)) image.set(source.subarray(at, end), packed)
    return image
  }

  it.each(['kvec', 'bvec'] as const)('copy_to_%s', (type) => {
    const fixture = new Fixture(version, type)
    const { iter, memory } = fixture.world
    if (type === 'kvec') fixture.loadKvec(ITER_DEST)
    else fixture.loadBvec(ITER_DEST)
    const size = iter.countBytes
    const copied = copyToIter(iter, memory, source, size)
    expect([copied, iter.countBytes, iter.segmentsLeft]).toEqual([size, 0, 0])
    expect(firstDifference(fixture.contents(), imageOf(type === 'kvec' ? KVEC_RANGES : BVEC_RANGES))).toBe(-1)
  })

  it.each(['kvec', 'bvec'] as const)('copy_from_%s', (type) => {
    const fixture = new Fixture(version, type)
    const { iter, memory } = fixture.world
    fixture.fill(source)
    if (type === 'kvec') fixture.loadKvec(ITER_SOURCE)
    else fixture.loadBvec(ITER_SOURCE)
    const size = Math.min(iter.countBytes, BUFFER_BYTES)
    const scratch = new Uint8Array(BUFFER_BYTES)
    const copied = copyFromIter(iter, memory, scratch, size)
    expect([copied, iter.countBytes, iter.segmentsLeft]).toEqual([size, 0, 0])
    expect(firstDifference(scratch, packedOf(type === 'kvec' ? KVEC_RANGES : BVEC_RANGES))).toBe(-1)
  })

  it.each(['folioq', 'xarray'] as const)('copy_to_%s', (type) => {
    const fixture = new Fixture(version, type)
    const { iter, memory } = fixture.world
    let done = 0
    for (const range of KVEC_RANGES) {
      const size = range.to - range.from
      fixture.start(type, ITER_DEST, range)
      const copied = copyToIter(iter, memory, source.subarray(done, done + size))
      expect([copied, iter.countBytes, iter.iovOffsetBytes]).toEqual([size, 0, type === 'folioq' ? range.to % P : size])
      done += size
    }
    expect(firstDifference(fixture.contents(), imageOf(KVEC_RANGES))).toBe(-1)
  })

  it.each(['folioq', 'xarray'] as const)('copy_from_%s', (type) => {
    const fixture = new Fixture(version, type)
    const { iter, memory } = fixture.world
    fixture.fill(source)
    const scratch = new Uint8Array(BUFFER_BYTES)
    let done = 0
    for (const range of KVEC_RANGES) {
      const size = range.to - range.from
      fixture.start(type, ITER_SOURCE, range)
      const copied = copyFromIter(iter, memory, scratch.subarray(done, done + size))
      expect([copied, iter.countBytes, iter.iovOffsetBytes]).toEqual([size, 0, type === 'folioq' ? range.to % P : size])
      done += size
    }
    expect(firstDifference(scratch, packedOf(KVEC_RANGES))).toBe(-1)
  })
})

describe.each(VERSIONS)('extraction tests, %s', (version) => {
  const policy = findPolicy('extract')!

  /**
   * One call, with its assertions: the bytes, of which those that the ranges have next are looked at page by page.
   * `left` are the bytes left before it; `next` gives the page and the offset of the bytes that must come next, and
   * moves over them.
   */
  function call({ world, rows }: Fixture, left: number, next: (bytes: number) => readonly [number, number]): number {
    const { iter, list, memory } = world
    list.page.fill(POISON)
    const bytes = extractPages(iter, policy, memory, list, LIST_PAGES, EXTRACT_BYTES)
    expect(bytes).toBeGreaterThanOrEqual(0)
    expect(bytes).toBeLessThanOrEqual(left)
    expect(iter.countBytes).toBe(left - bytes)
    let offset = bytes === 0 ? 0 : list.offsetBytes[0]!
    expect(offset >= 0 && offset < P).toBe(true)
    let rest = bytes
    for (let i = 0; rest > 0; i++) {
      expect(i).toBeLessThan(LIST_PAGES)
      const part = Math.min(rest, P - offset)
      const [page, at] = next(part)
      expect([list.page[i], offset, list.lengthBytes[i]]).toEqual([rows[page], at, part])
      rest -= part
      offset = 0
    }
    // Nothing beyond what was asked for was written.
    expect(list.page.subarray(LIST_PAGES).every((entry) => entry === POISON)).toBe(true)
    return bytes
  }

  /** Goes over the ranges, empty ones passed over. */
  function follow(ranges: readonly Range[]): (bytes: number) => readonly [number, number] {
    let at = 0
    let from = ranges[0]!.from
    return (bytes) => {
      while (from === ranges[at]!.to) from = ranges[++at]!.from
      const position = from
      from += bytes
      return [ranges[at]!.page + Math.floor(position / P), position % P]
    }
  }

  /** Calls of one iterator over all ranges. */
  function callsOf(fixture: Fixture, ranges: readonly Range[]): number[] {
    const { iter } = fixture.world
    const next = follow(ranges)
    const calls: number[] = []
    let left = iter.countBytes
    do {
      const bytes = call(fixture, left, next)
      if (bytes === 0) break
      left -= bytes
      calls.push(bytes)
    } while (iter.countBytes > 0)
    expect([left, iter.countBytes]).toEqual([0, 0])
    return calls
  }

  /** Calls that give bytes, by range: 34 in all, of 1,000,919 bytes. */
  const SPLITS = [
    [],
    [12_249],
    [32_365, 32_768, 14_228],
    [],
    [16_384],
    [12_289],
    [...Array<number>(26).fill(32_768), 28_667],
    [1],
  ]

  it('extract_pages_kvec', () => {
    const fixture = new Fixture(version, 'kvec')
    fixture.loadKvec(ITER_DEST)
    const calls = callsOf(fixture, KVEC_RANGES)
    expect(calls).toEqual(SPLITS.flat())
    expect([calls.length, calls.reduce((sum, bytes) => sum + bytes)]).toEqual([34, 1_000_919])
  })

  it.each(['contiguous', 'apart', 'swapped'] as const)('extract_pages_bvec, frames %s', (layout) => {
    const fixture = new Fixture(version, 'bvec', layout)
    fixture.loadBvec(ITER_DEST)
    const takesOne = version === '6.12' && layout === 'apart'
    expect(callsOf(fixture, BVEC_RANGES)).toEqual(
      takesOne ? [2156, 1537, 4096, 4096, 4096, 4091, 1] : [2156, 1537, 16_379, 1],
    )
  })

  it.each(['folioq', 'xarray'] as const)('extract_pages_%s', (type) => {
    const fixture = new Fixture(version, type)
    const { iter } = fixture.world
    const calls: number[] = []
    for (const [i, range] of KVEC_RANGES.entries()) {
      fixture.start(type, ITER_SOURCE, range)
      const next = follow([range])
      const first = calls.length
      let left = range.to - range.from
      do {
        const bytes = call(fixture, left, next)
        calls.push(bytes)
        if (bytes === 0) break
        left -= bytes
      } while (iter.countBytes > 0)
      expect([left, iter.countBytes]).toEqual([0, 0])
      if (type === 'xarray') expect(iter.iovOffsetBytes).toBe(range.to - range.from)
      expect(calls.slice(first).filter((bytes) => bytes > 0)).toEqual(SPLITS[i])
    }
    // Two more calls give nothing: those of the empty ranges.
    expect([calls.length, calls.filter((bytes) => bytes > 0).length]).toEqual([36, 34])
  })
})
