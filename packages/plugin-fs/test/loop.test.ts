import { createReadStream } from 'node:fs'
import { type KernelVersion, KIND_SLAB, openTrace, Registry, replay } from '@pinscope/core'
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
import { loop } from '../src/loop/definition.ts'

// drivers/block/loop.c: the worked example LO1, requests out of bios, what the layer above holds meanwhile, 6.1's calls
// page by page, and pages that are modified while a request is in flight.

const A = 0x7f0000000000
const P = 4096
const KIB = 1024
const ALL = ['6.1', '6.12', '6.18', 'mainline'] as const
const BVEC = 16
const LATER = 1e6
const [EFAULT, EIO, EINVAL] = [-14, -5, -22] as const
const BUFFERED = { 'direct-io': 0 }

const on = (kernel: KernelVersion, rows: readonly TestRow[], options: RowsOptions = {}) =>
  replayRows(loop, rows, { kernel, ...options })

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

const bvec = (op: 'read' | 'write', segs: string, more: TestRow = {}): TestRow => ({ op, iter: 'bvec', segs, ...more })
const user = (op: 'read' | 'write', bytes: number, more: TestRow = {}): TestRow => ({
  op,
  iter: 'ubuf',
  segs: `0x${A.toString(16)}+${bytes}`,
  ...more,
})
/** The pages of a file of the file system that is on the device. */
const cached = (op: 'read' | 'write', bytes: number, more: TestRow = {}): TestRow => ({
  op,
  iter: 'xarray',
  segs: `file:0+${bytes}`,
  ...more,
})

const entries = ({ lists }: RowsResult) =>
  lists.map(({ entries }) => entries.map(({ offsetBytes, lengthBytes }) => [offsetBytes, lengthBytes]))

describe('LO1', () => {
  const row = bvec('read', '4096:512+3584;5000:0+512;6000:0+2048', { end: LATER })
  const vecs = [
    [
      [512, 3584],
      [0, 512],
      [0, 2048],
    ],
  ]

  it.each(ALL)('%s: of several bios, the bvecs are copied into one array', async (kernel) => {
    const done = await seen(kernel, [row], { options: { 'bio-vecs': 1 } })
    expect(done.results).toEqual([6144])
    expect(entries(done)).toEqual(vecs)
    expect(done.open).toEqual([{ pins: 0, refs: 0, bytes: 3 * BVEC }])
    expect(done.report.entries).toMatchObject({ built: 3, bytes: 3 * BVEC })
    expect(done.report.counters).toMatchObject({ bios: 3, requests: 1, copiedArrays: 1, bvecs: 3, lowerCalls: 1 })
    expect(done.report.data).toEqual({ zeroCopyBytes: 6144, copiedBytes: 0 })
    expect(done.report.avoided.copyBytes).toBe(6144)
    expectNothingLeft(done)
  })

  it.each(ALL)('%s: one bio lends its own', async (kernel) => {
    const done = await seen(kernel, [row])
    expect(entries(done)).toEqual(vecs)
    expect(done.open).toEqual([{ pins: 0, refs: 0, bytes: 0 }])
    expect(done.report.entries.built).toBe(0)
    expect(done.report.avoided).toMatchObject({ entries: 3, allocations: 1 })
    expect(done.report.counters).toMatchObject({ bios: 1, singleBioRequests: 1, copiedArrays: 0 })
    expectNothingLeft(done)
  })

  it.each(ALL)('%s: without memory for the array the request fails', async (kernel) => {
    const inject = { fault: 'alloc', at: 1 } as const
    const done = await on(kernel, [row], { options: { 'bio-vecs': 1 }, inject })
    expect(done.results).toEqual([EIO])
    expectNothingLeft(done)
  })
})

