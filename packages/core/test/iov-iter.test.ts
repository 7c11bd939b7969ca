import { describe, expect, it } from 'vitest'
import { InvariantError } from '../src/invariant.ts'
import { copyPageToIter, zeroIter } from '../src/iter/copy.ts'
import { FOLIOQ_NO_FOLIO, FOLIOQ_SLOTS } from '../src/iter/folio-queue.ts'
import { IovIter, type IovIterState } from '../src/iter/iov-iter.ts'
import { alignment, gapAlignment } from '../src/iter/iter-alignment.ts'
import { iovLength, singleSegCount } from '../src/iter/iter-pages.ts'
import { ITER_SOURCE } from '../src/iter/iter-type.ts'
import { SegmentTable } from '../src/iter/segment-table.ts'
import type { KernelVersion } from '../src/kernel/version.ts'
import { MAX_RW_COUNT } from '../src/units.ts'
import { type Change, cellsOf, hex, World } from './support/world.ts'

// The behaviour of struct iov_iter (reference sections 1.1 to 1.12). States as World.state has them: segments left (folioq:
// slot, pipe: head), iov_offset (pipe: last_offset), count: `3:0/c`. All numbers in tables are hex.

/** One iterator of each type, with 12 or more bytes. */
const EACH = {
  ubuf: 'ubuf 20000234+3000',
  iovec: 'iovec 20000000+0 20001000+5 20002000+0 20003000+7',
  kvec: 'kvec 80000000+0 80001000+5 80002000+0 80003000+7',
  bvec: 'bvec 500/0+0 501/0+5 502/0+0 503/0+7',
  folioq: 'folioq 2 0 1',
  xarray: 'xarray 1800+4000 in:0-f',
  discard: 'discard count:64',
  pipe: 'pipe count:3000 ring:4',
} as const
type Name = keyof typeof EACH
const NAMES = Object.keys(EACH) as Name[]
const ALL: readonly KernelVersion[] = ['6.1', '6.12', '6.18', 'mainline']

/** Pages that a run has at hand for `link`: a folio of two, and a page. */
const LINKED_PAGES = 3

/** Does `advance 5, revert 1` and the like. */
function run(world: World, steps: string): void {
  const { iter, memory } = world
  const links = [world.pages.allocateFolio(1, 0), world.pages.allocateFolio(0, 0)]
  for (const step of steps === '' ? [] : steps.split(', ')) {
    const [name, ...words] = step.split(' ')
    const [a = 0, b = 0, c = 0] = words.map((word) => Number.parseInt(word, 16))
    if (name === 'advance') iter.advance(a)
    else if (name === 'revert') iter.revert(a)
    else if (name === 'truncate') iter.truncate(a)
    else if (name === 'reexpand') iter.reexpand(a)
    else if (name === 'copy') zeroIter(iter, memory, a)
    else if (name === 'link') copyPageToIter(iter, memory, links[a]!, b, c)
    else if (name === 'foreign') world.ring.pushOwn(a)
    else throw new Error(`no such step: ${step}`)
  }
}

function after(line: string, steps: string, version?: KernelVersion): World {
  const world = new World(version)
  world.memory.holdBytes()
  world.begin(line)
  run(world, steps)
  return world
}

