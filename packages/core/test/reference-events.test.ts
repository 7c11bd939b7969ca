import { describe, expect, it } from 'vitest'
import { laneOf } from './support/replay-rows.ts'
import type { RowSpec } from './support/rows.ts'

const A = 0x7f0000000000
const MAP: RowSpec = { event: 'map', segs: [[A, 1 << 26]], backing: 'thp' }

function event(name: 'pin' | 'get' | 'unpin' | 'put', pages = 1): RowSpec {
  return { event: name, segs: [[A, pages * 4096]] }
}

async function violationsOf(...rows: RowSpec[]) {
  const lane = await laneOf([MAP, ...rows], { consumers: ['null'] })
  const violations = lane.violations.map(({ rule, row, takenRow }) => [rule, row, takenRow])
  return { violations, pins: lane.pins.open, refs: lane.refs.open }
}

describe('reference events without an id, by their pages', () => {
  it('the last one taken the same way is let go first', async () => {
    const got = await violationsOf(
      event('pin'),
      event('get'),
      event('pin'),
      event('unpin'),
      event('put'),
      event('unpin'),
    )
    expect(got).toEqual({ violations: [], pins: 0, refs: 0 })
  })

  it('with none taken that way it is the last one held, let go the wrong way', async () => {
    const got = await violationsOf(event('get'), event('get'), event('unpin'))
    expect(got).toEqual({ violations: [['wrong-kind-release', 4, 3]], pins: 0, refs: 2 })
  })

  it('once more than was taken: a double release of what was let go last', async () => {
    const twice = await violationsOf(event('pin'), event('unpin'), event('pin'), event('unpin'), event('unpin'))
    expect(twice.violations).toEqual([['double-release', 6, 4]])
    const nested = await violationsOf(event('pin'), event('pin'), event('unpin'), event('unpin'), event('unpin'))
    expect(nested.violations).toEqual([['double-release', 6, 2]])
  })

  it('of other pages: unknown', async () => {
    const got = await violationsOf(event('pin', 2), { event: 'unpin', segs: [[A + 8192, 4096]] })
    expect(got).toEqual({ violations: [['unknown-release', 3, 0]], pins: 2, refs: 0 })
  })

  // unpin_user_folio is called once a page where pin_user_pages_fast was called once: traces/formats/ftrace-sgio-6.12.txt.
  it('page by page, in any order: each out of what has it', async () => {
    const each = [2, 0, 3, 1].map((at): RowSpec => ({ event: 'unpin', segs: [[A + at * 4096, 4096]] }))
    const got = await violationsOf(event('pin', 4), ...each)
    expect(got).toEqual({ violations: [], pins: 0, refs: 0 })
    const again = await violationsOf(event('pin', 4), ...each, each[0]!)
    expect(again).toEqual({ violations: [['double-release', 7, 2]], pins: 0, refs: 0 })
  })

  it('several rows that took, one that lets go', async () => {
    const pinOf = (at: number): RowSpec => ({ event: 'pin', segs: [[A + at * 4096, 4096]] })
    const got = await violationsOf(pinOf(0), pinOf(1), pinOf(1), event('unpin', 2), {
      event: 'unpin',
      segs: [[A + 4096, 4096]],
    })
    expect(got).toEqual({ violations: [], pins: 0, refs: 0 })
  })

  it('a page of several taken the other way: that one is let go the wrong way, and can still be let go the right way', async () => {
    const put: RowSpec = { event: 'put', segs: [[A + 4096, 4096]] }
    const got = await violationsOf(event('pin', 3), put)
    expect(got).toEqual({ violations: [['wrong-kind-release', 3, 2]], pins: 3, refs: 0 })
    const mended = await violationsOf(event('pin', 3), put, event('unpin', 3))
    expect(mended).toEqual({ violations: [['wrong-kind-release', 3, 2]], pins: 0, refs: 0 })
  })
})