describe('requests', () => {
  it('128 segments of at most 64 KiB, and 1280 KiB', async () => {
    // 300 pages apart: a bio of 256 bvecs and one of 44. 128, 128 and 44 segments.
    const apart = Array.from({ length: 300 }, (_, i) => `${10000 + 2 * i}:0+4096`).join(';')
    const pages = await on('6.12', [bvec('read', apart)])
    expect(pages.report.counters).toMatchObject({ requests: 3, bios: 3, singleBioRequests: 3, bvecs: 300 })
    // One bvec of 3 MiB: 1280, 1280 and 512 KiB, which all begin or end inside it.
    const large = await on('6.12', [bvec('write', `65536:0+${3072 * KIB}`)])
    expect(large.report.counters).toMatchObject({ requests: 3, bios: 3, bvecs: 3 })
    expect(large.lists.map(({ entries }) => entries[0])).toMatchObject([
      { offsetBytes: 0, lengthBytes: 1280 * KIB },
      { offsetBytes: 1280 * KIB, lengthBytes: 1280 * KIB },
      { offsetBytes: 2560 * KIB, lengthBytes: 512 * KIB },
    ])
  })

  it('what follows in the plug joins, while there is room', async () => {
    // 100 bios of a page: one request. 200: two, of 128 and 72.
    const apart = (count: number) => Array.from({ length: count }, (_, i) => `${10000 + 2 * i}:0+4096`).join(';')
    const rows = [bvec('read', apart(100)), bvec('read', apart(200))]
    const done = await on('6.12', rows, { options: { 'bio-vecs': 1 } })
    expect(done.report.counters).toMatchObject({ requests: 3, bios: 300, copiedArrays: 3 })
    expect(done.report.entries.bytes).toBe(300 * BVEC)
    expectNothingLeft(done)
  })
})

describe('the layer above', () => {
  it.each(ALL)('%s: direct I/O holds user memory, until the request is over', async (kernel) => {
    const done = await seen(kernel, [user('read', 5 * P, { end: LATER })])
    expect(done.open[0]).toMatchObject(kernel === '6.1' ? { pins: 0, refs: 5 } : { pins: 5, refs: 0 })
    expect(done.report.counters).toMatchObject({ dirtiedPages: 5, requests: 1, bios: 1 })
    expect(done.report.bare.pages).toBe(0)
    expectNothingLeft(done)
  })

  it.each(ALL)('%s: a page that cannot be had fails the operation', async (kernel) => {
    const map: TestRow = { event: 'map', segs: `0x${(A + P).toString(16)}+4096`, backing: 'anon', flags: 'prot_none' }
    const iovec: TestRow = {
      op: 'write',
      iter: 'iovec',
      segs: `0x${(A + P).toString(16)}+4096`,
    }
    const done = await on(kernel, [map, iovec])
    expect(done.results).toEqual([EFAULT])
    expectNothingLeft(done)
  })

  it.each(ALL)('%s: 2 MiB of pages are two bios and four requests', async (kernel) => {
    const done = await on(kernel, [user('write', 2048 * KIB)])
    expect(done.report.counters).toMatchObject({ bios: 4, requests: 4, singleBioRequests: 4, bvecs: 512 })
    expectNothingLeft(done)
  })

  it.each(ALL)('%s: a bvec a folio of the page cache, and nothing taken', async (kernel) => {
    for (const iter of ['xarray', 'folioq'] as const) {
      if (kernel === '6.1' && iter === 'folioq') continue
      const done = await on(kernel, [cached('write', 5 * P, { iter })])
      expect(done.report.counters).toMatchObject({ bvecs: 5, bios: 1 })
      expect([done.report.pins.acquired, done.report.refs.acquired]).toEqual([0, 0])
      expectNothingLeft(done)
    }
  })
})

describe('a buffered file below', () => {
  it('6.1: a call and a bvec for each page, and no array', async () => {
    const row = bvec('read', '4096:512+7680;5000:0+512')
    const done = await on('6.1', [row], { options: { ...BUFFERED, 'bio-vecs': 1 } })
    // 3584 and 4096 bytes of the first bvec, 512 of the second.
    expect(done.report.counters).toMatchObject({ lowerCalls: 3, bvecs: 3, copiedArrays: 0, singleBioRequests: 0 })
    expect(done.report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 8192 })
    expect(done.report.allocations?.made ?? 0).toBe(0)
    expectNothingLeft(done)
  })

  it.each(['6.12', '6.18', 'mainline'] as const)('%s: one call, over the array', async (kernel) => {
    const row = bvec('read', '4096:512+7680;5000:0+512')
    const done = await on(kernel, [row], { options: { ...BUFFERED, 'bio-vecs': 1 } })
    expect(done.report.counters).toMatchObject({ lowerCalls: 1, bvecs: 2, copiedArrays: 1 })
    expect(done.report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 8192 })
    expectNothingLeft(done)
  })
})