describe('initial state', () => {
  it.each(
    cellsOf(`
    ${EACH.ubuf}                | 1:0/3000
    ${EACH.iovec}               | 4:0/c
    ${EACH.kvec}                | 4:0/c
    ${EACH.bvec}                | 4:0/c
    ${EACH.folioq}              | 0:0/7000
    folioq 2 0 offset:1234      | 0:1234/3dcc
    ${EACH.xarray}              | 1:0/4000
    ${EACH.discard}             | 0:0/64
    ${EACH.pipe}                | 0:0/3000
    iovec 20000000+5 count:10   | 1:0/10
    bvec 500/0+5 count:0        | 1:0/0
  `),
  )('%s: %s, and the count is taken as given', (line, state) => {
    expect(after(line!, '').state()).toBe(state)
  })

  it('a folio queue may be entered at any slot of any segment', () => {
    const world = new World()
    const iter = world.startFolioq(Array<number>(40).fill(0), 0x800, 0x10, true, 33)
    expect([iter.queueSegment, iter.slot, iter.iovOffsetBytes, iter.direction]).toEqual([1, 2, 0x10, ITER_SOURCE])
  })

  it('slots that nothing was put in hold no folio, in late segments too', () => {
    const world = new World()
    world.startFolioq(Array<number>(4 * FOLIOQ_SLOTS + 1).fill(1))
    const { queue } = world
    expect([queue.segments, queue.count, queue.folioAt(4, 0)]).toEqual([5, 125, world.queued[248]])
    expect([queue.folioAt(4, 1), queue.sizeBytes(4, 0), queue.sizeBytes(4, 1)]).toEqual([
      FOLIOQ_NO_FOLIO,
      0x2000,
      0x1000,
    ])
  })

  it('a new start forgets what the last one had set', () => {
    const world = new World()
    const iter = world.begin('bvec 500/0+1000 advance:10')
    iter.fixed = iter.byRow = iter.nofault = true
    world.begin('ubuf 10000000+10')
    expect([iter.fixed, iter.byRow, iter.nofault, world.state()]).toEqual([false, false, false, '1:0/10'])
  })
})

describe('advance and revert', () => {
  it.each(
    cellsOf(`
    advance 0             | 3:0/c
    advance 5             | 1:0/7
    copy 5                | 2:0/7
    copy 5, advance 0     | 1:0/7
    advance 5, revert 1   | 3:4/8
    advance 5, revert 5   | 3:0/c
    advance c             | 0:0/0
    advance 63            | 0:0/0
    advance c, revert 7   | 1:0/7
    advance c, revert 8   | 3:4/8
    advance c, revert c   | 3:0/c
    advance 6, revert 1   | 1:0/7
    advance 6, revert 2   | 3:4/8
    truncate 6, advance 99, revert 2              | 3:4/2
    truncate 6, advance 6, reexpand 6             | 1:1/6
    truncate 99                                   | 4:0/c
    revert 0              | 4:0/c
  `),
  )('segments of 0, 5, 0 and 7 bytes: %s', (steps, state) => {
    for (const name of ['iovec', 'kvec', 'bvec'] as const) expect(after(EACH[name], steps!).state()).toBe(state)
  })

  it.each(
    cellsOf(`
    empty segments at the end go with the last byte     | iovec 20000000+5 20000000+0          | advance 5                | 0:0/0
    with nothing left nothing moves                     | iovec 20000000+8 20000000+0 count:5  | advance 5, advance 3     | 2:5/0
    a count beyond the segments                         | kvec 80000000+5 count:10             | advance 8                | 0:3/8
    a bvec of many pages                                | bvec 500/800+3000 600/0+10           | advance 2fff, advance 2  | 1:1/f
    ubuf counts from its start                          | ubuf 20000000+100                    | advance 30, advance 30, revert 10  | 1:50/b0
    and is clamped                                      | ubuf 20000000+100                    | advance 1000             | 1:100/0
    xarray too                                          | ${EACH.xarray}                       | advance 3000, advance 3000, revert 1 | 1:3fff/1
    discard has a count only                            | discard count:64                     | advance 10, revert 30    | 0:0/84
    and is clamped                                      | discard count:64                     | advance 1000             | 0:0/0
    folioq: into a folio                                | ${EACH.folioq}                       | advance 1234             | 0:1234/5dcc
    to its end is to the next                           | ${EACH.folioq}                       | advance 4000             | 1:0/3000
    over one                                            | ${EACH.folioq}                       | advance 5000             | 2:0/2000
    to the end, and clamped                             | ${EACH.folioq}                       | advance 99999            | 3:0/0
    back into the last                                  | ${EACH.folioq}                       | advance 7000, revert 1   | 2:1fff/1
    back over one                                       | ${EACH.folioq}                       | advance 5000, revert 1001  | 0:3fff/3001
    back to a start                                     | ${EACH.folioq}                       | advance 5000, revert 1000  | 1:0/3000
    within the folio                                    | ${EACH.folioq}                       | advance 5800, revert 800   | 2:0/2000
    all the way back                                    | ${EACH.folioq}                       | advance 7000, revert 7000  | 0:0/7000
    with nothing left nothing moves                     | folioq 0 0 offset:1000 count:0       | advance 0                | 0:1000/0
    from the end of a folio on                          | folioq 0 0 offset:1000 count:1000    | advance 0                | 1:0/1000
    folioq: from segment to segment                     | folioq 0*21                          | advance 1f000            | 1f:0/2000
    and back                                            | folioq 0*21                          | advance 20000, revert 1001 | 1e:fff/2001
  `),
  )('%s: %s: %s', (_, line, steps, state) => {
    expect(after(line!, steps!).state()).toBe(state)
  })

  it('more than MAX_RW_COUNT is not reverted at all', () => {
    const most = hex(MAX_RW_COUNT)
    const beyond = hex(MAX_RW_COUNT + 1)
    for (const line of ['ubuf 10000000+80000000', 'xarray 0+80000000', 'discard count:80000000']) {
      const start = after(line, '').state()
      const end = after(line, 'advance 7fffffff').state()
      expect(after(line, `advance ${most}, revert ${most}`).state()).toBe(start)
      const world = after(line, `advance 7fffffff, revert ${beyond}`)
      expect([world.state(), world.rules]).toEqual([end, []])
    }
  })

  it('a folio queue rests one past the last slot, and goes on once it was extended', () => {
    const world = after('folioq 0*1f count:20000', 'advance 1f000')
    const { iter } = world
    expect([iter.queueSegment, iter.slot, world.state()]).toEqual([0, 31, '1f:0/1000'])
    world.queue.extend()
    world.append(1)
    iter.advance(1)
    expect([iter.queueSegment, iter.slot, iter.iovOffsetBytes]).toEqual([1, 0, 1])
    iter.revert(2)
    expect([iter.queueSegment, iter.slot, iter.iovOffsetBytes]).toEqual([0, 30, 0xfff])
  })

  it('advance passes over a cleared slot with the size that it had', () => {
    const world = new World()
    world.begin('folioq 1 2 0')
    world.queue.clear(0, 1)
    world.iter.advance(0x2000 + 0x4000 + 1)
    expect([world.state(), world.queue.count]).toEqual(['2:1/fff', 3])
    world.iter.revert(2)
    expect(world.state()).toBe('1:3fff/1001')
  })
})

