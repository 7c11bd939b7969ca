import type { KernelVersion } from '@pinscope/core'
import {
  type IterTypeName,
  type Lane,
  ownershipCell,
  type RowsOptions,
  type RowsResult,
  replayRows,
  sweepFaults,
  type TestRow,
} from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { vring } from '../src/vring/definition.ts'

// drivers/vhost/vringh.c: the worked example VR1, maps and portions of 16, descriptors, user addresses, and memory that is
// unmapped while the device copies.

const A = 0x7f0000000000
const P = 4096
const ALL = ['6.1', '6.12', '6.18', 'mainline'] as const
const NEW = ['6.12', '6.18', 'mainline'] as const
/** sizeof(struct bio_vec), which is that of struct iovec and of struct kvec. */
const VEC = 16
const [EFAULT, EINVAL, ENOMEM, ELOOP] = [-14, -22, -12, -40] as const

const on = (kernel: KernelVersion, rows: readonly TestRow[], options: RowsOptions = {}) =>
  replayRows(vring, rows, { kernel, ...options })

function expectNothingLeft({ report, lane }: RowsResult) {
  const { pins, refs, violationsTotal } = report
  expect([pins.acquired, refs.acquired, lane.io.allocations.openBytes, violationsTotal]).toEqual([0, 0, 0, 0])
}

const bus = (op: 'read' | 'write', segs: string, more: TestRow = {}): TestRow => ({ op, iter: 'bvec', segs, ...more })
const user = (op: 'read' | 'write', bytes: number, more: TestRow = {}): TestRow => ({
  op,
  iter: 'ubuf',
  segs: `0x${A.toString(16)}+${bytes}`,
  ...more,
})

describe('translation', () => {
  it.each(ALL)('%s, VR1: an element for each map, not for each page', async (kernel) => {
    // 0x100F80+6000; maps end at 0x102000.
    const row = bus('write', `${0x100}:${0xf80}+6000`)
    const done = await on(kernel, [row], { options: { 'map-bytes': 0x2000 } })
    expect(done.results).toEqual([6000])
    expect(done.report.counters).toMatchObject({ descriptors: 1, lookups: 2, copyCalls: 1, fullStrides: 0 })
    expect(done.report.entries).toMatchObject({ built: 2, bytes: 2 * VEC })
    expect(done.report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 6000 })
    expectNothingLeft(done)
    // 4224 bytes are the first map's: with as many there is no second lookup.
    const first = await on(kernel, [bus('write', `${0x100}:${0xf80}+4224`)], { options: { 'map-bytes': 0x2000 } })
    expect(first.report.counters.lookups).toBe(1)
  })

  it.each(ALL)('%s: 16 maps a copy', async (kernel) => {
    const done = await on(kernel, [bus('read', `4096:0+${40 * P}`)], { options: { 'map-bytes': P } })
    expect(done.report.counters).toMatchObject({ lookups: 40, copyCalls: 3, fullStrides: 2 })
    expect(done.report.entries.limitHits).toBe(2)
    expectNothingLeft(done)
  })

  it('each descriptor is copied for itself', async () => {
    const done = await on('6.12', [bus('read', '4096:0+100;4096:100+100;5000:0+8192')])
    expect(done.results).toEqual([8392])
    // Two 16-bit words are read and one written, three descriptors, and an element of the used ring.
    expect(done.report.counters).toMatchObject({ descriptors: 3, lookups: 3, copyCalls: 3, ringAccesses: 7 })
    expectNothingLeft(done)
  })
})

describe('descriptors', () => {
  const many = (count: number) => bus('read', Array.from({ length: count }, (_, i) => `${4096 + i}:0+16`).join(';'))

  it('are gathered in an array that grows, and is kept for the ring', async () => {
    const seen: number[] = []
    const afterRow = ({ io }: Lane) => seen.push(io.allocations.openBytes)
    const done = await on('6.12', [many(3), many(9), many(8), { ...many(1), file: 'other' }], { afterRow })
    expect(seen).toEqual([8 * VEC, 16 * VEC, 16 * VEC, 24 * VEC])
    expectNothingLeft(done)
  })

  it('more than the ring has are a loop', async () => {
    const done = await on('6.12', [many(5), many(4)], { options: { 'ring-entries': 4 } })
    expect(done.results).toEqual([ELOOP, 64])
    expectNothingLeft(done)
  })

  it('without memory for the array there is no request', async () => {
    const done = await on('6.12', [many(5)], { inject: { fault: 'alloc', at: 1 } })
    expect(done.results).toEqual([ENOMEM])
    expectNothingLeft(done)
  })

  it('a copy that is short is an error, whatever came before', async () => {
    const done = await on('6.12', [many(5)], { inject: { fault: 'copy', at: 3 } })
    expect(done.results).toEqual([EFAULT])
    expectNothingLeft(done)
  })
})

