import { describe, expect, it } from 'vitest'
import { laneOf, reportOf } from './support/replay-rows.ts'
import type { RowSpec } from './support/rows.ts'

const A = 0x7f0000000000
const map: RowSpec = { event: 'map', segs: [[A, 1 << 20]], backing: 'anon' }

describe('what a trace can show to be wrong', () => {
  it('an operation that never completes leaks the pins of its pages', async () => {
    const lane = await laneOf([map, { op: 'read', segs: [[A + 100 * 512, 8192]], end: 'never', ts: 5000 }])
    expect(lane.leaksTotal).toBe(1)
    expect(lane.leaks[0]).toMatchObject({ row: 2, op: 1, retention: 'pin', pages: 3, sinceNs: 5000, consumer: 'bio' })
    expect(lane.pins).toMatchObject({ acquired: 3, released: 0, open: 3, longTerm: 0 })
  })

  it('is numbered among all operations of the file, also in a lane that later rows opened', async () => {
    const { lanes } = await reportOf([
      map,
      { op: 'read', segs: [[A, 4096]], consumer: 'buffered' },
      { op: 'read', segs: [[A, 4096]], consumer: 'buffered' },
      { op: 'read', segs: [[A, 4096]], end: 'never' },
    ])
    expect(lanes.map(({ consumer }) => consumer)).toEqual(['buffered', 'bio'])
    expect(lanes[1]?.leaks[0]).toMatchObject({ row: 4, op: 3 })
  })

  it('--in-flight takes it as cut off', async () => {
    const lane = await laneOf([map, { op: 'read', segs: [[A, 8192]], end: 'never' }], { inFlight: true })
    expect(lane).toMatchObject({ leaksTotal: 0, inFlight: 1, pins: { open: 2 } })
  })

  it('one released by an event and again by its completion', async () => {
    const lane = await laneOf([
      map,
      { op: 'write', segs: [[A, 8192]], ts: 1000, end: 9000, id: 'w' },
      { event: 'unpin', id: 'w', ts: 2000 },
    ])
    expect(lane.violations).toHaveLength(1)
    expect(lane.violations[0]).toMatchObject({
      rule: 'double-release',
      row: 2,
      takenRow: 2,
      pages: 2,
      retention: 'pin',
      consumer: 'bio',
    })
    expect(lane.leaksTotal).toBe(0)
  })

  it('one released again after its completion', async () => {
    const lane = await laneOf([
      map,
      { op: 'write', segs: [[A, 8192]], ts: 1000, end: 1500, id: 'w' },
      { event: 'unpin', id: 'w', ts: 2000 },
    ])
    expect(lane.violations).toMatchObject([
      { rule: 'double-release', row: 3, takenRow: 2, pages: 2, retention: 'pin', releasedAs: 'pin' },
    ])
  })

  it('put_page() of a pin: the wrong kind, and the pin stays', async () => {
    const lane = await laneOf([
      map,
      { op: 'write', segs: [[A, 8192]], ts: 1000, end: 'never', id: 'w' },
      { event: 'put', id: 'w', ts: 2000 },
    ])
    expect(lane.violations).toMatchObject([
      { rule: 'wrong-kind-release', row: 3, takenRow: 2, pages: 2, retention: 'pin', releasedAs: 'ref' },
    ])
    expect(lane.leaks).toMatchObject([
      { row: 2, pages: 2, retention: 'pin', reason: 'released the wrong way, so still held' },
    ])
  })

  it('recorded reference events, by id and by pages', async () => {
    const lane = await laneOf([
      map,
      { event: 'pin', id: 'a', segs: [[A, 12288]] },
      { event: 'get', segs: [[A, 4096]] },
      { event: 'put', segs: [[A, 4096]] },
      { event: 'unpin', id: 'a' },
      { event: 'unpin', id: 'a' },
      { event: 'put', segs: [[A, 4096]] },
      { event: 'unpin', id: 'nobody' },
    ])
    expect(lane.pins).toMatchObject({ acquired: 3, released: 3, open: 0, peak: 3 })
    expect(lane.refs).toMatchObject({ acquired: 1, released: 1, open: 0, peak: 1 })
    expect(lane.violations.map(({ rule, row, takenRow, pages }) => [rule, row, takenRow, pages])).toEqual([
      ['double-release', 6, 2, 3],
      ['double-release', 7, 3, 1],
      ['unknown-release', 8, 0, 0],
    ])
  })
})

