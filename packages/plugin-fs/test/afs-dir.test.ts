import { createReadStream, readFileSync } from 'node:fs'
import {
  CONSUMER_API_VERSION,
  KERNEL_VERSIONS,
  type KernelVersion,
  KIND_FILE,
  openTrace,
  Registry,
  replay,
} from '@pinscope/core'
import { ownershipCell, type RowsOptions, replayRows, sweepFaults, type TestRow } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { WAYS } from '../src/afs-dir/cached-pages.ts'
import { afsDir } from '../src/afs-dir/definition.ts'

const P = 4096
const OLD = ['6.1', '6.12'] as const
const NEW = ['6.18', 'mainline'] as const

/** A listing of a directory of so many bytes. */
const list = (bytes: number, more: TestRow = {}): TestRow => ({
  op: 'read',
  iter: 'xarray',
  segs: `dir:0+${bytes}`,
  file: 'dir',
  ...more,
})
const edit: TestRow = { op: 'write', iter: 'ubuf', segs: '0x7f0000000000+64', file: 'dir' }
const truncate = (ts: number): TestRow => ({ ts, event: 'truncate', file: 'dir', offset: 0 })

const on = (kernel: KernelVersion, rows: readonly TestRow[], options: RowsOptions = {}) =>
  replayRows(afsDir, rows, { kernel, ...options })
const way = (name: (typeof WAYS)[number]) => ({ options: { way: WAYS.indexOf(name) } })
const rules = ({ violations }: Awaited<ReturnType<typeof on>>['report']) => violations.map(({ rule }) => rule)

