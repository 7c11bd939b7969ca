import { describe, expect, it } from 'vitest'
import { FLAG_FIXED, FLAG_HOLE } from '../src/iter/row-flags.ts'
import { Memory } from '../src/memory/memory.ts'
import { CompletionOrder } from '../src/replay/completion-order.ts'
import type { LaneFigures } from '../src/replay/lane-figures.ts'
import { NOT_PLAIN, PlainRows } from '../src/replay/plain-rows.ts'
import { LEAF_BYTES, LEAVES_MAX, SettledPages } from '../src/replay/settled-pages.ts'
import type { ShapeMeasure } from '../src/replay/shape-measure.ts'
import { hashOf, SHAPES_MAX, Shapes, SLOT_MASK } from '../src/replay/shapes.ts'
import { inOnePiece } from '../src/testing/in-one-piece.ts'
import { type TestRow, traceText } from '../src/testing/trace-row.ts'
import { END_NEVER, END_SYNCHRONOUS, EVENT_IO, NONE, type OpBatch } from '../src/trace/op-batch.ts'
import { openTrace } from '../src/trace/open-trace.ts'
import { bothWays } from './support/both-ways.ts'
import { PLAIN_OPTIONS } from './support/replay-rows.ts'
import { Seeded } from './support/shape-case.ts'

const P = 4096
const BASE = 0x7f0000000000

const traceOf = (rows: readonly TestRow[], header: string[] = []) =>
  openTrace(inOnePiece(new TextEncoder().encode(traceText(rows, header))), 't.csv')

describe('CompletionOrder', () => {
  it.each([1, 2, 3, 40, 1000])('is a sorted list, with up to %i in flight', (most) => {
    const random = new Seeded(most)
    const order = new CompletionOrder()
    const numbers = new Float64Array(2 * most + 2)
    const times = new Float64Array(2)
    let list: { end: number; number: number; slot: number }[] = []
    const free = Array.from({ length: most }, (_, i) => most - i)
    for (let now = 0, number = 1; number < 4000; number++) {
      now += random.below(3)
      if (free.length > 0 && !random.rarely(4)) {
        const slot = free.pop()!
        numbers[slot] = number
        times[0] = now + (random.rarely(3) ? random.below(200) : 20)
        order.schedule(slot, numbers, times, 0)
        list.push({ end: times[0]!, number, slot })
        list.sort((a, b) => a.end - b.end || a.number - b.number)
      }
      times[1] = random.rarely(50) ? now + 500 : now
      const due = list.filter(({ end }) => end <= times[1]!)
      list = list.slice(due.length)
      for (const { slot, end } of due) {
        expect(order.due(times, 1)).toBe(slot)
        expect(order.completionNs[slot]).toBe(end)
        free.push(slot)
      }
      expect(order.due(times, 1)).toBe(0)
      expect(order.nextNs[0]).toBe(list[0]?.end ?? Number.POSITIVE_INFINITY)
    }
  })
})

describe('SettledPages', () => {
  /** Pages [from, from + pages) that are there. */
  function world(start: number, pages: number) {
    const memory = new Memory()
    memory.spaces.walkPages(0, start / P, pages, 0, new Int32Array(pages))
    return { memory, settled: new SettledPages(memory) }
  }
  const isSettled = (settled: SettledPages, mm: number, address: number, bytes: number): boolean => {
    const region = Math.floor(address / LEAF_BYTES)
    const leaf = settled.find(mm, region)
    const first = Math.floor((address - region * LEAF_BYTES) / P)
    const end = Math.ceil((address + bytes - region * LEAF_BYTES) / P)
    return leaf >= 0 && settled.classIn(leaf, first, end - first) !== 0
  }

  it('is a set of pages: every small range, across words and 2 MiB', () => {
    const around = [BASE, BASE + 30 * P, BASE + 2 ** 21 - 40 * P, BASE + 62 * P]
    const random = new Seeded(7)
    for (const start of around) {
      const { settled } = world(start, 80)
      const known = new Set<number>()
      for (let round = 0; round < 12; round++) {
        const [from, pages] = [random.below(70), 1 + random.below(9)]
        settled.settle(0, start + from * P + random.below(P), (pages - 1) * P + 1)
        // Where the bytes end in a page more, that page is settled too.
        for (let page = 0; page < 80; page++) if (isSettled(settled, 0, start + page * P, 1)) known.add(page)
        for (let page = from; page < from + pages; page++) expect(known.has(page)).toBe(true)
        for (let first = 0; first < 76; first++) {
          for (let count = 1; count <= 70 && first + count <= 80; count += first % 5 === 0 ? 1 : 13) {
            const all = Array.from({ length: count }, (_, i) => first + i).every((page) => known.has(page))
            expect(isSettled(settled, 0, start + first * P, count * P)).toBe(all)
          }
        }
      }
      settled.forget()
      for (let page = 0; page < 80; page++) expect(isSettled(settled, 0, start + page * P, 1)).toBe(false)
    }
  })

  it('settles what is there, whose own it is, in one address space; and nothing across the end of a leaf', () => {
    const end = Math.ceil(BASE / LEAF_BYTES) * LEAF_BYTES + LEAF_BYTES
    const { settled } = world(end - 4 * P, 8)
    settled.settle(0, end - 4 * P, 4 * P)
    settled.settle(0, end, 2 * P)
    expect(isSettled(settled, 0, end - 4 * P, 4 * P)).toBe(true)
    expect(isSettled(settled, 0, end, 2 * P)).toBe(true)
    expect(isSettled(settled, 0, end - P, 2 * P)).toBe(false)
    expect(isSettled(settled, 1, end, P)).toBe(false)
    settled.settle(0, end + 100 * P, P)
    expect(isSettled(settled, 0, end + 100 * P, P)).toBe(false)
    settled.settle(0, end - P, 2 * P)
    expect(isSettled(settled, 0, end - P, 2 * P)).toBe(false)
  })

  it('has LEAVES_MAX leaves', () => {
    const { memory, settled } = world(BASE, 1)
    const at = (leaf: number) => 2 ** 32 + leaf * LEAF_BYTES
    for (let leaf = 0; leaf < LEAVES_MAX + 2; leaf++) {
      memory.spaces.walkPages(0, at(leaf) / P, 1, 0, new Int32Array(1))
      settled.settle(0, at(leaf), P)
    }
    const found = Array.from({ length: LEAVES_MAX + 2 }, (_, leaf) => isSettled(settled, 0, at(leaf), P))
    expect(found.indexOf(false)).toBe(LEAVES_MAX)
    expect(found.slice(0, LEAVES_MAX).every((one) => one)).toBe(true)
  })
})

