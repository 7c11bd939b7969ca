import { describe, expect, it } from 'vitest'
import { ExtractedIter, extractIterToIter, type IterCleanup } from '../src/build/iter-to-iter.ts'
import { ENOMEM, errnoName } from '../src/errno.ts'
import { extractPages } from '../src/extract/extract-pages.ts'
import { PageList } from '../src/extract/page-list.ts'
import { findPolicy, POLICY_NAMES, type PolicyName } from '../src/extract/policy.ts'
import { RETAIN_NONE, RETAIN_REF } from '../src/extract/retention.ts'
import { InvariantError } from '../src/invariant.ts'
import { copyFromIter, copyToIter } from '../src/iter/copy.ts'
import { ITER_BVEC, ITER_DEST, ITER_SOURCE, ITER_TYPE_NAMES } from '../src/iter/iter-type.ts'
import { HOLD_NONE } from '../src/ledger/hold.ts'
import { PINS_ACQUIRED, PINS_OPEN, REFS_ACQUIRED, REFS_OPEN } from '../src/ledger/totals.ts'
import { type Change, cellsOf, hex, World } from './support/world.ts'

// An iterator made out of a part of another (fs/netfs/iterator.c: netfs_extract_user_iter). Tables in hex, states as in
// iov-iter.test.ts.

const HUGE = 2 ** 40

class Fixture {
  readonly world: World
  readonly into = new ExtractedIter()

  constructor(line: string, ...changes: Change[]) {
    this.world = new World('mainline', ...changes)
    this.world.memory.holdBytes((page, bytes) => {
      for (let i = 0; i < bytes.length; i++) bytes[i] = page * 31 + i * 7 + (i >> 8)
    })
    this.world.begin(line)
  }

  extract(policy: PolicyName = 'extract', bytesMax = HUGE, segmentsMax = 1000): number {
    const { iter, memory, ledger } = this.world
    return extractIterToIter(iter, memory, ledger, findPolicy(policy)!, bytesMax, segmentsMax, this.into)
  }

  /** The bvecs of the new iterator as `page:offset+length`. */
  bvecs(): string {
    const { table } = this.into
    return Array.from({ length: table.length }, (_, s) => {
      const page = this.world.namesOf([table.addressBytes[s]!])
      return `${page}:${hex(table.offsetBytes[s]!)}+${hex(table.lengthBytes[s]!)}`
    }).join(' ')
  }

  /** `segments:offset/count` of the new iterator. */
  state(): string {
    const { iter } = this.into
    return `${hex(iter.segmentsLeft)}:${hex(iter.iovOffsetBytes)}/${hex(iter.countBytes)}`
  }

  /** Refcount and pincount of all pages, as they would be with nothing held. */
  counts(): string {
    const { pages } = this.world
    const rows = Array.from({ length: pages.length }, (_, row) => row)
    return rows.map((row) => `${pages.refcountOf(row)} ${pages.pincountOf(row)}`).join()
  }

  open(): number[] {
    const { totals } = this.world.ledger
    return [totals[PINS_OPEN]!, totals[REFS_OPEN]!]
  }
}