describe.each(OLD)('%s: in the page cache', (kernel) => {
  it('AF1: 9000 bytes are 3 pages, 3 references, and 3 puts when the listing is over', async () => {
    const { report, results } = await on(kernel, [list(9000, { end: 10 })])
    expect(results).toEqual([9000])
    expect(report).toMatchObject({
      refs: { acquired: 3, released: 3, open: 0, peak: 3 },
      pins: { acquired: 0 },
      data: { copiedBytes: 9000, zeroCopyBytes: 0 },
      counters: { listings: 1, reloads: 1, filledFolios: 3, lostReferences: 0 },
    })
  })

  it('what is valid is not fetched again, but referenced; a longer directory is', async () => {
    const { report } = await on(kernel, [list(9000), list(9000), list(20_000)])
    expect(report.counters).toMatchObject({ listings: 3, reloads: 2, filledFolios: 5 })
    expect(report.refs).toMatchObject({ acquired: 3 + 3 + 5, released: 11 })
    expect(report.data).toEqual({ copiedBytes: 9000 + 20_000, zeroCopyBytes: 9000 })
  })

  it('references its own pages, also while the page store grows under it', async () => {
    const large = { op: 'read', iter: 'ubuf', segs: '0x7f0000000000+2097152', end: 100 } as const
    const rows = ['a', 'b', 'c', 'd'].map((file) => ({ ...large, file }))
    let held: readonly number[] = []
    const { report } = await on(kernel, rows, {
      afterRow: ({ pages }) => {
        const rows = Array.from({ length: pages.length }, (_, row) => row)
        held = rows.filter((row) => pages.kindOf(row) === KIND_FILE).map((row) => pages.refcountOf(row))
      },
    })
    // The page cache's and the listing's, on each of 2048 pages.
    expect(held).toEqual(held.map(() => 2))
    expect(held).toHaveLength(2048)
    expect(report.refs).toMatchObject({ acquired: 2048, released: 2048, peak: 2048 })
  })

  it('a folio has one reference, however many pages it is', async () => {
    const { report } = await on(kernel, [list(64 * 1024)], {
      prepare: ({ memory }) => {
        memory.cache.order = 2
      },
    })
    expect(report.refs).toMatchObject({ acquired: 4, released: 4 })
  })

  it('a directory of less than a block is bad, one of more than 2 MiB too large; nothing is taken', async () => {
    const { report, results } = await on(kernel, [list(2047), list(2048), list(2 ** 21), list(2 ** 21 + 1)])
    expect(results).toEqual([-5, 2048, 2 ** 21, -27])
    expect(report.refs).toMatchObject({ acquired: 1 + 512, released: 513 })
    expect(report.allocations).toMatchObject({ made: 4, openBytes: 0 })
  })

  it("the folios are taken out meanwhile: by references they are kept and not the file's, and nobody puts them", async () => {
    const { report } = await on(kernel, [list(9000, { end: 1000 }), truncate(500)])
    expect(rules(report)).toEqual(['truncate-in-use'])
    expect(report.violations[0]).toMatchObject({ pages: 3, retention: 'ref' })
    expect(report.counters).toMatchObject({ lostReferences: 3, strayPuts: 0 })
    expect(report.refs).toMatchObject({ acquired: 3, released: 0, open: 3 })
  })

  it('without the quirk what was referenced is put', async () => {
    const quirks = [{ name: 'afs-dir-put-by-index', on: false }]
    const { report } = await on(kernel, [list(9000, { end: 1000 }), truncate(500)], { quirks })
    expect(rules(report)).toEqual(['truncate-in-use'])
    expect(report.counters).toMatchObject({ lostReferences: 0 })
    expect(report.refs).toMatchObject({ acquired: 3, released: 3, open: 0 })
  })

  it('what took their place is put once too often', async () => {
    const rows = [list(9000, { end: 1000 }), truncate(300), list(9000, { ts: 500, end: 800 })]
    const { report } = await on(kernel, rows)
    expect(rules(report)).toEqual(['truncate-in-use', 'double-release'])
    expect(report.violations[1]).toMatchObject({ pages: 3, releasedAs: 'ref' })
    expect(report.counters).toMatchObject({ lostReferences: 3, strayPuts: 3, reloads: 2, filledFolios: 6 })
    expect(report.refs).toMatchObject({ acquired: 6, released: 3, open: 3 })
  })

  it('by nothing they may be something else by then', async () => {
    const { report } = await on(kernel, [list(9000, { end: 1000 }), truncate(500)], way('bare'))
    expect(rules(report)).toEqual(['truncate-in-use'])
    expect(report.violations[0]).toMatchObject({ pages: 3, retention: 'none' })
    expect(report).toMatchObject({ refs: { acquired: 0 }, bare: { pages: 3 }, counters: { lostReferences: 0 } })
  })

  it('by their locks they stay, as long as these are held', async () => {
    const rows = [list(9000, { end: 1000 }), truncate(500)]
    expect(rules((await on(kernel, rows, way('locked'))).report)).toEqual([])
    const unlock: TestRow = { ts: 400, event: 'unlock', file: 'dir' }
    const opened = [rows[0]!, unlock, rows[1]!]
    expect(rules((await on(kernel, opened, way('locked'))).report)).toEqual(['truncate-in-use'])
  })

  it('a listing after it finds holes: it fills them, and fetches the directory', async () => {
    const { report } = await on(kernel, [list(9000), truncate(500), list(9000, { ts: 600 })])
    expect(report.counters).toMatchObject({ reloads: 2, filledFolios: 6, lostReferences: 0 })
    expect(report.refs).toMatchObject({ acquired: 6, released: 6 })
  })

  it('an entry is added block by block, with the first folio held; not where the directory is not valid', async () => {
    // 9 blocks: two in the first folio, and seven more, each of which looks for its folio.
    const { report, results } = await on(kernel, [edit, list(9 * 2048), edit])
    expect(results).toEqual([64, 9 * 2048, 64])
    expect(report.refs).toMatchObject({ acquired: 5 + 1 + 7, released: 13, peak: 5 })
    expect(report.counters).toMatchObject({ edits: 1, skippedEdits: 1 })
    const lost = await on(kernel, [list(9 * 2048), truncate(10), { ...edit, ts: 20 }, list(9 * 2048, { ts: 30 })])
    expect(lost.report.counters).toMatchObject({ edits: 0, skippedEdits: 1, reloads: 2 })
  })
})

