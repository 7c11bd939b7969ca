import { describe, expect, it } from 'vitest'
import {
  dirty,
  dma,
  filled,
  map,
  outcome,
  pin,
  reflink,
  store,
  truncate,
  unpin,
  writeback,
  writebackEnd,
} from './support/what-if-rows.ts'

// clear_dirty_for_io returns whether there is something to write (lifetime.md 3.2, 4): a clean page is passed by, pinned or
// not. A device's store sets no dirty bit.

const flush = (ts: number) => [writeback(ts), writebackEnd(ts + 1)]
const WRITEBACKS = ['as-is', 'skip', 'wait', 'bounce-block', 'bounce-fs', 'stable'].map((name) => `writeback-${name}`)

describe('writeback of a clean file', () => {
  it.each(WRITEBACKS)('%s writes each page once, however often the flusher comes', async (consumer) => {
    const { counters, findings } = await outcome(consumer, [map, filled, ...flush(3), ...flush(5)])
    expect(findings).toEqual([])
    expect(counters).toMatchObject({ pagesWritten: 8, mkwriteCalls: 0 })
  })

  it('writes again what a CPU stored to meanwhile', async () => {
    const { counters } = await outcome('writeback-as-is', [map, filled, ...flush(3), store(5, 2, 3), ...flush(6)])
    expect(counters).toMatchObject({ pagesWritten: 8 + 3, mkwriteCalls: 3 })
  })

  it('takes a page that no row made dirty or clean for dirty, once', async () => {
    // The rows see the pages, since a program reads them; nobody is seen to store.
    const read = { ...store(1, 0, 8), event: 'load' }
    expect((await outcome('writeback-as-is', [map, read, ...flush(3), ...flush(5)])).counters.pagesWritten).toBe(8)
    // The pin is the first to touch pages 2 and 3, and faults them in for writing.
    const pinned = [map, pin(1, 2, 2), ...flush(3), unpin(9)]
    expect((await outcome('writeback-as-is', pinned)).counters.pagesWritten).toBe(2)
  })

  it('comes to no page that has left its file', async () => {
    const rows = [map, filled, pin(2, 2), truncate(3), dma(4, 2), unpin(5), ...flush(6)]
    expect((await outcome('writeback-as-is', rows)).counters.pagesWritten).toBe(0)
  })
})

describe('a device stores into a page that was cleaned, and nobody makes it dirty (T-A without its last step)', () => {
  const rows = [map, filled, pin(2, 2, 2), ...flush(10), dma(12, 2), ...flush(20), unpin(25, { flags: '' })]

  it('the next writeback does not save the store: it is lost', async () => {
    const { counters, findings } = await outcome('writeback-as-is', rows)
    expect(counters).toMatchObject({ pagesWritten: 8, storesUnnoticed: 1, lostUpdates: 1 })
    // Row 4 cleans pages 2 and 3; row 7 nothing.
    expect(findings.filter(([rule]) => rule === 'H-03')).toEqual([['H-03', 4, 2]])
  })

  it.each(['bounce-block', 'bounce-fs'])('%s copies what is dirty', async (choice) => {
    const { counters } = await outcome(`writeback-${choice}`, rows)
    expect(counters).toMatchObject({ pagesWritten: 8, pagesBounced: 2, bytesBounced: 8192, lostUpdates: 1 })
  })
})

describe('a clean page that is pinned for reading', () => {
  const rows = [map, filled, ...flush(2), pin(4, 2, 2, { op: 'write' }), ...flush(5), unpin(7, { flags: '' })]

  it.each(WRITEBACKS)('is in the way of nothing: %s', async (consumer) => {
    const { counters, findings } = await outcome(consumer, rows)
    expect(findings).toEqual([])
    expect(counters).toMatchObject({ pagesWritten: 8, pagesSkipped: 0, waits: 0, pagesBounced: 0, pagesLooksPinned: 0 })
  })
})

it('waiting for pins ends with a truncate, and took as long', async () => {
  // Pages 2 and 3 wait from 10 to 25.
  const rows = [map, filled, pin(3, 2, 2), ...flush(10), truncate(25), unpin(40)]
  const { counters } = await outcome('writeback-wait', rows)
  expect(counters).toMatchObject({ pagesWritten: 6, waits: 2, waitNs: 2 * 15, waitsNeverOver: 0, pagesNeverWritten: 0 })
})

describe('a reflink', () => {
  it('flushes what is dirty', async () => {
    const twice = [map, filled, reflink(10), reflink(20)]
    expect((await outcome('reflink-ignore', twice)).counters).toMatchObject({ pagesFlushed: 8, pagesShared: 16 })
    const again = [map, filled, reflink(10), store(15, 7), reflink(20)]
    expect((await outcome('reflink-ignore', again)).counters).toMatchObject({ pagesFlushed: 8 + 1, mkwriteCalls: 1 })
  })

  it('the flusher passes clean pages by afterwards, pinned or not', async () => {
    const { findings } = await outcome('reflink-ignore', [map, filled, pin(3, 2), reflink(10), ...flush(20), unpin(30)])
    // Row 4 is the reflink, rows 5 and 6 the flusher, row 7 makes dirty what page_mkwrite was not asked about.
    expect(findings).toEqual([
      ['H-03', 4, 1],
      ['H-38', 4, 1],
      ['H-05', 7, 1],
    ])
  })

  it('sees who makes a page dirty, whoever it is (T-C)', async () => {
    const rows = [
      map,
      filled,
      pin(3, 2, 2),
      reflink(10),
      dma(20, 2),
      dirty(30, 2),
      unpin(40, { flags: '' }),
      ...flush(50),
    ]
    expect((await outcome('reflink-ignore', rows)).counters).toMatchObject({
      storesIntoShared: 1,
      sharedOverwritten: 1,
    })
  })
})