describe('out of user memory', () => {
  /** Limits `bytes,bvecs`; the bvecs, or an errno; the source's state. */
  it.each(
    cellsOf(`
    ubuf 10000234+2000                         |        | 10000:234+dcc 10001:0+1000 10002:0+234   | 1:2000/0
    ubuf 10000234+2000 advance:1000            |        | 10001:234+dcc 10002:0+234                | 1:2000/0
    ubuf 10000234+2000                         | 1000,9 | 10000:234+dcc 10001:0+234                | 1:1000/1000
    ubuf 10000234+2000                         | 9999,2 | 10000:234+dcc 10001:0+1000               | 1:1dcc/234
    ubuf 10000234+2000 refused:10001           |        | 10000:234+dcc                            | 1:dcc/1234
    ubuf 10000234+2000 refused:10000           |        | -EFAULT                                  | 1:0/2000
    ubuf 10000234+2000                         | 0,9    |                                          | 1:0/2000
    ubuf 10000234+2000                         | 9999,0 |                                          | 1:0/2000
    ubuf 10000234+0                            |        |                                          | 1:0/0
    iovec 20001000+0 20001ff0+20 30000000+1000 |        | 20001:ff0+10 20002:0+10 30000:0+1000     | 0:0/0
    iovec 20001000+0 20001ff0+20 30000000+1000 | 9999,2 | 20001:ff0+10 20002:0+10                  | 1:0/1000
    iovec 20001ff0+20 30000000+1000            | 28,9   | 20001:ff0+10 20002:0+10 30000:0+8        | 1:8/ff8
    iovec 20000000+10 30000000+10 refused:30000 |       | 20000:0+10                               | 1:0/10
    iovec 20000000+8 20000010+8                |        | 20000:0+8 20000:10+8                     | 0:0/0
    iovec 20000000+1000 20001000+1000          |        | 20000:0+1000 20001:0+1000                | 0:0/0
  `),
  )('%s, at most %s: %s', (line, limits, bvecs, state) => {
    for (const policy of ['extract', 'viro-2022', 'get-pages'] as const) {
      for (const direction of ['', ' source']) {
        const fixture = new Fixture(`${line}${direction}`)
        const { world, into } = fixture
        const [bytesMax = HUGE, segmentsMax] =
          limits === '' ? [] : limits!.split(',').map((word) => Number.parseInt(word, 16))
        const left = world.iter.countBytes
        const bytes = fixture.extract(policy, bytesMax, segmentsMax)
        expect(world.state()).toBe(state)
        if (bytes <= 0) {
          expect([bytes < 0 ? errnoName(bytes) : '', into.hold, fixture.open()]).toEqual([bvecs, HOLD_NONE, [0, 0]])
          continue
        }
        expect([bytes, fixture.bvecs()]).toEqual([left - world.iter.countBytes, bvecs])
        expect(fixture.state()).toBe(`${hex(into.table.length)}:0/${hex(bytes)}`)
        expect([into.iter.type, into.iter.byRow, into.iter.direction]).toEqual([ITER_BVEC, true, world.iter.direction])
        expect([into.iter.kernel, into.iter.report]).toEqual([world.kernel, world])
        expect(fixture.open().reduce((sum, held) => sum + held)).toBe(into.table.length)
        into.letGo(world.ledger)
        expect(fixture.open()).toEqual([0, 0])
      }
    }
  })

  it.each<[PolicyName, IterCleanup, IterCleanup, number]>([
    ['extract', 'unpin', 'unpin', 1 + 2 * 1024],
    ['folio', 'unpin', 'unpin', 1 + 2 * 1024],
    ['viro-2022', 'unpin', 'put', 1 + 2 * 1024],
    ['get-pages', 'put', 'put', 1 + 2],
  ])('%s: %s into it, %s out of it, a page of two segments twice', (policy, dest, source, refcount) => {
    for (const [direction, cleanup] of [
      ['', dest],
      [' source', source],
    ] as const) {
      const fixture = new Fixture(`iovec 20000000+8 20000010+8 20001000+8${direction}`)
      const { world, into } = fixture
      const [row] = world.rowsOf(0x20000, 2)
      const before = fixture.counts()
      expect(into.cleanup).toBe('nothing')
      expect(fixture.extract(policy)).toBe(0x18)
      expect([into.cleanup, world.refcount(row!)]).toEqual([cleanup, cleanup === 'put' ? 3 : refcount])
      expect(fixture.open()).toEqual(cleanup === 'unpin' ? [3, 0] : [0, 3])
      const { hold } = into
      into.letGo(world.ledger)
      expect([fixture.counts(), fixture.open(), into.cleanup]).toEqual([before, [0, 0], 'nothing'])
      // Exactly once: a second call has nothing to let go of, and the hold itself is closed.
      into.letGo(world.ledger)
      expect([fixture.counts(), world.ledger.violationCount]).toEqual([before, 0])
      world.ledger.letGo(hold)
      expect([fixture.counts(), world.ledger.violations.map(({ rule }) => rule)]).toEqual([before, ['double-release']])
    }
  })

  it('a further extraction of it takes nothing more, and lists the same pages', () => {
    for (const policy of ['extract', 'viro-2022', 'folio'] as const) {
      const fixture = new Fixture('iovec 20001ff0+20 30000000+1000')
      const { world, into } = fixture
      fixture.extract(policy)
      const counts = fixture.counts()
      const list = new PageList()
      const rows: number[] = []
      while (extractPages(into.iter, findPolicy(policy)!, world.memory, list, 16, HUGE) > 0) {
        rows.push(...list.page.subarray(0, list.length))
        expect([list.retention, world.ledger.acquire(list)]).toEqual([RETAIN_NONE, HOLD_NONE])
      }
      expect(world.namesOf(rows)).toBe('20001-20002,30000')
      expect([fixture.counts(), world.ledger.totals[PINS_ACQUIRED], world.ledger.totals[REFS_ACQUIRED]]).toEqual([
        counts,
        3,
        0,
      ])
    }
  })

  it('but get_pages2 takes a reference on every page of a bvec iterator, of this one too', () => {
    const fixture = new Fixture('ubuf 10000234+2000')
    fixture.extract('extract')
    const list = new PageList()
    extractPages(fixture.into.iter, findPolicy('get-pages')!, fixture.world.memory, list, 16, HUGE)
    expect(list.retention).toBe(RETAIN_REF)
  })

  it('runs of a folio are one bvec and one pin each under the folio policy', () => {
    const fixture = new Fixture('discard count:0')
    const { world, into } = fixture
    world.map(0x100, 0x110, 2)
    world.begin('ubuf 101200+6000')
    const [first, second] = [world.rowsOf(0x101, 1)[0]!, world.rowsOf(0x104, 1)[0]!]
    expect([fixture.extract('folio'), fixture.bvecs()]).toEqual([0x6000, '101:200+2e00 104:0+3200'])
    expect([world.refcount(first), world.pincount(first), world.pincount(second)]).toEqual([
      world.refcount(second),
      1,
      1,
    ])
    into.letGo(world.ledger)
    expect([world.pincount(first), world.pincount(second), fixture.open()]).toEqual([0, 0, [0, 0]])
  })

  it('a page that cannot be counted any more lets go of all, and is -ENOMEM', () => {
    const fixture = new Fixture('iovec 20000000+8 30000000+8')
    const { world, into } = fixture
    const [first] = world.rowsOf(0x20000, 1)
    const [second] = world.rowsOf(0x30000, 1)
    world.pages.counts.add(second!, -1 - world.pages.refcountOf(second!))
    expect([fixture.extract(), world.state(), into.hold]).toEqual([ENOMEM, '1:0/8', HOLD_NONE])
    expect([world.refcount(first!), world.refcount(second!), fixture.open()]).toEqual([1, -1, [0, 0]])
  })

  it('is filled again once it was let go of, not before', () => {
    const fixture = new Fixture('ubuf 10000234+2000')
    const { world, into } = fixture
    fixture.extract('extract', 0x1000)
    expect(() => fixture.extract()).toThrow(InvariantError)
    into.letGo(world.ledger)
    expect([fixture.extract(), fixture.bvecs()]).toEqual([0x1000, '10001:234+dcc 10002:0+234'])
    into.letGo(world.ledger)
    expect([fixture.extract(), world.ledger.violationCount]).toEqual([0, 0])
  })
})

