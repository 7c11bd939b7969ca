import { createReadStream } from 'node:fs'
import { type KernelVersion, type LaneReport, openTrace, Registry, replay } from '@pinscope/core'
import { describe, expect, it } from 'vitest'
import register from '../src/register.ts'

const MIB = 1 << 20
const TRACES = new URL('../../../traces/made/', import.meta.url)

/** A lane of one of the six traces, as its header and the consumer's own policy have it. */
async function laneOf(number: number, consumer: string, kernel: KernelVersion): Promise<LaneReport> {
  const name = `rdma-c${number}.csv`
  const registry = new Registry()
  registry.register('@pinscope/plugin-rdma', await register())
  const { lanes } = await replay(await openTrace(createReadStream(new URL(name, TRACES)), name), {
    registry,
    policies: null,
    consumers: [consumer],
    kernel,
    consumerOptions: {},
    inFlight: false,
  })
  return lanes[0]!
}

/** What the table of the reference tells of a cell. */
async function cellOf(number: number, consumer: string, kernel: KernelVersion) {
  const { counters, refs, pins, allocations, data, entries, dma, errors, leaksTotal } = await laneOf(
    number,
    consumer,
    kernel,
  )
  expect([errors, leaksTotal, dma?.openEntries ?? 0, allocations?.openBytes ?? 0]).toEqual([0, 0, 0, 0])
  const { packets, sges, pagePointers, sgEntries, bvecs, mrPages } = counters
  return {
    ...{ packets, sges, pagePointers, sgEntries, bvecs, mrPages },
    refs: refs.acquired,
    pins: pins.acquired,
    allocations: allocations?.made ?? 0,
    copied: data.copiedBytes,
    bytes: entries.bytes,
  }
}

const NONE = { packets: 0, sges: 0, pagePointers: 0, sgEntries: 0, bvecs: 0, mrPages: 0, refs: 0, pins: 0, copied: 0 }

const legacy = (number: number) => cellOf(number, 'smbdirect-legacy', '6.1')
const direct = (number: number, kernel: KernelVersion = '6.12') => cellOf(number, 'smbdirect', kernel)
const ideal = (number: number) => cellOf(number, 'iter-to-mr', '6.12')

/** consumers.md 13.3, with the sizes of 13.2: 8 bytes a page pointer or page of a region, 16 a bvec or ib_sge, 32 a scatterlist entry. */
describe('the cost of the chain of 6.1 and of the direct path', () => {
  it('C1: 64 KiB of the page cache, 16 small folios, signed', async () => {
    const was = { packets: 64, sges: 128, pagePointers: 16, sgEntries: 64, allocations: 1 }
    // The pages of the page cache have the references that writeback took to find them.
    expect(await legacy(1)).toEqual({ ...NONE, ...was, refs: 16, bytes: 16 * 8 + 64 * 32 + 128 * 16 })
    expect(await direct(1)).toEqual({ ...NONE, packets: 49, sges: 113, allocations: 0, bytes: 113 * 16 })
  })

  it('C2: the same as one folio of 64 KiB', async () => {
    const was = { packets: 64, sges: 128, pagePointers: 16, sgEntries: 64, allocations: 1 }
    expect(await legacy(2)).toEqual({ ...NONE, ...was, refs: 16, bytes: 16 * 8 + 64 * 32 + 128 * 16 })
    expect(await direct(2)).toEqual({ ...NONE, packets: 49, sges: 98, allocations: 0, bytes: 98 * 16 })
  })

  it('C3: 1 MiB of aligned direct I/O, registered', async () => {
    const was = { pagePointers: 256, sgEntries: 256, mrPages: 256, refs: 256, allocations: 1 }
    expect(await legacy(3)).toEqual({ ...NONE, ...was, bytes: 256 * (8 + 32 + 8) })
    const now = { bvecs: 256, mrPages: 256, pins: 256, allocations: 1 }
    expect(await direct(3)).toEqual({ ...NONE, ...now, sgEntries: 256, bytes: 256 * (16 + 32 + 8) })
    expect(await ideal(3)).toEqual({ ...NONE, ...now, bytes: 256 * (16 + 8) })
  })

  it('C4: 1 MiB of the page cache in 16 folios of 64 KiB, registered', async () => {
    const was = { pagePointers: 256, sgEntries: 256, mrPages: 256, refs: 256, allocations: 1 }
    expect(await legacy(4)).toEqual({ ...NONE, ...was, bytes: 256 * (8 + 32 + 8) })
    expect(await direct(4)).toEqual({ ...NONE, sgEntries: 16, mrPages: 256, allocations: 0, bytes: 16 * 32 + 256 * 8 })
    expect(await ideal(4)).toEqual({ ...NONE, mrPages: 256, allocations: 0, bytes: 256 * 8 })
  })

  it('C5: 1 MiB of encrypted direct I/O', async () => {
    const old = await legacy(5)
    // 256 pages of the caller's and 256 of the copy; four packets a page, of which the reference counts those with data.
    expect(old).toMatchObject({ pagePointers: 512, refs: 256, copied: MIB, packets: 1024 })
    // A page array, 256 pages, their array, and the block of the cipher.
    expect(old.allocations).toBe(1 + 256 + 1 + 1)
    const now = await direct(5)
    expect(now).toMatchObject({ packets: 783, bvecs: 256, pins: 256, copied: MIB, pagePointers: 0 })
    // The bvecs, 256 folios in 9 nodes of a queue, and the block of the cipher.
    expect(now.allocations).toBe(1 + 256 + 9 + 1)
  })

  it('C6: 8 KiB of direct I/O that begin inside a page, registered', async () => {
    const was = { pagePointers: 3, sgEntries: 3, mrPages: 3, refs: 3, allocations: 1 }
    expect(await legacy(6)).toEqual({ ...NONE, ...was, bytes: 3 * (8 + 32 + 8) })
    expect(await direct(6)).toEqual({
      ...NONE,
      ...{ bvecs: 3, sgEntries: 3, mrPages: 3, pins: 3, allocations: 1 },
      bytes: 3 * (16 + 32 + 8),
    })
    expect(await ideal(6)).toEqual({ ...NONE, bvecs: 3, mrPages: 3, pins: 3, allocations: 1, bytes: 3 * (16 + 8) })
  })
})