describe('revert past the start', () => {
  it.each(
    cellsOf(`
    ${EACH.ubuf}    | advance 10   | 11
    ${EACH.iovec}   | advance 6    | 7
    ${EACH.kvec}    | advance c    | d
    ${EACH.bvec}    | advance 0    | 1
    ${EACH.folioq}  | advance 4010 | 4011
    folioq 0*21     | advance 20800 | 20801
    ${EACH.xarray}  | advance 10   | 11
  `),
  )('%s, %s, revert %s: a violation, and nothing changes', (line, steps, bytes) => {
    const world = after(line!, steps!)
    const before = world.state()
    world.iter.revert(Number.parseInt(bytes!, 16))
    expect([world.state(), world.rules]).toEqual([before, ['revert-past-start']])
    world.iter.report = null
    expect(() => world.iter.revert(Number.parseInt(bytes!, 16))).toThrow(InvariantError)
  })

  it.each(['discard', 'pipe'] as const)('a %s has no start to go past', (name) => {
    const world = after(EACH[name], 'revert 50', '6.1')
    expect([world.at(), world.rules]).toEqual(['0:0', []])
    expect(world.iter.countBytes).toBe((name === 'pipe' ? 0x3000 : 0x64) + 0x50)
  })

  it('the segments of another iterator in the same table are past the start', () => {
    const world = new World()
    const { table } = world.begin('iovec 20000000+10 20001000+10')
    world.iter.reset(1, 0, table, 1, 1, 0x10)
    world.iter.advance(1)
    world.iter.revert(2)
    expect([world.state(), world.rules]).toEqual(['1:1/f', ['revert-past-start']])
  })
})