describe('out of kernel memory', () => {
  /** Limit, then the new iterator's state and the source's. */
  it.each(
    cellsOf(`
    kvec 80000000+0 80001000+5 80002000+0 80003000+7 advance:2 | 6    | 3:2/6    | 1:3/4
    bvec 500/0+0 501/0+5 502/0+0 503/0+7                       | 9999 | 4:0/c    | 0:0/0
    bvec 500/800+3000 advance:10                               | 2000 | 1:10/2000 | 1:2010/ff0
    folioq 2 0 1 offset:234                                    | 4000 | 0:234/4000 | 1:234/2dcc
    xarray 1800+4000 in:0-f advance:10                         | 2000 | 1:10/2000 | 1:2010/1ff0
    discard count:64                                           | 10   | 0:0/10   | 0:0/54
  `),
  )('%s, at most %s: a copy, and nothing taken', (line, limit, copied, state) => {
    for (const policy of POLICY_NAMES) {
      const fixture = new Fixture(line!)
      const { world, into } = fixture
      const left = world.iter.countBytes
      const bytesMax = Number.parseInt(limit!, 16)
      expect(fixture.extract(policy, bytesMax)).toBe(Math.min(bytesMax, left))
      const isQueue = line!.startsWith('folioq')
      const { iter } = into
      expect(isQueue ? `${iter.slot}:${hex(iter.iovOffsetBytes)}/${hex(iter.countBytes)}` : fixture.state()).toBe(
        copied,
      )
      expect([world.state(), into.hold, into.cleanup, fixture.open()]).toEqual([state, HOLD_NONE, 'nothing', [0, 0]])
      const name = ITER_TYPE_NAMES[iter.type]
      expect(line!.startsWith(name)).toBe(true)
      // An array of its own where there is one.
      expect(iter.table === into.table).toBe(name === 'kvec' || name === 'bvec')
      expect(world.ledger.totals.every((total) => total === 0)).toBe(true)
    }
  })
})