describe('PlainRows', () => {
  /** What the key of a row says, in plain words. */
  function isPlain(batch: OpBatch, row: number): boolean {
    const bytes = batch.segments.lengthBytes[batch.segmentFirst[row]!]!
    const result = batch.resultBytes[row]!
    return (
      batch.event[row] === EVENT_IO &&
      batch.segmentCount[row] === 1 &&
      batch.iterType[row] === 0 &&
      bytes > 0 &&
      bytes < 2 ** 30 &&
      batch.lengthBytes[row] === bytes &&
      batch.endNs[row] !== END_NEVER &&
      (Number.isNaN(result) || result === bytes) &&
      (batch.flags[row]! & (FLAG_FIXED | FLAG_HOLE)) === 0 &&
      batch.id[row] === NONE &&
      batch.pinsAcquired[row]! < 0 &&
      batch.pinsReleased[row]! < 0
    )
  }
  /** Two rows have the same key where all of this is the same. */
  const words = (batch: OpBatch, row: number): string =>
    [
      batch.flags[row],
      batch.endNs[row] === END_SYNCHRONOUS,
      Number.isNaN(batch.resultBytes[row]),
      batch.offsetBytes[row]! < 0,
    ].join()

  it('has a key for each plain row, the same for the same flags, end, result and position', async () => {
    const random = new Seeded(3)
    for (let round = 0; round < 60; round++) {
      // Of some columns there is none in this file.
      const has = Array.from({ length: 9 }, () => random.rarely(2))
      const rows = Array.from({ length: 60 }, (_, ts): TestRow => {
        const bytes = random.one([512, 4096, 2 ** 30, 2 ** 30 - 1])
        const segs = random.rarely(8) ? `0x1000+${bytes};0x9000+512` : `0x1000+${bytes}`
        const rare = <T>(on: boolean | undefined, cells: Record<string, T>) => (on && random.rarely(6) ? cells : {})
        return {
          ts,
          op: random.one(['read', 'write']),
          segs,
          ...(has[0] ? { end: random.one(['', ts + 3, 'never', ts]) } : {}),
          ...(has[1] ? { result: random.one(['', 512, 4096, 0, -5]) } : {}),
          ...(has[2] ? { flags: random.one(['', 'direct', 'direct nowait', 'hole=0+512', 'more']) } : {}),
          ...(has[3] ? { offset: random.one(['', 0, 512]) } : {}),
          ...rare(has[4], { id: 'a' }),
          ...rare(has[5], { pins_acquired: 1 }),
          ...rare(has[6], { iter: 'iovec' }),
          ...rare(has[7], { len: 256 }),
        }
      })
      const plain = new PlainRows()
      const keys = new Map<string, number>()
      for await (const batch of (await traceOf(rows)).batches()) {
        plain.read(batch)
        for (let row = 0; row < batch.length; row++) {
          const key = plain.key[row]!
          expect(key >= 0, `round ${round}, row ${row}`).toBe(isPlain(batch, row))
          if (key < 0) continue
          expect(keys.get(words(batch, row)) ?? key).toBe(key)
          keys.set(words(batch, row), key)
        }
      }
      expect(new Set(keys.values()).size).toBe(keys.size)
    }
    expect(NOT_PLAIN).toBeLessThan(0)
  })
})

