import { describe, expect, it } from 'vitest'
import { CONSUMER_API_VERSION, type ConsumerDefinition } from '../src/consumer/consumer.ts'
import { EIO } from '../src/errno.ts'
import { GUARD_COUNT, GUARD_LOCK, GUARD_NONE, type Guard } from '../src/lifetime/borrows.ts'
import { CACHE_HOLE } from '../src/memory/page-cache.ts'
import { replayRows } from '../src/testing/replay-rows.ts'
import type { TestRow } from '../src/testing/trace-row.ts'

const A = 0x7f0000000000
/** Kernel memory, of two pages. */
const K = 0xf0000000000

/** A consumer that lists what it is given, takes what the policy says, and says that it names it, guarded by `guard`. */
function borrower(guard: Guard, result = 0): ConsumerDefinition {
  return {
    apiVersion: CONSUMER_API_VERSION,
    name: 'borrower',
    summary: 'for this test',
    kernel: 'none',
    accepts: ['ubuf', 'iovec', 'bvec', 'kvec', 'xarray', 'folioq'],
    entriesMax: 1,
    avoided: 'nothing',
    kernelPolicy: () => 'extract',
    create: () => ({
      submit: (io) => {
        let done = 0
        for (let bytes = 1; io.iter.countBytes > 0 && bytes > 0; done += bytes) {
          bytes = io.extract(1024, io.iter.countBytes)
          io.borrowList(guard)
          io.keep(io.hold)
        }
        return result < 0 ? result : done
      },
      abort: (io) => io.letGoOfKept(),
      complete: (io) => io.letGoOfKept(),
      counters: () => ({}),
    }),
  }
}

async function broken(guard: Guard, rows: readonly TestRow[], result = 0) {
  const { report, lane } = await replayRows(borrower(guard, result), rows)
  expect(lane.io.borrows.open).toBe(0)
  return report.violations.map(({ rule, row, takenRow, pages }) => [rule, row, takenRow, pages])
}

const hex = (address: number) => `0x${address.toString(16)}`
/** A request of 200 bytes in a slab page, and one of 300 bytes behind it. */
const slab: TestRow = { event: 'map', iter: 'kvec', segs: `${hex(K)}+8192`, backing: 'slab' }
const send: TestRow = { op: 'write', iter: 'kvec', segs: `${hex(K + 0x80)}+200`, ts: 10, end: 100 }
const freeAt = (from: number, bytes: number, ts: number): TestRow => ({
  event: 'free',
  iter: 'kvec',
  segs: `${hex(K + from)}+${bytes}`,
  ts,
})

describe('memory that an operation in flight names', () => {
  it.each([GUARD_NONE, GUARD_COUNT, GUARD_LOCK] as const)('is a slab object that is freed: guard %i', async (guard) => {
    expect(await broken(guard, [slab, send, freeAt(0x80, 200, 50)])).toEqual([['use-after-free', 3, 2, 1]])
  })

  it.each([
    ['the object behind it', freeAt(0x80 + 200, 300, 50)],
    ['the object before it', freeAt(0, 0x80, 50)],
    ['after the operation is over', freeAt(0x80, 200, 100)],
    ['before it begins', freeAt(0x80, 200, 5)],
  ])('is not what is freed: %s', async (_, free) => {
    const rows = [slab, send, free].sort((a, b) => Number(a.ts ?? 0) - Number(b.ts ?? 0))
    expect(await broken(GUARD_COUNT, rows)).toEqual([])
  })

  it('is not in use any more when the operation failed', async () => {
    expect(await broken(GUARD_NONE, [slab, send, freeAt(0x80, 200, 50)], EIO)).toEqual([])
  })

  it('is kept by a reference or a pin where it is no slab object', async () => {
    const rows: TestRow[] = [
      { op: 'write', segs: `${hex(A)}+8192`, ts: 10, end: 100 },
      { event: 'free', segs: `${hex(A)}+4096`, ts: 20 },
    ]
    expect(await broken(GUARD_COUNT, rows)).toEqual([])
    expect(await broken(GUARD_NONE, rows)).toEqual([['use-after-free', 2, 1, 1]])
  })

  it('is told once an operation, with the pages of it', async () => {
    const bvec: TestRow = { op: 'write', iter: 'bvec', segs: '100:0+12288', ts: 10, end: 100 }
    const other: TestRow = { ...bvec, segs: '101:512+512', ts: 11 }
    const rows = [bvec, other, { event: 'free', iter: 'bvec', segs: '101:0+8192', ts: 20 } as TestRow]
    expect(await broken(GUARD_NONE, rows)).toEqual([
      ['use-after-free', 3, 2, 1],
      ['use-after-free', 3, 1, 2],
    ])
  })
})

