import { createReadStream } from 'node:fs'
import { type LaneReport, openTrace, Registry, type ReplayOptions, replay } from '@pinscope/core'
import { describe, expect, it } from 'vitest'
import register from '../src/register.ts'

const ROOT = new URL('../../../', import.meta.url)

async function laneOf(path: string, consumer: string, more: Partial<ReplayOptions>): Promise<LaneReport> {
  const registry = new Registry()
  registry.register('@pinscope/plugin-rdma', await register())
  const options = {
    registry,
    policies: null,
    consumers: [consumer],
    kernel: null,
    consumerOptions: {},
    inFlight: false,
  }
  const { lanes } = await replay(await openTrace(createReadStream(new URL(path, ROOT)), path), { ...options, ...more })
  return lanes[0]!
}

/** As the pages of docs/consumers show them. */
describe('hazards, each with its row and rule', () => {
  const EXAMPLE = 'docs/consumers/examples/rdma-hazards.csv'

  it.each(['6.1', '6.12', '6.18', 'mainline'])(
    '%s: registrations let go too early, too late, and not at all',
    async (kernel) => {
      const { violations, longTerm, leaks, pins } = await laneOf(EXAMPLE, 'ib-umem', { kernel })
      expect(violations.map(({ rule, row, takenRow, pages }) => [rule, row, takenRow, pages])).toEqual([
        ['registration-in-use', 6, 2, 4],
        ['registration-outlives-owner', 7, 3, 4],
      ])
      expect(longTerm?.map(({ row, pages, sinceNs, ageNs }) => [row, pages, sinceNs, ageNs])).toEqual([
        [4, 4, 3000, 6000],
      ])
      expect([leaks, pins.open, pins.longTerm]).toEqual([[], 4, 4])
    },
  )

  const faults = { fault: 'alloc', at: 3 } as const

  it('6.1: the pages of a direct read whose request cannot be allocated', async () => {
    const lane = await laneOf('traces/dd-direct-read.csv', 'smbdirect-legacy', {
      kernel: '6.1',
      inFlight: true,
      faults,
    })
    expect(lane.leaks.map(({ row, retention, pages, reason }) => [row, retention, pages, reason])).toEqual([
      [2, 'ref', 1, expect.stringContaining('cifs-read-lost')],
    ])
    expect(lane.refs.open).toBe(1)
  })

  it('and no leak where that is mended', async () => {
    const quirks = [{ name: 'cifs-read-lost', on: false }] as const
    const more = { kernel: '6.1', inFlight: true, faults, quirks }
    const mended = await laneOf('traces/dd-direct-read.csv', 'smbdirect-legacy', more)
    expect([mended.leaksTotal, mended.refs.open, mended.allocations?.openBytes]).toEqual([0, 0, 0])
    const direct = await laneOf('traces/dd-direct-read.csv', 'smbdirect', { kernel: '6.12', inFlight: true, faults })
    expect([direct.leaksTotal, direct.pins.open]).toEqual([0, 0])
  })
})