describe('save and restore', () => {
  it.each(NAMES)('%s', (name) => {
    const saved: IovIterState = { iovOffsetBytes: 0, countBytes: 0, segmentsLeft: 0 }
    const world = after(EACH[name], name === 'pipe' ? '' : 'advance 1', '6.1')
    const isPossible = ['ubuf', 'iovec', 'kvec', 'bvec'].includes(name)
    const { iter } = world
    if (name === 'pipe') zeroIter(iter, world.memory, 1)
    const before = world.state()
    iter.saveState(saved)
    iter.truncate(8)
    if (name !== 'pipe') iter.advance(7)
    const there = world.state()
    expect([iter.restore(saved), world.state()]).toEqual([isPossible, isPossible ? before : there])
    if (!isPossible) return
    // Forwards too, and twice: the state keeps no pointer.
    iter.revert(1)
    expect([iter.restore(saved), world.state(), iter.restore(saved), world.state()]).toEqual([
      true,
      before,
      true,
      before,
    ])
    const { segment } = iter
    iter.advance(0)
    expect(iter.segment).toBe(segment)
  })
})

describe('dup and copy', () => {
  it.each(NAMES)('copyFrom makes a %s the same', (name) => {
    const world = after(EACH[name], name === 'pipe' ? 'copy 6' : 'advance 6', '6.1')
    world.iter.nofault = true
    const copy = new IovIter()
    copy.copyFrom(world.iter)
    expect(copy).toEqual(world.iter)
    expect([copy.table, copy.queue, copy.pipe]).toEqual([world.iter.table, world.iter.queue, world.iter.pipe])
  })

  it.each(NAMES)('dup of a %s has an array of its own where there is one', (name) => {
    const world = after(EACH[name], name === 'pipe' ? 'copy 6' : 'advance 6', '6.1')
    const { iter } = world
    const table = new SegmentTable()
    table.push(1, 2, 3)
    const dup = new IovIter()
    const hasArray = ['iovec', 'kvec', 'bvec'].includes(name)
    expect(dup.dup(iter, table)).toBe(hasArray)
    expect([dup.iovOffsetBytes, dup.countBytes, dup.segmentsLeft]).toEqual([
      iter.iovOffsetBytes,
      iter.countBytes,
      iter.segmentsLeft,
    ])
    expect([dup.table === table, table.length]).toEqual(hasArray ? [true, 2] : [false, 1])
    if (!hasArray) return
    iter.table.lengthBytes.fill(0)
    dup.advance(2)
    expect([dup.iovOffsetBytes, dup.countBytes]).toEqual([3, 4])
    dup.revert(3)
    expect([dup.iovOffsetBytes, world.rules]).toEqual([0, []])
    // Of the array only the segments left were copied.
    dup.revert(1)
    expect([dup.iovOffsetBytes, world.rules]).toEqual([0, ['revert-past-start']])
  })
})