describe('the table of shapes', () => {
  const figures = { length: 2, add: () => {} } as unknown as LaneFigures
  const measure = {
    deltas: Float64Array.of(1, 2),
    rise: new Float64Array(4),
    open: new Float64Array(4),
  } as unknown as ShapeMeasure

  it('tells keys apart that fall into one slot', () => {
    const shapes = new Shapes(figures)
    const home = hashOf(8192, 0, 0) & SLOT_MASK
    const keys: [number, number, number][] = []
    for (let key = 2; keys.length < 20; key += 2) {
      if ((hashOf(key, key & 0xfff, key >> 3) & SLOT_MASK) === home) keys.push([key, key & 0xfff, key >> 3])
    }
    const numbers = keys.map((key) => shapes.add(...key, measure))
    for (const at of numbers) if (at % 2 === 0) shapes.makeReady(at)
    keys.forEach((key, at) => {
      const slot = shapes.slotOf(...key)
      expect([...shapes.table.subarray(slot, slot + 3)]).toEqual(key)
      expect(shapes.table[slot + 3]).toBe(at % 2 === 0 ? at + 1 : -(at + 1))
    })
  })

  it('wants a shape that came before', () => {
    const shapes = new Shapes(figures)
    expect([shapes.isWanted(2, 0, 0), shapes.isWanted(2, 0, 0), shapes.isWanted(2, 1, 0)]).toEqual([false, true, false])
  })

  it('holds SHAPES_MAX; the report is the same where more come', async () => {
    const lengths = Array.from({ length: SHAPES_MAX + 200 }, (_, n) => n + 1)
    const rows = lengths.flatMap((bytes) =>
      Array.from({ length: 4 }, (): TestRow => ({ op: 'read', segs: `0x7f0000000000+${bytes}` })),
    )
    const way = { ...PLAIN_OPTIONS, kernel: '6.18', policies: ['extract'], consumers: ['null'] }
    const { all, done } = await bothWays(await traceOf([...rows, ...rows]), [way])
    expect(all).toBe(2 * rows.length)
    // Two of each are done, and all of those for which there was no room; counted are two the first time and four the second.
    expect(all - done).toBeLessThanOrEqual(6 * SHAPES_MAX)
    expect(all - done).toBeGreaterThan(5 * SHAPES_MAX)
  })
})

describe('what must not be counted', () => {
  const A = '0x7f0000000000'
  const B = '0x7f0000400000'
  const times = (count: number, row: TestRow) => Array.from({ length: count }, () => row)
  const ways = [
    {
      ...PLAIN_OPTIONS,
      kernel: '6.18',
      policies: ['extract', 'get-pages', 'viro-2022', 'folio'],
      consumers: ['null', 'bio'],
    },
  ]

  it('a read into memory that may only be read, which a write went over before', async () => {
    const { report } = await bothWays(
      await traceOf([
        { event: 'map', segs: `${B}+65536`, backing: 'anon', flags: 'prot_read' },
        { event: 'map', segs: `${A}+65536`, backing: 'anon' },
        ...times(6, { op: 'read', segs: `${A}+8192` }),
        ...times(2, { op: 'write', segs: `${B}+8192` }),
        ...times(6, { op: 'read', segs: `${B}+8192` }),
      ]),
      ways,
    )
    expect(report.lanes.map(({ errors }) => errors)).toEqual(Array.from({ length: 8 }, () => 6))
  })

  it('a row that has no shape, behind one whose shape is new: peaks stay', async () => {
    const end = 100
    const held = { op: 'read', segs: `${A}+8192`, end }
    const { report } = await bothWays(
      await traceOf([
        ...times(6, { ...held, segs: `${B}+4096`, end: 50 }),
        ...times(2, { ...held, ts: 60 }),
        { ...held, ts: 61, iter: 'iovec' },
        { ...held, ts: 200, end: 300, iter: 'iovec' },
      ]),
      ways.map((way) => ({ ...way, policies: ['extract'], consumers: ['null'] })),
    )
    expect(report.lanes[0]!.pins.peak).toBe(6)
  })

  it.each(['anon', 'thp', 'hugetlb', 'shmem'])('but operations on %s pages are', async (backing) => {
    const rows = Array.from({ length: 40 }, (_, n) => ({
      op: 'read',
      segs: `0x${(BASE + (n % 2) * 8192).toString(16)}+8192`,
    }))
    const map = { event: 'map', segs: `${A}+4194304`, backing }
    const { all, done } = await bothWays(await traceOf([map, ...rows]), ways)
    expect(done).toBeLessThan(all / 2)
  })
})
