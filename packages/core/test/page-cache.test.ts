import { describe, expect, it } from 'vitest'
import { CACHE_HOLE, PageCache } from '../src/memory/page-cache.ts'
import { KIND_FILE, PageStore } from '../src/memory/page-store.ts'

// Entries of 1,024 indices are kept together: what lies in several of them is found in order, however it came in.

function filled(indices: readonly number[]): { cache: PageCache; rows: number[] } {
  const pages = new PageStore()
  const cache = new PageCache(pages)
  const rows = indices.map((index) => {
    const row = pages.allocateFolio(0, KIND_FILE)
    cache.add(7, index, row)
    return row
  })
  return { cache, rows }
}

function visited(cache: PageCache, first: number, end: number): number[] {
  const found: number[] = []
  cache.visit(7, first, end, (_page, index) => found.push(index))
  return found
}

describe('the page cache of a file', () => {
  const indices = [5_000_000, 3, 2048, 1023, 1024, 900_000]

  it('is visited in order, wholly or in part', () => {
    const { cache } = filled(indices)
    expect(visited(cache, 0, Number.POSITIVE_INFINITY)).toEqual([3, 1023, 1024, 2048, 900_000, 5_000_000])
    expect(visited(cache, 1023, 2048)).toEqual([1023, 1024])
    expect(visited(cache, 1024, 6_000_000)).toEqual([1024, 2048, 900_000, 5_000_000])
    expect(visited(cache, 4, 4)).toEqual([])
  })

  it('knows what comes next', () => {
    const { cache } = filled(indices)
    expect([0, 4, 1025, 2049, 900_001].map((index) => cache.next(7, index))).toEqual([
      3, 1023, 2048, 900_000, 5_000_000,
    ])
    expect([cache.next(7, 5_000_001), cache.next(8, 0)]).toEqual([CACHE_HOLE, CACHE_HOLE])
  })

  it('tells where a page is, until it is taken out or moves', () => {
    const { cache, rows } = filled(indices)
    expect(rows.map((row) => cache.placeOf(row)?.index)).toEqual(indices)
    cache.remove(7, 1024, 1025)
    expect(cache.placeOf(rows[4]!)).toBeNull()
    cache.add(9, 77, rows[4]!)
    expect(cache.placeOf(rows[4]!)).toEqual({ file: 9, index: 77 })
    cache.truncate(7, 2048, () => {})
    expect(rows.map((row) => cache.placeOf(row)?.index)).toEqual([undefined, 3, undefined, 1023, 77, undefined])
    expect(cache.placeOf(1_000_000)).toBeNull()
  })
})