describe('npages', () => {
  it.each<[string, number, number?]>([
    ['ubuf 10000fff+1', 1],
    ['ubuf 10000fff+2', 2],
    ['ubuf 10000234+2000', 3],
    ['ubuf 10000234+2000 advance:dcc', 2],
    ['ubuf 10000000+100000', 7, 7],
    ['ubuf 10000000+0', 0],
    // A page of two segments counts twice, an empty segment not at all.
    ['iovec 20000064+0 20000000+200 20000200+200', 2],
    ['kvec 80000ff0+20 80000234+0', 2],
    ['iovec 20000000+2000 20008000+2000 count:3000', 3],
    ['iovec 20000000+2000 20008000+2000 count:3000 advance:1800', 2],
    ['iovec 20000000+1000 20001000+1000 20002000+1000', 2, 2],
    ['iovec 20000000+1000 count:0', 0],
    ['iovec 20000000+10 20000fff+2 advance:8', 3],
    // But an empty bvec that does not begin at a page counts.
    ['bvec 500/2+0 600/0+1000', 2],
    ['bvec 500/0+0 600/0+1000', 1],
    ['bvec 500/1800+1000', 2],
    ['bvec 500/1800+1000 600/0+0 700/fff+2 advance:1', 4],
    ['bvec 500/0+3000', 2, 2],
    ['folioq 2 0 offset:1234', 4],
    ['folioq 2 0 offset:fff count:2', 2],
    ['folioq 2 0 count:0', 0],
    ['xarray 1800+2800', 3],
    ['xarray 1800+2800 advance:900', 2],
    ['xarray 0+0', 0],
    ['discard count:64', 0],
  ])('%s: %i', (line, pages, pagesMax = 1000) => {
    expect(after(line, '').iter.npages(pagesMax)).toBe(pages)
  })

  it('of the next bytes alone, without the rest', () => {
    const { iter } = after('iovec 20000800+1000 30000800+1000', '')
    expect([iter.npagesOf(0x1000), iter.npagesOf(0x1801), iter.npagesOf(0x9000), iter.countBytes]).toEqual([
      2, 4, 4, 0x2000,
    ])
  })

  it.each<[string, string, number]>([
    ['pipe count:1 ring:4', '', 4],
    ['pipe count:3000 ring:4', 'copy 100', 4],
    ['pipe count:3000 ring:4', 'copy 1000', 3],
    ['pipe count:3000 ring:4', 'link 0 200 100', 3],
    ['pipe count:9000 ring:4', 'copy 9000', 0],
    ['pipe count:3000 ring:4', 'copy 3000', 0],
    ['pipe count:3000 ring:4', 'foreign 8', 0],
  ])('the room in a ring, whatever the count: %s, %s: %i', (line, steps, pages) => {
    const { iter } = after(line, steps, '6.1')
    expect([iter.npages(1000), iter.npages(1)]).toEqual([pages, Math.min(pages, 1)])
  })
})

describe('single_seg_count', () => {
  it.each(
    cellsOf(`
    ${EACH.iovec}                                 | 0
    ${EACH.iovec} advance:1                       | 4
    ${EACH.kvec} advance:6                        | 6
    kvec 80000000+100 80001000+100 count:80       | 80
    iovec 20000000+100 count:180                  | 180
    bvec 500/0+3000 600/0+10 advance:10           | 2ff0
    bvec 500/0+10 count:18                        | 18
    ubuf 20000000+100 count:40                    | 40
    folioq 2 0 offset:1234                        | 3dcc
    folioq 1 1 offset:1234                        | 2000
    folioq 1 1 count:0                            | 0
    ${EACH.xarray} advance:10                     | 3ff0
    ${EACH.discard}                               | 64
    ${EACH.pipe}                                  | 3000
  `),
  )('%s: %s', (line, bytes) => {
    expect(hex(singleSegCount(after(line!, '').iter))).toBe(bytes)
  })
})

describe('iter_iov_len', () => {
  it.each<[string, KernelVersion, string, Change?]>([
    ['ubuf 20000000+100 advance:10', '6.12', 'e0'],
    ['ubuf 20000000+100 advance:10', '6.12', 'f0', '-iov-len-ubuf'],
    ['ubuf 20000000+100 advance:10', '6.18', 'f0'],
    ['ubuf 20000000+100 advance:10', '6.18', 'e0', 'iov-len-ubuf'],
    ['ubuf 20000000+100 advance:10', 'mainline', 'f0'],
    ['ubuf 20000000+100', '6.12', '100'],
    ['iovec 20000000+100 20001000+100 count:20 advance:10', '6.12', 'f0'],
    ['iovec 20000000+100 20001000+100 count:20 advance:10', 'mainline', 'f0'],
  ])('%s on %s: %s', (line, version, bytes, ...changes) => {
    const world = new World(version, ...(changes.filter((change) => change !== undefined) as Change[]))
    expect(hex(iovLength(world.begin(line)))).toBe(bytes)
  })
})

