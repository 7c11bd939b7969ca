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
import { PINS_OPEN, REFS_OPEN } from '../../core/src/ledger/totals.ts'
import { PagePieces } from '../src/ceph/page-pieces.ts'
import { rbd } from '../src/ceph/rbd/definition.ts'
import { ObjectData } from '../src/ceph/rbd/object-data.ts'
import { ObjectExtents } from '../src/ceph/rbd/striper.ts'

// drivers/block/rbd.c: the worked example RBD1, objects and stripe units, what is held meanwhile, and clones.

const A = 0x7f0000000000
const P = 4096
const KIB = 1024
const MIB = 1 << 20
const ALL = ['6.1', '6.12', '6.18', 'mainline'] as const
const BVEC = 16
const LATER = 1e6
const ENOMEM = -12

const on = (kernel: KernelVersion, rows: readonly TestRow[], options: RowsOptions = {}) =>
  replayRows(rbd, rows, { kernel, ...options })

/** What is open just after each row. */
async function seen(kernel: KernelVersion, rows: readonly TestRow[], options: RowsOptions = {}) {
  const open: { pins: number; refs: number; bytes: number }[] = []
  const afterRow = ({ ledger, io }: Lane) => {
    const { totals } = ledger
    open.push({ pins: totals[PINS_OPEN]!, refs: totals[REFS_OPEN]!, bytes: io.allocations.openBytes })
  }
  return { ...(await on(kernel, rows, { ...options, afterRow })), open }
}

function expectNothingLeft({ report, lane }: RowsResult) {
  const { pins, refs, violationsTotal } = report
  expect([pins.open, refs.open, lane.io.allocations.openBytes, violationsTotal]).toEqual([0, 0, 0, 0])
}

const bvec = (op: 'read' | 'write', segs: string, offset = 0, more: TestRow = {}): TestRow => ({
  op,
  iter: 'bvec',
  segs,
  offset,
  end: LATER,
  ...more,
})
const user = (op: 'read' | 'write', bytes: number, more: TestRow = {}): TestRow => ({
  op,
  iter: 'ubuf',
  segs: `0x${A.toString(16)}+${bytes}`,
  offset: 0,
  ...more,
})
const sizes = ({ lists }: RowsResult) =>
  lists.map(({ entries }) => entries.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0))

describe('RBD1', () => {
  // 8 bvecs of 128 KiB, of which 256 KiB are of the first object and 768 KiB of the second.
  const segs = Array.from({ length: 8 }, (_, i) => `${65536 + 64 * i}:0+${128 * KIB}`).join(';')
  const row = bvec('read', segs, 768 * KIB)

  it.each(ALL)('%s, fancy: an array for each object, one bvec a page', async (kernel) => {
    const options = { 'object-size': MIB, 'stripe-unit': 256 * KIB }
    const done = await seen(kernel, [row], { options })
    expect(done.results).toEqual([MIB])
    // The reference has 2 and 6 entries; bio_for_each_segment goes page by page: 64 and 192.
    expect(done.open).toEqual([{ pins: 0, refs: 0, bytes: (64 + 192) * BVEC }])
    expect(done.report.entries).toMatchObject({ built: 256, bytes: 256 * BVEC })
    expect(done.report.counters).toMatchObject({ requests: 1, objectRequests: 2, ownBvecArrays: 2 })
    expect(done.notes).toEqual([
      'object 0: 64 bvecs of its own, 262144 bytes',
      'object 1: 192 bvecs of its own, 786432 bytes',
    ])
    expectNothingLeft(done)
  })

  it.each(ALL)('%s, not fancy: the same split, and no array', async (kernel) => {
    const done = await seen(kernel, [row], { options: { 'object-size': MIB } })
    expect(done.open).toEqual([{ pins: 0, refs: 0, bytes: 0 }])
    expect(done.report.entries.built).toBe(0)
    expect(done.report.avoided).toMatchObject({ entries: 256, allocations: 2, copyBytes: MIB })
    expect(done.report.counters).toMatchObject({ requests: 1, objectRequests: 2, ownBvecArrays: 0 })
    expect(sizes(done)).toEqual([262144, 786432])
    expectNothingLeft(done)
  })
})