describe('four policies over one trace', () => {
  const rows: RowSpec[] = [
    { event: 'map', segs: [[A, 1 << 22]], backing: 'thp' },
    { op: 'read', segs: [[A, 65536]], end: 1e6 },
    { op: 'write', segs: [[A, 32768]], end: 1e6 },
    { op: 'read', iter: 'kvec', segs: [[0x888000000000, 8192]], end: 1e6 },
    { op: 'read', iter: 'bvec', segs: [[500, 0, 4096]], end: 1e6 },
  ]
  const under = (policy: string) => laneOf(rows, { policies: [policy], consumers: ['null'] })

  it('get-pages: a reference on everything, KVEC refused', async () => {
    const lane = await under('get-pages')
    expect(lane).toMatchObject({
      errors: 1,
      pins: { acquired: 0 },
      refs: { acquired: 25 },
      bare: { pages: 0 },
      refOps: 50,
    })
  })

  it('viro-2022: pins only where data arrives', async () => {
    const lane = await under('viro-2022')
    expect(lane).toMatchObject({ errors: 0, pins: { acquired: 16 }, refs: { acquired: 8 }, bare: { pages: 3 } })
  })

  it('extract: pins in both directions', async () => {
    const lane = await under('extract')
    expect(lane).toMatchObject({
      errors: 0,
      pins: { acquired: 24 },
      refs: { acquired: 0 },
      bare: { pages: 3 },
      refOps: 48,
    })
  })

  it('folio: one reference operation a run of a folio', async () => {
    const lane = await under('folio')
    expect(lane).toMatchObject({ errors: 0, pins: { acquired: 2 }, bare: { pages: 3 }, refOps: 4 })
  })
})

describe('memory', () => {
  it('a write from never-touched anonymous memory pins nothing: it is the zero page', async () => {
    const rows: RowSpec[] = [
      { ...map, flags: ['untouched'] },
      { op: 'write', segs: [[A, 65536]] },
    ]
    expect((await laneOf(rows)).pins).toMatchObject({ acquired: 0, released: 0 })
  })

  it('a read into it gets fresh pages, which a later write pins', async () => {
    const rows: RowSpec[] = [
      { ...map, flags: ['untouched'] },
      { op: 'write', segs: [[A, 65536]] },
      { op: 'read', segs: [[A, 65536]] },
      { op: 'write', segs: [[A, 65536]] },
    ]
    expect((await laneOf(rows)).pins).toMatchObject({ acquired: 32, released: 32 })
  })

  it('PROT_NONE half way: the pages before it are pinned and released', async () => {
    const rows: RowSpec[] = [
      map,
      { event: 'map', segs: [[A + 8192, 8192]], backing: 'anon', flags: ['prot_none'] },
      { op: 'read', segs: [[A, 16384]] },
    ]
    const device = await laneOf(rows)
    expect(device).toMatchObject({ pins: { acquired: 2, released: 2 }, errors: 0, bytes: 8192 })
    const ext4 = await laneOf(rows, {}, { filesystem: 'ext4' })
    expect(ext4).toMatchObject({ pins: { acquired: 2, released: 2 }, errors: 1, bytes: 0 })
  })

  it('registering 2 MiB of huge page: 512 pins, 511 dropped at once from 6.12 on, none on 6.1', async () => {
    const rows: RowSpec[] = [
      { event: 'map', segs: [[A, 1 << 22]], backing: 'thp' },
      { event: 'register', id: 'b', segs: [[A, 1 << 21]] },
      { op: 'read', segs: [[A + 4096, 65536]], flags: ['fixed', 'direct'], id: 'b', end: 1e6 },
    ]
    const late = await laneOf(rows)
    expect(late).toMatchObject({
      pins: { acquired: 512, released: 511, open: 1, longTerm: 1 },
      leaksTotal: 0,
      bytes: 65536,
    })
    expect(late.counters).toMatchObject({ biosAdopted: 1 })
    const early = await laneOf(rows, { kernel: '6.1' })
    expect(early.pins).toMatchObject({ acquired: 512, released: 0, open: 512, longTerm: 512 })
  })

  it('a fixed operation outside of its registration is -EFAULT', async () => {
    const rows: RowSpec[] = [
      map,
      { event: 'register', id: 'b', segs: [[A, 8192]] },
      { op: 'read', segs: [[A + 4096, 8192]], flags: ['fixed', 'direct'], id: 'b' },
    ]
    expect(await laneOf(rows)).toMatchObject({ errors: 1, pins: { acquired: 2, longTerm: 2 } })
  })
})