describe('user addresses', () => {
  it.each(NEW)('%s: are copied from and to', async (kernel) => {
    const done = await on(kernel, [user('read', 10000), user('write', 100)], { options: { 'map-bytes': P } })
    expect(done.results).toEqual([10000, 100])
    expect(done.report.counters).toMatchObject({ lookups: 3 + 1, copyCalls: 2 })
    expect(done.report.data.copiedBytes).toBe(10100)
    expectNothingLeft(done)
  })

  it.each(NEW)('%s: that cannot be had are an error', async (kernel) => {
    const map: TestRow = { event: 'map', segs: `0x${(A + P).toString(16)}+4096`, backing: 'anon', flags: 'prot_none' }
    const done = await on(kernel, [map, user('read', 2 * P)])
    expect(done.results).toEqual([EFAULT])
    expectNothingLeft(done)
  })

  it('are in no map of bus addresses: 6.1, and without use-va', async () => {
    expect((await on('6.1', [user('read', P)])).results).toEqual([EINVAL])
    expect((await on('6.12', [user('read', P)], { options: { 'use-va': 0 } })).results).toEqual([EINVAL])
  })
})

describe('memory that is given up while a request is in flight', () => {
  const request = bus('write', '4096:0+8192', { ts: 0, end: 100 })
  const rules = async (event: TestRow, kernel: KernelVersion = '6.12') =>
    (await on(kernel, [request, event])).report.violations.map(({ rule }) => rule)

  it.each(ALL)('%s: nothing keeps it', async (kernel) => {
    expect(await rules({ event: 'free', iter: 'bvec', segs: '4097:0+4096', ts: 10 }, kernel)).toEqual([
      'use-after-free',
    ])
  })

  it('nor keeps anybody from writing to it', async () => {
    expect(await rules({ event: 'dirty', iter: 'bvec', segs: '4097:0+4096', ts: 10 })).toEqual(['modified-in-use'])
  })

  it('but not memory beside it, nor afterwards', async () => {
    expect(await rules({ event: 'free', iter: 'bvec', segs: '4098:0+4096', ts: 10 })).toEqual([])
    expect(await rules({ event: 'free', iter: 'bvec', segs: '4097:0+4096', ts: 110 })).toEqual([])
  })
})

// consumers.md section 16: `vring iotlb`.
describe('ownership', () => {
  const cell = (kernel: KernelVersion, type: IterTypeName) =>
    ownershipCell(vring, kernel, type, [{ row: { op: 'read' }, bytes: 2 * P }])

  it.each(ALL)('%s', async (kernel) => {
    const va = kernel === '6.1' ? '-EINVAL' : 'copy'
    expect(await cell(kernel, 'ubuf')).toBe(va)
    expect(await cell(kernel, 'iovec')).toBe(va)
    // Named by their numbers, held by nobody, and copied.
    expect(await cell(kernel, 'bvec')).toBe('copy')
    for (const type of ['kvec', 'xarray', 'folioq', 'discard'] as const) expect(await cell(kernel, type)).toBe('n/a')
  })

  it('pages are bare', async () => {
    const { report } = await on('6.12', [bus('read', '4096:0+8192')])
    expect(report.bare.pages).toBe(2)
  })
})

describe('failures', () => {
  const rows = [
    bus('read', `4096:0+${40 * P}`, { end: 10 }),
    bus('write', '4096:0+100;4096:100+100;5000:0+8192', { end: 20 }),
    user('read', 10000, { end: 30 }),
  ]
  it.each(ALL)('%s: nothing is left after any of them', async (kernel) => {
    const sweep = await sweepFaults(vring, rows, { kernel, options: { 'map-bytes': P } })
    expect(sweep.steps.copy).toBeGreaterThan(5)
    expect(sweep.unclean).toEqual([])
  })
})