describe.each(NEW)('%s: in a folio queue of its own', (kernel) => {
  it('takes nothing on any page, and its folios are as large as what is left asks for', async () => {
    const { report } = await on(kernel, [list(9000, { end: 10 }), list(9000, { end: 20 }), list(20_000)])
    expect(report).toMatchObject({
      refs: { acquired: 0 },
      pins: { acquired: 0 },
      data: { copiedBytes: 29_000, zeroCopyBytes: 9000 },
      counters: { listings: 3, reloads: 2, queuedFolios: 3 },
    })
    // 8 KiB and 4 KiB, then 8 KiB more; a segment of 31 folios; two requests of netfs, each with its subrequest.
    expect(report.allocations).toMatchObject({ made: 3 + 1 + 4, bytes: 5 * P + 328 + 2 * (608 + 144), openBytes: 0 })
  })

  it('the page cache is truncated: nothing of it is in use', async () => {
    for (const name of WAYS) {
      const { report } = await on(kernel, [list(9000, { end: 1000 }), truncate(500)], way(name))
      expect([rules(report), report.counters.lostReferences]).toEqual([[], 0])
    }
  })

  it('the largest directory is one folio of 2 MiB', async () => {
    const { report, results } = await on(kernel, [
      list(2 ** 21),
      list(2 ** 21 + 1),
      list(2047, { segs: 'other:0+2047' }),
    ])
    expect(results).toEqual([2 ** 21, -27, -5])
    expect(report.counters).toMatchObject({ queuedFolios: 1 })
  })

  it('an entry is added where its block lies', async () => {
    const { report } = await on(kernel, [edit, list(9 * 2048), edit])
    expect(report).toMatchObject({ refs: { acquired: 0 }, counters: { edits: 1, skippedEdits: 1 } })
  })
})

describe.each(KERNEL_VERSIONS)('%s', (kernel) => {
  it('any row lists a directory of its size, in whole blocks of at most 2 MiB', async () => {
    const rows: TestRow[] = [
      { op: 'read', iter: 'ubuf', segs: '0x7f0000000000+5000', file: 'a' },
      { op: 'read', iter: 'ubuf', segs: '0x7f0000000000+4194304', file: 'b' },
      { op: 'read', iter: 'kvec', segs: '0x80000000+2048' },
    ]
    const { report, results } = await on(kernel, rows)
    expect(results).toEqual([5000, 2 ** 21, 2048])
    expect(report.counters).toMatchObject({ adjustedSizes: 2, reloads: 3 })
    if (kernel === '6.1' || kernel === '6.12')
      expect(report.refs).toMatchObject({ acquired: 2 + 512 + 1, released: 515 })
  })

  it("the server's error, at once or in the end: the directory is not valid after it", async () => {
    const { report, results } = await on(kernel, [
      list(9000, { result: -5 }),
      list(9000, { result: -5, end: 10 }),
      list(9000, { ts: 20 }),
      list(9000, { ts: 30 }),
    ])
    expect(results).toEqual([-5, 9000, 9000, 9000])
    expect(report.counters).toMatchObject({ reloads: 3 })
    expect(report.refs.acquired).toBe(report.refs.released)
  })

  it.each(WAYS)('leaves nothing after any step that fails: %s', async (name) => {
    const rows: TestRow[] = [
      list(9000, { end: 10 }),
      list(2 ** 20, { ts: 20, end: 30 }),
      { ...edit, ts: 40 },
      { op: 'read', iter: 'ubuf', segs: '0x7f0000000000+300000', file: 'b', ts: 50 },
    ]
    const sweep = await sweepFaults(afsDir, rows, { kernel, ...way(name) }, 32)
    expect(sweep.unclean).toEqual([])
    for (const kind of ['alloc', 'copy', 'complete'] as const) expect(sweep.steps[kind]).toBeGreaterThan(0)
  })

  it('what is taken', async () => {
    const shapes = [
      { row: { op: 'read', file: 'file' }, bytes: 8192 },
      { row: { op: 'read', file: 'file', ts: 10 }, bytes: 8192, before: [list(8192, { segs: 'file:0+8192' })] },
    ] as const
    const isOld = kernel === '6.1' || kernel === '6.12'
    // Fetched, and valid: then it is walked where it is.
    expect(await ownershipCell(afsDir, kernel, 'xarray', shapes)).toBe(isOld ? 'ref + copy or ref' : 'copy or nothing')
    const bare = shapes.map((shape) => ({ ...shape, ...way('bare') }))
    expect(await ownershipCell(afsDir, kernel, 'xarray', bare.slice(1))).toBe(isOld ? 'bare' : 'nothing')
  })
})