describe('with an id and segments: the pages that these name', () => {
  const of = (name: 'pin' | 'unpin', at: number, pages: number): RowSpec => ({
    event: name,
    id: 'a',
    segs: [[SMALL + at * 4096, pages * 4096]],
  })
  const SMALL = 0x100000
  const frames = (name: 'pin' | 'unpin', first: number, pages: number): RowSpec => ({
    event: name,
    id: 'a',
    iter: 'bvec',
    segs: [[first, 0, pages * 4096]],
  })

  it('in parts, in any order', async () => {
    const got = await violationsOf(of('pin', 0, 4), of('unpin', 1, 2), of('unpin', 3, 1), of('unpin', 0, 1))
    expect(got).toEqual({ violations: [], pins: 0, refs: 0 })
  })

  it('one page twice: a double release, and another one is left', async () => {
    const got = await violationsOf(of('pin', 0, 2), of('unpin', 0, 1), of('unpin', 0, 1))
    expect(got).toEqual({ violations: [['double-release', 4, 2]], pins: 1, refs: 0 })
    const atOnce: RowSpec = {
      ...of('unpin', 0, 1),
      iter: 'iovec',
      segs: [
        [SMALL, 4096],
        [SMALL, 4096],
      ],
    }
    expect((await violationsOf(of('pin', 0, 1), atOnce)).violations).toEqual([['double-release', 3, 2]])
  })

  it('more than were taken, and others than were taken', async () => {
    const more = await violationsOf(of('pin', 0, 2), of('unpin', 0, 4))
    expect(more).toEqual({ violations: [['unknown-release', 3, 2]], pins: 0, refs: 0 })
    const others = await violationsOf(of('pin', 0, 2), of('unpin', 4, 1))
    expect(others).toEqual({ violations: [['unknown-release', 3, 0]], pins: 2, refs: 0 })
  })

  it('on a large folio any page of it counts: all references are on its head', async () => {
    const head: RowSpec = { event: 'unpin', id: 'a', segs: [[A, 4096]] }
    const got = await violationsOf({ ...event('pin', 3), id: 'a' }, head, head, head)
    expect(got).toEqual({ violations: [], pins: 0, refs: 0 })
  })

  it('an address that has another page by now: as many are let go', async () => {
    const get: RowSpec = { ...of('pin', 0, 2), event: 'get', op: 'write' }
    const put: RowSpec = { ...of('unpin', 0, 1), event: 'put' }
    const store: RowSpec = { event: 'store', segs: [[SMALL, 8]] }
    const got = await violationsOf(get, { event: 'fork', result: 77 }, store, put, put)
    expect(got).toEqual({ violations: [], pins: 0, refs: 0 })
  })

  it('frames of what was taken by address: as many; of what was taken by frame: those', async () => {
    expect(await violationsOf(of('pin', 0, 2), frames('unpin', 900, 2))).toMatchObject({ violations: [], pins: 0 })
    const byFrame = await violationsOf(frames('pin', 900, 2), frames('unpin', 901, 1), frames('unpin', 901, 1))
    expect(byFrame).toEqual({ violations: [['double-release', 4, 2]], pins: 1, refs: 0 })
  })
})

describe('taken by address, let go by frame', () => {
  const frames = (first: number, pages: number): RowSpec => ({
    event: 'unpin',
    iter: 'bvec',
    segs: [[first, 0, pages * 4096]],
  })

  it('as many are let go as were taken: which frame an address had, nobody recorded', async () => {
    const got = await violationsOf(event('pin', 4), frames(900, 1), frames(907, 2), frames(950, 1))
    expect(got).toEqual({ violations: [], pins: 0, refs: 0 })
  })

  it('one more than was taken is unknown, one less stays', async () => {
    const more = await violationsOf(event('pin', 4), frames(900, 5))
    expect(more).toEqual({ violations: [['unknown-release', 3, 0]], pins: 0, refs: 0 })
    const less = await violationsOf(event('pin', 4), frames(900, 3))
    expect(less).toEqual({ violations: [], pins: 1, refs: 0 })
  })

  it('what has an id, or was taken the other way, is not let go so', async () => {
    const named = await violationsOf({ ...event('pin', 4), id: 'a' }, event('get', 4), frames(900, 4))
    expect(named).toEqual({ violations: [['unknown-release', 4, 0]], pins: 4, refs: 4 })
  })
})

describe('an operation let go by an event and again by its completion', () => {
  it.each([
    ['extract', 'unpin', 'pin'],
    ['get-pages', 'put', 'ref'],
  ] as const)('%s: a double release of the pages it held, as %s', async (policy, name, retention) => {
    const rows: RowSpec[] = [MAP, { segs: [[A + 512, 8192]], id: 'a', ts: 1, end: 9 }, { event: name, id: 'a', ts: 2 }]
    const lane = await laneOf(rows, { policies: [policy] })
    const expected = { rule: 'double-release', row: 2, takenRow: 2, pages: 3, retention, releasedAs: retention }
    expect(lane.violations).toMatchObject([expected])
  })
})

describe('registering huge pages', () => {
  it.each([
    [0, 1024, 2],
    [1, 1024, 3],
    [1, 4352, 9],
    [511, 4097, 9],
    [0, 16384, 32],
  ])('from page %i on %i pages: %i pins stay, one a folio', async (first, pages, folios) => {
    const rows: RowSpec[] = [MAP, { event: 'register', id: 'b', segs: [[A + first * 4096, pages * 4096]] }]
    const { pins } = await laneOf(rows)
    expect(pins).toMatchObject({ acquired: pages, released: pages - folios, open: folios, longTerm: folios })
    const { pins: early } = await laneOf(rows, { kernel: '6.1' })
    expect(early).toMatchObject({ acquired: pages, released: 0, open: pages, longTerm: pages })
  })
})