describe('stripe units', () => {
  it('go to the objects in turn, and one object has one request for all of its units', async () => {
    const options = { 'object-size': 256 * KIB, 'stripe-unit': 64 * KIB, 'stripe-count': 2 }
    // Units 1 to 6: objects 1, 0, 1, 0, 1, 0.
    const done = await on('6.12', [bvec('write', `65536:0+${384 * KIB}`, 64 * KIB)], { options })
    expect(done.report.counters).toMatchObject({ requests: 1, objectRequests: 2 })
    expect(done.notes).toEqual([
      'object 1: 48 bvecs of its own, 196608 bytes',
      'object 0: 48 bvecs of its own, 196608 bytes',
    ])
    expectNothingLeft(done)
  })

  it('are copied in the order of their object', () => {
    const layout = { objectBytes: 256 * KIB, stripeUnit: 64 * KIB, stripeCount: 2 }
    const extents = new ObjectExtents(layout)
    const source = new PagePieces()
    const target = new PagePieces()
    for (let page = 0; page < 96; page++) source.piece(page, 0, P)
    const data = new ObjectData(source, extents, target)
    data.begin()
    data.map(Float64Array.of(64 * KIB), 384 * KIB)
    expect([...extents.objectNumber.subarray(0, 2)]).toEqual([1, 0])
    expect([...extents.offsetBytes.subarray(0, 2)]).toEqual([0, 64 * KIB])
    const pages = (extent: number) =>
      [...target.page.subarray(48 * extent, 48 * extent + 48)].filter((_, i) => i % 16 === 0)
    // Units 1, 3, 5 of the image are object 1, units 2, 4, 6 object 0.
    expect([pages(0), pages(1)]).toEqual([
      [0, 32, 64],
      [16, 48, 80],
    ])
  })

  it('that end inside a page make two bvecs of it', async () => {
    const options = { 'object-size': 64 * KIB, 'stripe-unit': 512, 'stripe-count': 2 }
    const done = await on('6.12', [bvec('read', '65536:0+4096')], { options })
    expect(done.report.counters).toMatchObject({ objectRequests: 2 })
    expect(done.report.entries.built).toBe(8)
  })

  it('requests are of a set of objects at most, wherever they begin', async () => {
    const options = { 'object-size': MIB, 'stripe-count': 2, 'stripe-unit': MIB }
    // 3 MiB from 512 KiB on: 2 MiB (objects 0, 1, 2) and 1 MiB (objects 2, 3).
    const done = await on('6.12', [bvec('read', `65536:0+${3 * MIB}`, 512 * KIB)], { options })
    expect(done.report.counters).toMatchObject({ requests: 2, objectRequests: 5 })
    expect(done.results).toEqual([3 * MIB])
  })
})

describe('the layers above and below', () => {
  it.each(ALL)('%s: user memory is held by direct I/O, and by the socket while it is sent', async (kernel) => {
    const held = kernel === '6.1' ? { pins: 0, refs: 5 } : { pins: 5, refs: 0 }
    const read = await seen(kernel, [user('read', 5 * P, { end: LATER })])
    expect(read.open[0]).toMatchObject(held)
    expect(read.report.counters).toMatchObject({ dirtiedPages: 5, sends: 0, receivedBytes: 5 * P })
    expectNothingLeft(read)
    const write = await seen(kernel, [user('write', 5 * P, { end: LATER })])
    expect(write.open[0]).toMatchObject({ ...held, refs: held.refs + 5 })
    expect(write.report.counters).toMatchObject({ dirtiedPages: 0, sends: 5, splicedPieces: 5 })
    expectNothingLeft(write)
  })

  it('a page under writeback is stable; behind its end it is not', async () => {
    const write: TestRow = { op: 'write', iter: 'xarray', segs: 'f:0+8192', offset: 0, ts: 0, end: 100 }
    const event = (event: string, ts: number): TestRow => ({ event, iter: 'xarray', segs: 'f:0+4096', ts })
    expect((await on('6.12', [write, event('dirty', 20)])).report.violationsTotal).toBe(0)
    const broken = await on('6.12', [write, event('writeback_end', 10), event('dirty', 20)])
    expect(broken.report.violations.map(({ rule }) => rule)).toEqual(['modified-in-use'])
  })

  it('secure: the socket has pages of the client', async () => {
    const done = await seen('6.12', [bvec('write', '65536:0+8192')], { options: { msgr: 2 } })
    expect(done.open).toEqual([{ pins: 0, refs: 0, bytes: 3 * P + 3 * 8 }])
    expectNothingLeft(done)
  })
})