describe('bytes', () => {
  const LINES = [
    'ubuf 10000234+2000',
    'iovec 20001000+0 20001ff0+20 30000000+1000',
    'kvec 80000ffe+5 80003000+0 80004fff+2000',
    'bvec 500/ffe+5 600/0+0 700/1fff+2000',
    'folioq 2 0 1 offset:234',
    'xarray 1800+4000 in:0-f',
  ]

  it.each(LINES)('%s: what is copied out of the new one is what the old one has', (line) => {
    for (const policy of POLICY_NAMES) {
      const fixture = new Fixture(`${line} source`)
      const { iter, memory } = fixture.world
      const bytes = iter.countBytes
      const expected = new Uint8Array(bytes)
      expect(copyFromIter(iter, memory, expected)).toBe(bytes)
      fixture.world.begin(`${line.replace('folioq 2 0 1', 'folioq')} source`.replace(/ in:\S+/, ''))
      expect([fixture.extract(policy), fixture.into.iter.direction]).toEqual([bytes, ITER_SOURCE])
      const got = new Uint8Array(bytes)
      expect(copyFromIter(fixture.into.iter, memory, got)).toBe(bytes)
      expect(Buffer.compare(got, expected)).toBe(0)
    }
  })

  it.each(LINES)('%s: what is copied into the new one, the old one has', (line) => {
    const fixture = new Fixture(line)
    const { iter, memory } = fixture.world
    const bytes = iter.countBytes
    const data = Uint8Array.from({ length: bytes }, (_, i) => i * 3 + 1)
    expect([fixture.extract(), fixture.into.iter.direction]).toEqual([bytes, ITER_DEST])
    expect(copyToIter(fixture.into.iter, memory, data)).toBe(bytes)
    iter.revert(bytes)
    iter.direction = ITER_SOURCE
    const got = new Uint8Array(bytes)
    expect([copyFromIter(iter, memory, got), Buffer.compare(got, data)]).toEqual([bytes, 0])
  })
})