// What the slow twin (twin-afs-dir.test.ts) found.
describe.each(KERNEL_VERSIONS)('%s: when a directory is valid', (kernel) => {
  it('none whose size is no whole number of blocks, or 1023 of them, is edited; it is fetched again', async () => {
    for (const [bytes, edits] of [
      [9000, 0],
      [9 * 2048, 1],
      [1022 * 2048, 1],
      [1023 * 2048, 0],
      [1024 * 2048, 0],
    ] as const) {
      const { report } = await on(kernel, [list(bytes), edit, list(bytes)])
      expect(report.counters, `${bytes}`).toMatchObject({ edits, skippedEdits: 1 - edits, reloads: 2 - edits })
    }
  })

  it('not when it has grown and the fetch failed', async () => {
    const { report } = await on(kernel, [list(9000), list(9100, { result: -5 }), list(9000)])
    expect(report.counters).toMatchObject({ reloads: 3 })
  })

  it('a fetch that fails does not make that of the next one invalid, who waited for it', async () => {
    const rows = [list(9000, { result: -5, end: 100 }), list(9000, { ts: 10 }), list(9000, { ts: 200 })]
    const { report } = await on(kernel, rows)
    expect(report.counters).toMatchObject({ reloads: 2 })
  })

  it('not when any folio left the cache, also one beyond what is listed', async () => {
    const cut: TestRow = { ts: 10, event: 'truncate', file: 'dir', offset: 2 * P }
    const { report } = await on(kernel, [list(20_000), cut, { ...edit, ts: 20 }, list(8192, { ts: 30 })])
    const isOld = kernel === '6.1' || kernel === '6.12'
    // Since 6.14 it is not in the page cache; 20000 bytes are no whole number of blocks either way.
    expect(report.counters).toMatchObject({ edits: 0, reloads: 2, filledFolios: isOld ? 5 : 0 })
    const short = await on(kernel, [list(5 * P), cut, list(8192, { ts: 30 })])
    expect(short.report.counters).toMatchObject({ reloads: isOld ? 2 : 1 })
  })
})

describe('traces/made/afs-dir-truncate.csv', () => {
  const url = new URL('../../../traces/made/afs-dir-truncate.csv', import.meta.url)
  const replayed = async (kernel: KernelVersion, name: (typeof WAYS)[number]) => {
    const registry = new Registry()
    registry.register('the tested package', { apiVersion: CONSUMER_API_VERSION, consumers: [afsDir] })
    const { lanes } = await replay(await openTrace(createReadStream(url), 'afs-dir-truncate.csv'), {
      registry,
      policies: null,
      consumers: null,
      kernel,
      consumerOptions: { 'afs-dir': { way: WAYS.indexOf(name) } },
      inFlight: false,
    })
    return lanes[0]!
  }

  it.each([
    ['6.1', 'refs', 1, 3],
    ['6.12', 'refs', 1, 3],
    ['6.12', 'bare', 1, 0],
    ['6.12', 'locked', 0, 0],
    ['6.18', 'refs', 0, 0],
    ['mainline', 'refs', 0, 0],
  ] as const)('%s, %s: %d violation, %d references lost', async (kernel, name, violations, lost) => {
    const lane = await replayed(kernel, name)
    expect(lane.violations.map(({ rule }) => rule)).toEqual(violations === 1 ? ['truncate-in-use'] : [])
    expect(lane.counters.lostReferences).toBe(lost)
    expect(lane.refs.open).toBe(lost)
    expect(lane.operations).toBe(3)
  })

  it('says which kernel it is about', () => {
    expect(readFileSync(url, 'utf8')).toContain('# kernel 6.12\n')
  })
})
