import { describe, expect, it } from 'vitest'
import {
  dma,
  dmaEnd,
  filled,
  map,
  outcome,
  pin,
  read,
  store,
  truncate,
  unpin,
  writeback,
  writebackEnd,
} from './support/what-if-rows.ts'

// Where pages are stable a fault for writing waits for the end of the writeback, in page_mkwrite: that of a CPU's store, and
// that of get_user_pages. A store through a pin that was there before has no fault (lifetime.md 3.2, 5.2, 5.3).

const during = [map, filled, writeback(10)]
/** Two pages wait from 11 to 20. */
const WAITED = { storeWaits: 2, storeWaitNs: 2 * 9, tornWritebacks: 0, storesUnnoticed: 0, dirtiedUnasked: 0 }

describe.each([
  ['writeback-stable', []],
  ['writeback-as-is', ['stable-writes yes']],
  ['writeback-skip', ['filesystem btrfs']],
])('%s, %s', (consumer, header) => {
  it('a CPU store, direct I/O and a pin wait alike', async () => {
    const twins = [
      [store(11, 2, 2), writebackEnd(20)],
      [read(11, 30, 2, 2), writebackEnd(20)],
      [pin(11, 2, 2), writebackEnd(20), dma(30, 2, 2), unpin(40)],
    ]
    for (const rows of twins) {
      const { counters, findings } = await outcome(consumer, [...during, ...rows], { header })
      expect(findings).toEqual([])
      expect(counters).toMatchObject({ ...WAITED, pagesWritten: 8, mkwriteCalls: 2, lostUpdates: 0 })
    }
  })

  it('a device stores through a pin when that is there, not before', async () => {
    // Rows 5 and 6 want to store into page 2 and, until 25, page 3, while the pin waits.
    const stores = [dma(12, 2), dma(13, 3, 1, { id: 'd' }), writebackEnd(20), dmaEnd(25, 'd')]
    const { counters, findings } = await outcome(consumer, [...during, pin(11, 2, 2), ...stores, unpin(40)], { header })
    expect(findings).toEqual([])
    expect(counters).toMatchObject({ ...WAITED, mkwriteCalls: 2 })
    // One that ends before the pin is there is over when it is.
    const short = [dma(12, 2, 1, { id: 'd' }), dmaEnd(13, 'd'), writebackEnd(20), unpin(40)]
    expect(await outcome(consumer, [...during, pin(11, 2, 2), ...short], { header })).toMatchObject({
      counters: WAITED,
      findings: [],
    })
  })

  it('pages that are not written back are taken at once', async () => {
    const { counters } = await outcome(consumer, [...during, writebackEnd(11), pin(12, 2, 2), unpin(40)], { header })
    expect(counters).toMatchObject({ storeWaits: 0, mkwriteCalls: 2 })
  })
})

it('a pin that was there before stores while the page is written, and its checksum is of other bytes', async () => {
  const rows = [map, filled, pin(3, 2), writeback(10), pin(11, 2, 1, { id: 'second' }), dma(12, 2), writebackEnd(20)]
  const { counters, findings } = await outcome('writeback-stable', [...rows, unpin(30), unpin(31, { id: 'second' })])
  expect(counters).toMatchObject({ storeWaits: 1, storeWaitNs: 9, tornWritebacks: 1 })
  expect(findings).toContainEqual(['H-01', 6, 1])
})

it('where pages are not stable nobody waits, and the disk gets a mixture', async () => {
  const { counters } = await outcome('writeback-as-is', [...during, read(11, 15, 2, 2), writebackEnd(20)])
  expect(counters).toMatchObject({ storeWaits: 0, tornWritebacks: 2 })
})

it('I/O that the trace ends before the writeback has stored nothing until then', async () => {
  const { counters } = await outcome('writeback-stable', [...during, read(11, 15, 2, 2), writebackEnd(20)])
  expect(counters).toMatchObject({ ...WAITED, mkwriteCalls: 2, lostUpdates: 0 })
})

it('who waits when the page leaves its file, or the trace ends, has waited until then', async () => {
  const truncated = await outcome('writeback-stable', [...during, store(11, 2, 2), truncate(25)])
  expect(truncated.counters).toMatchObject({ storeWaits: 2, storeWaitNs: 2 * 14 })
  const never = await outcome('writeback-stable', [...during, store(11, 2), store(17, 2)])
  // The second store of the page waits in the same fault handler's queue: one wait a folio.
  expect(never.counters).toMatchObject({ storeWaits: 1, storeWaitNs: 6 })
})