describe('pages of a file that an operation in flight names', () => {
  const use = (op: 'read' | 'write'): TestRow => ({ op, iter: 'xarray', segs: 'dir:0+12288', ts: 10, end: 100 })

  it.each([
    ['nothing', GUARD_NONE, ['truncate-in-use', 2, 1, 2]],
    ['a reference', GUARD_COUNT, ['truncate-in-use', 2, 1, 2]],
    ['the page lock: truncate waits', GUARD_LOCK, undefined],
  ] as const)('are truncated; guarded by %s', async (_, guard, violation) => {
    const truncate: TestRow = { event: 'truncate', file: 'dir', offset: 100, ts: 50 }
    expect(await broken(guard, [use('read'), truncate])).toEqual(violation === undefined ? [] : [violation])
    expect(await broken(guard, [use('read'), { ...truncate, file: 'other' }])).toEqual([])
  })

  it.each([
    ['dirty', GUARD_NONE, 1],
    ['mkwrite', GUARD_COUNT, 1],
    ['mkwrite', GUARD_LOCK, 0],
  ] as const)('are modified (%s) while they are read: guard %i', async (event, guard, pages) => {
    const modify: TestRow = { event, file: 'dir', offset: 4096, len: 4096, ts: 50 }
    const expected = pages === 0 ? [] : [['modified-in-use', 2, 1, pages]]
    expect(await broken(guard, [use('write'), modify])).toEqual(expected)
    // A data destination is being written anyway.
    expect(await broken(guard, [use('read'), modify])).toEqual([])
  })

  it.each(['unlock', 'writeback_end'] as const)('lose their guard with an %s row', async (event) => {
    const modify: TestRow = { event: 'mkwrite', file: 'dir', offset: 0, len: 12288, ts: 50 }
    const unlock: TestRow = { event, iter: 'xarray', segs: 'dir:4096+4096', ts: 40 }
    expect(await broken(GUARD_LOCK, [use('write'), modify])).toEqual([])
    expect(await broken(GUARD_LOCK, [use('write'), unlock, modify])).toEqual([['modified-in-use', 3, 1, 1]])
  })
})

describe('a truncated file', () => {
  it('loses its pages from there on: what is read then are others, what is held keeps the old ones', async () => {
    const rows: TestRow[] = [
      { op: 'read', iter: 'xarray', segs: 'dir:0+12288', ts: 0, end: 100 },
      { event: 'truncate', file: 'dir', offset: 4097, ts: 1 },
      { op: 'read', iter: 'xarray', segs: 'dir:0+12288', ts: 2 },
    ]
    const pages: number[][] = []
    const { report, lane } = await replayRows(borrower(GUARD_COUNT), rows, {
      policy: 'get-pages',
      afterRow: ({ memory }) => pages.push([0, 1, 2].map((index) => memory.cache.find(0, index))),
    })
    const [[first, second, third], cut, again] = pages as [number[], number[], number[]]
    expect(cut).toEqual([first, second, CACHE_HOLE])
    expect(again.slice(0, 2)).toEqual([first, second])
    expect(again[2]).not.toBe(third)
    expect(report.refs).toMatchObject({ acquired: 6, released: 6, open: 0 })
    // The page cache's own reference is gone with the page.
    expect([...[first, third, again[2]!]].map((page) => lane.pages.refcountOf(page!))).toEqual([1, 0, 1])
  })
})