describe('alignment', () => {
  /** 6.1, then 6.12 and 6.18, then mainline; empty: as the one before. */
  it.each(
    cellsOf(`
    ubuf 20000234+3000                            | 20003234
    ubuf 20000234+3000 advance:4                  | 20002ffc
    ubuf 20000234+0                               | 0
    iovec 20000001+0 20000200+400 20001000+80     | 20001680
    kvec 80000200+400 80001000+80 advance:4       | 800013fc
    iovec 20000200+400 20001000+80 count:440      | 20001640
    bvec 500/200+400 600/1001+0                   | 600
    bvec 500/1001+0 500/200+400                   | 1601
    bvec 500/200+400 600/1000+80 advance:200      | 1680
    folioq 2 0 offset:1234                        | 3ffc
    xarray 1800+2800 advance:3                    | 3fff
    discard count:64                              | 0
    iovec 20000004+8 count:0                      | 20000004 | | 0
    iovec 20000001+0 20000002+8 count:0           | 20000002 | 0
    bvec 500/200+0 600/400+8 count:0              | 200      | | 0
    folioq 2 0 offset:1234 count:0                | 1234     | | 0
    xarray 1800+0                                 | 1800     | | 0
    iovec count:0                                 | 0
  `),
  )('%s', (line, oldest, middle, newest) => {
    const expected = [oldest, middle || oldest, middle || oldest, newest || middle || oldest]
    expect(ALL.map((version) => hex(alignment(after(line!, '', version).iter)))).toEqual(expected)
  })

  it.each<[string, number]>([
    ['', 0x3000],
    ['copy 4', 0x2ffc | 4],
    ['link 0 201 100', 0x2f00],
    ['copy 3000', 0],
  ])('of a pipe, after "%s": %i', (steps, bits) => {
    expect(alignment(after(EACH.pipe, steps, '6.1').iter)).toBe(bits)
  })
})

describe('is_aligned', () => {
  /** The address mask and the length mask, then what 6.1, 6.12 and 6.18 say alike. */
  it.each(
    cellsOf(`
    ubuf 20000200+1000              | 1ff 1ff | yes
    ubuf 20000204+1000              | 1ff 1ff | no
    ubuf 20000204+1000              | 3 1ff   | yes
    ubuf 20000200+1004              | 3 1ff   | no
    ubuf 20000204+1004 advance:4    | 7 1ff   | yes
    iovec 20000000+200 20000400+1000  | 1ff 1ff | yes
    iovec 20000004+200              | 1ff 1ff | no
    iovec 20000000+64 20000200+19c  | 1ff 1ff | no
    kvec 80000001+0 80000000+200    | 1ff 1ff | no
    iovec 20000000+200 20000000+3e8 count:400  | 1ff 1ff | yes
    iovec 20000000+64 20000200+200 advance:64  | 1ff 1ff | yes
    iovec 20000001+8 count:0        | 1ff 1ff | no
    iovec 20000000+7 count:0        | 1ff 1ff | yes
    bvec 500/200+1000 600/0+200     | 1ff 1ff | yes
    bvec 500/204+1000               | 1ff 1ff | no
    bvec 500/201+0 500/0+200        | 1ff 1ff | no
    folioq 2 0 offset:200           | 1ff 1ff | yes
    folioq 2 0 offset:204 count:200 | 1ff 1ff | no
    xarray 1800+2800                | 1ff 1ff | yes
    xarray 1800+2800 advance:4      | 1ff 1ff | no
    discard count:63                | 1ff 1ff | yes
    bvec 500/200+1100 600/0+1000 advance:100  | ff 1ff | yes
    bvec 500/200+1100 advance:100   | ff 1ff | yes
  `),
  )('%s, masks %s: %s', (line, masks, expected) => {
    const [addressMask, lengthMask] = masks!.split(' ').map((mask) => Number.parseInt(mask, 16))
    for (const version of ['6.1', '6.12', '6.18'] as const) {
      expect(after(line!, '', version).iter.isAligned(addressMask!, lengthMask!)).toBe(expected === 'yes')
    }
  })

  it('the quirk of 6.16-rc takes the whole length of the first bvec, and of no other type', () => {
    const world = new World('6.18', 'is-aligned-first-bvec')
    const aligned = (line: string) => world.begin(line).isAligned(0xff, 0x1ff)
    expect(aligned('bvec 500/200+1100 600/0+1000 advance:100')).toBe(false)
    // Clipped to the count.
    expect(aligned('bvec 500/200+1100 advance:100')).toBe(true)
    expect(aligned('iovec 20000200+1100 20002000+1000 advance:100')).toBe(true)
  })

  it.each<[string, number, boolean]>([
    ['', 0x1ff, true],
    ['copy 200', 0x1ff, true],
    ['copy 200', 0x3ff, false],
    ['copy 4', 3, true],
    ['link 0 201 200', 0x1ff, true],
    ['copy 3000', 0xfff, true],
  ])('a pipe, after "%s", mask %i: %s', (steps, addressMask, expected) => {
    expect(after(EACH.pipe, steps, '6.1').iter.isAligned(addressMask, 3)).toBe(expected)
  })
})

