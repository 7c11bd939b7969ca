import { describe, expect, it } from 'vitest'
import { defineConsumer } from '../src/consumer/consumer.ts'
import type { Operation } from '../src/consumer/operation.ts'
import { Registry } from '../src/consumer/registry.ts'
import { replay } from '../src/replay/replay.ts'
import { laneOf, PLAIN_OPTIONS } from './support/replay-rows.ts'
import type { RowSpec } from './support/rows.ts'
import { openRecorded, traceNames } from './support/traces.ts'

const A = 0x7f0000000000

/** Lists the pages of each operation; `spoil` may change what it says of the entries. */
function listing(spoil: (page: Int32Array, offset: Int32Array, length: Int32Array) => void) {
  return defineConsumer({
    apiVersion: 1,
    name: 'listing',
    summary: 'lists pages',
    kernel: 'none',
    accepts: ['ubuf', 'iovec', 'kvec', 'bvec', 'xarray', 'folioq'],
    entriesMax: 4096,
    avoided: 'nothing',
    kernelPolicy: () => 'extract',
    create: () => ({
      submit(io: Operation) {
        let bytes = 0
        while (io.iter.countBytes > 0) {
          const taken = io.extract(16, 2 ** 30)
          if (taken <= 0) break
          bytes += taken
          io.keep(io.hold)
          const { list } = io
          const page = list.page.slice(0, list.length)
          const offset = list.offsetBytes.slice(0, list.length)
          const length = list.lengthBytes.slice(0, list.length)
          spoil(page, offset, length)
          io.observer?.listBuilt('list', taken, list.length, page, offset, length, '')
        }
        return bytes
      },
      abort: (io: Operation) => io.letGoOfKept(),
      complete: (io: Operation) => io.letGoOfKept(),
      counters: () => ({}),
    }),
  })
}

function verify(rows: readonly RowSpec[], spoil: Parameters<typeof listing>[0]) {
  const registry = new Registry()
  registry.register('test', { apiVersion: 1, consumers: [listing(spoil)] })
  return laneOf(rows, { registry, consumers: ['listing'], verifyData: true })
}

const ROWS: readonly RowSpec[] = [
  { op: 'write', segs: [[A + 0x234, 0x3000]] },
  {
    op: 'read',
    segs: [
      [A + 0x10000, 0x1800],
      [A + 0x20000, 0x10],
    ],
  },
  { op: 'read', iter: 'kvec', segs: [[0x888000000100, 0x2000]] },
  {
    op: 'write',
    iter: 'bvec',
    segs: [
      [500, 0x800, 0x1800],
      [900, 0, 0x200],
    ],
  },
  { op: 'write', iter: 'xarray', segs: [[0x1800, 1, 0x2800]] },
  { op: 'read', iter: 'folioq', segs: [[0x1800, 1, 0x2800]] },
]

describe('what a consumer lists is compared with the data', () => {
  it('a right list: every operation and byte is judged', async () => {
    const lane = await verify(ROWS, () => {})
    expect(lane.violations).toEqual([])
    expect(lane.verified).toEqual({ operations: 6, bytes: 0x3000 + 0x1810 + 0x2000 + 0x1a00 + 0x2800 + 0x2800 })
  })

  it.each<[string, Parameters<typeof listing>[0]]>([
    ['a page too far', (page) => page.set(page.map((row) => row + 1))],
    ['a byte too far', (_, offset) => (offset[0]! += 1)],
    ['the entries reversed', (page) => page.reverse()],
    ['an entry too short', (_, __, length) => (length[0]! -= 1)],
    ['an entry too long', (_, __, length) => (length[0]! += 512)],
  ])('%s is wrong data', async (_, spoil) => {
    const lane = await verify(ROWS.slice(0, 1), spoil)
    expect(lane.violations.map(({ rule, row }) => [rule, row])).toEqual([['wrong-data', 1]])
  })
})

describe('every trace here', () => {
  it.each(traceNames())('%s: bios reach the right bytes, page by page and run by run', async (name) => {
    for (const kernel of ['6.1', 'mainline']) {
      // Of the null consumer the large vectored operations take half a minute.
      const consumers = name.startsWith('ground-truth/dio-') ? ['bio'] : ['bio', 'null']
      const options = { ...PLAIN_OPTIONS, kernel, consumers, verifyData: true }
      for (const lane of (await replay(await openRecorded(name), options)).lanes) {
        expect(lane.violations.filter(({ rule }) => rule === 'wrong-data')).toEqual([])
      }
    }
  })

  it('changes no other figure of the report', async () => {
    const plain = await replay(await openRecorded('ground-truth/dio-thp'), { ...PLAIN_OPTIONS })
    const checked = await replay(await openRecorded('ground-truth/dio-thp'), { ...PLAIN_OPTIONS, verifyData: true })
    expect(checked.lanes[0]!.verified!.operations).toBeGreaterThan(200)
    expect(checked.lanes.map(({ verified, ...lane }) => lane)).toEqual(plain.lanes)
  })
})