describe('clones', () => {
  const options = { clone: 1, 'object-size': 64 * KIB }

  it.each(ALL)('%s: a write copies its object up, and its data is sent twice', async (kernel) => {
    const done = await seen(kernel, [bvec('write', '65536:0+8192', 4 * KIB)], { options })
    expect(done.results).toEqual([8192])
    // 16 pages and their bvecs, the extent in the parent, and what the socket has of the second time.
    expect(done.open).toEqual([{ pins: 0, refs: 2, bytes: 16 * P + 16 * BVEC + 16 }])
    expect(done.report.counters).toMatchObject({ copyups: 1, copyupPages: 16, sends: 4, messages: 2 })
    expect(done.report.data).toEqual({ zeroCopyBytes: 8192, copiedBytes: 0 })
    expectNothingLeft(done)
  })

  it('a write of a whole object does not', async () => {
    const done = await on('6.12', [bvec('write', `65536:0+${96 * KIB}`)], { options })
    expect(done.report.counters).toMatchObject({ objectRequests: 2, copyups: 1, copyupPages: 16 })
    expectNothingLeft(done)
  })

  it('a read goes to the parent, into the same pages', async () => {
    const done = await on('6.12', [bvec('read', `65536:0+${96 * KIB}`)], { options })
    expect(done.report.counters).toMatchObject({ objectRequests: 2, parentReads: 2, copyupPages: 0 })
    expect(done.report.allocations).toMatchObject({ made: 2, bytes: 32 })
    // Smaller stripe units: two extents of the parent for two units, and an array for the child's request too.
    const fancy = await on('6.12', [bvec('read', `65536:0+${64 * KIB}`)], {
      options: { ...options, 'stripe-unit': 32 * KIB },
    })
    expect(fancy.report.allocations).toMatchObject({ made: 3, bytes: 16 * BVEC + 2 * 16 + 16 * BVEC })
    expectNothingLeft(fancy)
  })

  it('without memory for a page the request fails', async () => {
    const inject = { fault: 'alloc', at: 10 } as const
    const done = await on('6.12', [bvec('write', '65536:0+8192', 4 * KIB)], { options, inject })
    expect(done.results).toEqual([ENOMEM])
    expectNothingLeft(done)
  })
})

// consumers.md section 16: `rbd, loop`. User memory arrives as bios of the layer above, which holds it.
describe('ownership', () => {
  const cell = (kernel: KernelVersion, type: IterTypeName, op: 'read' | 'write') =>
    ownershipCell(rbd, kernel, type, [{ row: { op, offset: 0 }, bytes: 2 * P }])

  it.each(ALL)('%s', async (kernel) => {
    expect(await cell(kernel, 'bvec', 'read')).toBe('bare')
    // The references of the socket below.
    expect(await cell(kernel, 'bvec', 'write')).toBe('ref')
    expect(await cell(kernel, 'xarray', 'read')).toBe('bare')
    expect(await cell(kernel, 'folioq', 'read')).toBe(kernel === '6.1' ? 'n/a' : 'bare')
    expect(await cell(kernel, 'ubuf', 'read')).toBe(kernel === '6.1' ? 'ref' : 'pin')
    expect(await cell(kernel, 'kvec', 'read')).toBe('n/a')
    expect(await cell(kernel, 'discard', 'read')).toBe('n/a')
  })
})

describe('failures', () => {
  const rows = [
    user('read', 300 * KIB, { end: 50 }),
    user('write', 1100 * KIB, { offset: 3 * MIB, end: 60 }),
    bvec('write', '4096:512+3584;5000:0+512;6000:0+2048', 70, { end: 70 }),
    bvec('read', '4096:512+3584;5000:0+512;6000:0+2048', 70, { end: 70 }),
  ]
  const SETTINGS = {
    plain: {},
    fancy: { 'object-size': 64 * KIB, 'stripe-unit': 8192, 'stripe-count': 2 },
    clone: { clone: 1, 'object-size': 64 * KIB },
    'fancy clone': { clone: 1, 'object-size': 64 * KIB, 'stripe-unit': 8192 },
    secure: { msgr: 2, clone: 1, 'object-size': 64 * KIB },
    bounced: { rxbounce: 1 },
  }
  for (const kernel of ALL) {
    it.each(Object.entries(SETTINGS))(`${kernel}, %s: nothing is left after any of them`, async (_, options) => {
      expect((await sweepFaults(rbd, rows, { kernel, options }, 24)).unclean).toEqual([])
    })
  }
})