describe('gap_alignment', () => {
  it.each(
    cellsOf(`
    iovec 20000000+1000 20001000+800 20003000+800             | 20003800
    iovec 20000000+1000 20001000+800 20003000+800 count:1800  | 20001000
    iovec 20000100+f00 20009001+0 20001000+800                | 20001000
    iovec 20000100+f00                                        | 0
    iovec 20000000+10 80000000+10                             | a0000010
    iovec 20000000+1000 20001000+800 20003000+800 advance:7ff | 20003800
    iovec 20000000+1000 20001000+800 20003000+800 advance:900 | 20001000
    ubuf 20000234+3000                                        | 0
    kvec 80000000+10                                          | ffffffff
    bvec 500/0+10                                             | ffffffff
    folioq 0                                                  | ffffffff
    xarray 0+10                                               | ffffffff
    discard count:1                                           | ffffffff
  `),
  )('%s: %s', (line, bits) => {
    expect(hex(gapAlignment(after(line!, '').iter))).toBe(bits)
  })
})

describe('PIPE of 6.1', () => {
  /** Steps, then head:last_offset/count, then the buffers, then references on the two pages that were linked. */
  it.each(
    cellsOf(`
    copy 100                             | 0:100/2f00   | 0+100
    copy 100, copy 100                   | 0:200/2e00   | 0+200
    copy 1800                            | 1:800/1800   | 0+1000 0+800
    copy 1000, copy 10                   | 1:10/1ff0    | 0+1000 0+10
    copy 800, copy 1000                  | 1:800/1800   | 0+1000 0+800
    link 0 200 100                       | 0:-300/2f00  | *200+100         | 1 0
    link 0 200 100, link 0 300 80        | 0:-380/2e80  | *200+180         | 1 0
    link 0 200 100, link 1 300 80        | 1:-380/2e80  | *200+100 *300+80 | 1 1
    link 0 200 100, link 0 0 10          | 1:-10/2ef0   | *200+100 *0+10   | 2 0
    link 0 0 100, link 0 100 100         | 0:-200/2e00  | *0+200           | 1 0
    link 0 800 1000                      | 0:-1800/2000 | *800+1000        | 1 0
    link 0 1000 1000                     | 0:-2000/2000 | *1000+1000       | 1 0
    link 0 1000 1001                     | 0:0/3000     |                  | 0 0
    link 0 200 100, copy 10              | 1:10/2ef0    | *200+100 0+10    | 1 0
    copy 10, link 0 10 10                | 1:-20/2fe0   | 0+10 *10+10      | 1 0
    copy 1800, revert 400                | 1:400/1c00   | 0+1000 0+400
    copy 1800, revert 800                | 0:1000/2000  | 0+1000
    copy 1800, revert 1000               | 0:800/2800   | 0+800
    copy 1800, revert 1900               | 0:0/3100     |
    copy 1800, revert 1900, copy 8       | 0:8/30f8     | 0+8
    link 0 200 100, revert 40            | 0:-2c0/2f40  | *200+c0          | 1 0
    link 0 200 100, revert 100           | 0:0/3000     |                  | 0 0
    copy 1800, advance 0                 | 1:800/1800   | 0+1000 0+800
    link 0 200 100, advance 0            | 0:-300/2f00  | *200+100         | 1 0
    advance 0                            | 0:0/3000     |
    foreign 8                            | 0:0/3000     | 0+8
    foreign 8, advance 0                 | 0:0/3000     |
    foreign 8, copy 8                    | 0:0/3000     | 0+8
    copy 8, foreign 8, advance 0         | 0:8/2ff8     | 0+8
    copy 8, foreign 8, copy 8            | 0:8/2ff8     | 0+8 0+8
    copy 8, foreign 8, link 0 0 8        | 0:8/2ff8     | 0+8 0+8          | 0 0
  `),
  )('%s', (steps, state, buffers, references = '0 0') => {
    const world = new World('6.1')
    world.memory.holdBytes()
    world.begin(EACH.pipe)
    const pagesBefore = world.pages.used
    run(world, steps!)
    expect([world.state(), world.buffers()]).toEqual([state, buffers])
    const linked = [...world.borrowed.counts.values()].filter((count) => count > 0)
    expect(linked).toEqual(
      references
        .split(' ')
        .map(Number)
        .filter((count) => count > 0),
    )
    // A page of the ring's own is in it, or was given back once.
    const released = [...world.owned.counts.values()]
    expect(released.every((count) => count === -1)).toBe(true)
    const inRing = buffers!.split(' ').filter((buffer) => /^[\da-f]/.test(buffer)).length
    expect(inRing + released.length).toBe(world.pages.used - pagesBefore - LINKED_PAGES)
  })

  it.each(
    cellsOf(`
    pipe count:3000 ring:2  | copy 3000                           | 1:1000/1000  | 0+1000 0+1000
    pipe count:3000 ring:1  | link 0 200 100, link 0 300 80       | 0:-380/2e80  | *200+180
    pipe count:3000 ring:1  | link 0 200 100, link 1 300 80       | 0:-300/2f00  | *200+100
    pipe count:3000 ring:1  | copy 10, copy 2000                  | 0:1000/2000  | 0+1000
    pipe count:80           | link 0 200 100                      | 0:-280/0     | *200+80
    pipe count:80           | copy 100                            | 0:80/0       | 0+80
    pipe count:0            | link 0 200 100, copy 10             | 0:0/0        |
  `),
  )('%s: %s', (line, steps, state, buffers) => {
    const world = after(line!, steps!, '6.1')
    expect([world.state(), world.buffers()]).toEqual([state, buffers])
  })

  it('what was in the ring before stays there, and makes room when it is read', () => {
    const world = new World('6.1')
    world.memory.holdBytes()
    world.startPipe(0x3000, 2)
    world.ring.pushOwn(7)
    world.iter.resetPipe(world.ring, 0x3000)
    run(world, 'copy 3000')
    expect([world.state(), world.buffers()]).toEqual(['1:1000/2000', '0+7 0+1000'])
    run(world, 'revert 2000')
    expect([world.state(), world.buffers(), world.owned.counts.size]).toEqual(['1:0/4000', '0+7', 1])
    world.ring.consume()
    run(world, 'copy 3000')
    expect([world.state(), world.buffers(), world.ring.isFull]).toEqual(['2:1000/2000', '0+1000 0+1000', true])
  })

  it('the first page of a new iterator is never merged into what was there', () => {
    const world = after('pipe count:3000 ring:4', 'link 0 0 100', '6.1')
    const [page] = world.borrowed.counts.keys()
    world.iter.resetPipe(world.ring, 0x3000)
    copyPageToIter(world.iter, world.memory, page!, 0, 0x80)
    copyPageToIter(world.iter, world.memory, page!, 0x80, 0x80)
    expect([world.state(), world.buffers(), world.borrowed.of(page!)]).toEqual(['1:-100/2f00', '*0+100 *0+100', 2])
  })
})