describe('pages that are modified while a request is in flight', () => {
  const request = cached('write', 2 * P, { file: 'image', ts: 0, end: 100 })
  const event = (event: string, ts: number): TestRow => ({ event, iter: 'xarray', segs: 'file:4096+4096', ts })
  const broken = async (rows: readonly TestRow[], kernel: KernelVersion = '6.12') => {
    const { report } = await on(kernel, rows)
    return report.violations.map(({ rule }) => rule)
  }

  it.each(ALL)('%s: a writer waits for the lock', async (kernel) => {
    expect(await broken([request, event('dirty', 20)], kernel)).toEqual([])
    expect(await broken([request, event('mkwrite', 20)], kernel)).toEqual([])
  })

  it.each(ALL)('%s: behind an unlock it does not', async (kernel) => {
    for (const end of ['unlock', 'writeback_end']) {
      for (const modify of ['dirty', 'mkwrite']) {
        const rows = [request, event(end, 10), event(modify, 20)]
        expect(await broken(rows, kernel)).toEqual(['modified-in-use'])
      }
    }
  })

  it('nor when the request is over, or reads', async () => {
    expect(await broken([request, event('unlock', 10), event('dirty', 120)])).toEqual([])
    expect(await broken([{ ...request, op: 'read' }, event('unlock', 10), event('dirty', 20)])).toEqual([])
  })

  it('a page that is freed is no one’s to write', async () => {
    expect(await broken([request, event('free', 20)])).toEqual(['use-after-free'])
  })
})

describe('traces/made/loop-unlocked.csv', () => {
  const PATH = 'traces/made/loop-unlocked.csv'
  const open = () => openTrace(createReadStream(new URL(`../../../${PATH}`, import.meta.url)), PATH)

  it.each(ALL)('%s: rows 4 and 8 modify what is in use, and no other', async (kernel) => {
    const registry = new Registry()
    registry.register('the tested package', { apiVersion: loop.apiVersion, consumers: [loop] })
    const options = { registry, policies: null, consumers: ['loop'], kernel, consumerOptions: {}, inFlight: false }
    const { lanes } = await replay(await open(), options)
    const [lane] = lanes
    expect(lane?.violations.map(({ rule, row, takenRow, pages }) => [rule, row, takenRow, pages])).toEqual([
      ['modified-in-use', 4, 1, 1],
      ['modified-in-use', 8, 6, 2],
    ])
    expect([lane?.operations, lane?.errors, lane?.pins.acquired, lane?.refs.acquired]).toEqual([4, 0, 0, 0])
  })
})

// consumers.md section 16: `rbd, loop`. User memory arrives as bios of the layer above, which holds it.
describe('ownership', () => {
  const shapes = (op: 'read' | 'write') => [{ row: { op, offset: 0 }, bytes: 2 * P }]
  const cell = (kernel: KernelVersion, type: IterTypeName) => ownershipCell(loop, kernel, type, shapes('write'))

  it.each(ALL)('%s', async (kernel) => {
    const above = kernel === '6.1' ? 'ref' : 'pin'
    expect(await cell(kernel, 'ubuf')).toBe(above)
    expect(await cell(kernel, 'iovec')).toBe(above)
    expect(await cell(kernel, 'bvec')).toBe('bare')
    expect(await ownershipCell(loop, kernel, 'bvec', shapes('read'))).toBe('bare')
    expect(await cell(kernel, 'xarray')).toBe('bare')
    expect(await cell(kernel, 'folioq')).toBe(kernel === '6.1' ? 'n/a' : 'bare')
    expect(await cell(kernel, 'kvec')).toBe('n/a')
    expect(await cell(kernel, 'discard')).toBe('n/a')
  })

  it('what cannot arrive is refused', async () => {
    const done = await on('6.12', [{ op: 'write', iter: 'kvec', segs: '0x888000000000+4096' }])
    expect(done.results).toEqual([EINVAL])
  })

  it('slab pages of the layer above are as good as others', async () => {
    const prepare = ({ memory }: Lane) => {
      memory.pages.pageOfFrame(4096, KIND_SLAB)
    }
    const done = await on('6.12', [bvec('write', '4096:0+4096')], { prepare })
    expect(done.results).toEqual([P])
  })
})

describe('failures', () => {
  const rows = [
    user('read', 300 * KIB, { end: 50 }),
    user('write', 2048 * KIB, { end: 60 }),
    bvec('read', '4096:512+3584;5000:0+512;6000:0+2048', { end: 70 }),
    cached('write', 20000, { end: 80 }),
  ]
  for (const kernel of ALL) {
    for (const options of [{}, BUFFERED, { 'bio-vecs': 1 }, { ...BUFFERED, 'bio-vecs': 7 }]) {
      it(`${kernel}, ${JSON.stringify(options)}: nothing is left after any of them`, async () => {
        const sweep = await sweepFaults(loop, rows, { kernel, options })
        expect(sweep.steps.page).toBeGreaterThan(500)
        expect(sweep.unclean).toEqual([])
      })
    }
  }
})
