import { describe, expect, it, vi } from 'vitest'
import { EFAULT, ENOMEM } from '../src/errno.ts'
import { ITER_ALLOW_P2PDMA } from '../src/extract/extract-pages.ts'
import { findPolicy, POLICY_NAMES, type PolicyName } from '../src/extract/policy.ts'
import { RETAIN_PIN, RETAIN_REF } from '../src/extract/retention.ts'
import { InvariantError } from '../src/invariant.ts'
import { zeroIter } from '../src/iter/copy.ts'
import { ITER_DEST, ITER_SOURCE, ITER_TYPE_NAMES, type IterType, isUserBacked } from '../src/iter/iter-type.ts'
import type { KernelVersion } from '../src/kernel/version.ts'
import type { Hold } from '../src/ledger/hold.ts'
import { KERNEL_MM } from '../src/memory/address-spaces.ts'
import { FOLL_GET, FOLL_NOFAULT, FOLL_PCI_P2PDMA, FOLL_PIN, FOLL_WRITE } from '../src/memory/foll.ts'
import { PAGE_KINDS } from '../src/memory/page-store.ts'
import { MAX_RW_COUNT, PAGE_SIZE as P } from '../src/units.ts'
import { type Change, cellsOf, World } from './support/world.ts'

// iov_iter_extract_pages() and iov_iter_get_pages2() call by call: the worked examples of the reference (sections 3.1 to
// 3.5). Cells as World.call has them: pages @offset =bytes >segments left:iov_offset, all in hex.

const ALL: readonly KernelVersion[] = ['6.1', '6.12', '6.18', 'mainline']
const EXTRACTING: readonly KernelVersion[] = ['6.12', '6.18', 'mainline']
const HUGE = 2 ** 40

interface Row {
  readonly name: string
  readonly line: string
  readonly pagesMax: number
  readonly bytesMax: number
  /** Calls of extract_pages in 6.12, in 6.18 and mainline, and of get_pages2 in all versions. */
  readonly extract: readonly string[]
  readonly joined: readonly string[]
  readonly get: readonly string[]
}

/** `name | iterator, then maxpages:N and maxsize:N | extract_pages | 6.18 and mainline | get_pages2`: empty as the first. */
function rowsOf(table: string): Row[] {
  return cellsOf(table).map(([name, line, extract, joined, get]) => {
    const limit = (key: string) => Number.parseInt(new RegExp(`${key}:([\\da-f]+)`).exec(line!)?.[1] ?? '', 16)
    const calls = (cell: string | undefined) => (cell || extract!).split(';').map((call) => call.trim())
    const limits = { pagesMax: limit('maxpages') || 16, bytesMax: limit('maxsize') || HUGE }
    return { name: name!, line: line!, ...limits, extract: calls(extract), joined: calls(joined), get: calls(get) }
  })
}

/** Makes the calls of a row and looks at every one, and at what must hold for all. */
function check(row: Row, policy: PolicyName, version: KernelVersion, calls: readonly string[], ...changes: Change[]) {
  const world = new World(version, ...changes)
  const iter = world.begin(row.line)
  const { list } = world
  for (const call of calls) {
    const left = iter.countBytes
    expect(world.call(row.pagesMax, policy, row.bytesMax)).toBe(call)
    const bytes = Number.parseInt(/=([\da-f]+)/.exec(call)?.[1] ?? '0', 16)
    expect(iter.countBytes).toBe(left - bytes)
    if (!call.includes('@')) {
      // But for the reference that get_pages2 loses on an empty bvec.
      if (policy !== 'get-pages') expect(list.length).toBe(0)
      continue
    }
    expect(list.retention).toBe(findPolicy(policy)!.retention(iter.type, iter.direction))
    const lengths = list.lengthBytes.subarray(0, list.length)
    expect(list.length).toBe(Math.ceil((list.offsetBytes[0]! + bytes) / P))
    expect(lengths.reduce((sum, length) => sum + length)).toBe(bytes)
    expect(list.offsetBytes.subarray(1, list.length).every((offset) => offset === 0)).toBe(true)
    expect(lengths.subarray(1, -1).every((length) => length === P)).toBe(true)
  }
  if (iter.countBytes === 0) expect(world.extract(row.pagesMax, policy).bytes).toBe(0)
}

const ROWS = rowsOf(`
U1  | ubuf 10000234+2000                          | 10000-10002 @234 =2000 >1:2000
U2  | ubuf 10000234+2000 maxpages:2               | 10000-10001 @234 =1dcc >1:1dcc; 10002 @0 =234 >1:2000
U3  | ubuf 10000234+2000 refused:10002            | 10000-10001 @234 =1dcc >1:1dcc; -EFAULT; -EFAULT
U4  | ubuf 10000fff+1                             | 10000 @fff =1 >1:1
U5  | ubuf 10000fff+2                             | 10000-10001 @fff =2 >1:2
U5s | ubuf 10000fff+2 source                      | 10000-10001 @fff =2 >1:2
-   | ubuf 10000000+2000 maxsize:1800             | 10000-10001 @0 =1800 >1:1800; 10001 @800 =800 >1:2000
I1  | iovec 20001000+0 20001ff0+20 30000000+1000  | 20001-20002 @ff0 =20 >1:0; 30000 @0 =1000 >0:0
I2  | iovec 20000000+1000 20001000+1000           | 20000 @0 =1000 >1:0; 20001 @0 =1000 >0:0
I2s | iovec 20000000+1000 20001000+1000 source    | 20000 @0 =1000 >1:0; 20001 @0 =1000 >0:0
C4  | iovec 20000000+0 20001000+10 refused:20001  | -EFAULT; -EFAULT
D1  | discard count:64                            | -EFAULT
K1  | kvec 80000200+0 80001f00+200 80002100+10    | 80001-80002 @f00 =200 >1:0; 80002 @100 =10 >0:0 | | -EFAULT
K2  | kvec 80001800+3000 maxpages:2               | 80001-80002 @800 =1800 >1:1800; 80003-80004 @0 =1800 >0:0 | | -EFAULT
B1  | bvec 500/800+1000                           | 500-501 @800 =1000 >0:0 | 500 @800 =800 >1:800; 501 @0 =800 >0:0
B1b | bvec 500/800+1000 700/0+1000                | 500-501 @800 =1000 >1:0; 700 @0 =1000 >0:0
B2  | bvec 500/0+3000 700/0+1000                  | 500-502 @0 =3000 >1:0; 700 @0 =1000 >0:0 | 500-502,700 @0 =4000 >0:0
B3  | bvec 500/0+1000 600/0+800 700/0+1000        | 500 @0 =1000 >2:0; 600 @0 =800 >1:0; 700 @0 =1000 >0:0 | 500,600 @0 =1800 >1:0; 700 @0 =1000 >0:0
B4  | bvec 500/800+800 600/0+1000 700/100+200     | 500 @800 =800 >2:0; 600 @0 =1000 >1:0; 700 @100 =200 >0:0 | 500,600 @800 =1800 >1:0; 700 @100 =200 >0:0
B5  | bvec 500/1800+1000                          | 501-502 @800 =1000 >0:0 | 501 @800 =800 >1:800; 502 @0 =800 >0:0
B6  | bvec 500/0+3000 700/0+1000 advance:1234     | 501-502 @234 =1dcc >1:0; 700 @0 =1000 >0:0 | 501-502,700 @234 =2dcc >0:0
B7  | bvec 500/2+0 600/0+1000                     | 600 @0 =1000 >0:0 | | =0 >1:0; 600 @0 =1000 >0:0
B8  | bvec 500/2+0 501/2+0 600/0+1000             | 600 @0 =1000 >0:0 | =0 >1:0; 600 @0 =1000 >0:0 | =0 >2:0; =0 >1:0; 600 @0 =1000 >0:0
B9  | bvec 500/0+1000 501/0+0 600/0+1000          | 500 @0 =1000 >1:0; 600 @0 =1000 >0:0 | | 500 @0 =1000 >2:0; -ENOMEM; -ENOMEM
B9u | bvec 500/0+1000 501/2+0 600/0+1000          | 500 @0 =1000 >1:0; 600 @0 =1000 >0:0 | | 500 @0 =1000 >2:0; =0 >1:0; 600 @0 =1000 >0:0
B10 | bvec 500/0+1000 600/0+1000 maxsize:1800     | 500 @0 =1000 >1:0; 600 @0 =1000 >0:0 | 500,600 @0 =1800 >1:800; 600 @800 =800 >0:0
B11 | bvec 500/200+2000                           | 500-502 @200 =2000 >0:0 | 500-501 @200 =1e00 >1:1e00; 502 @0 =200 >0:0
-   | bvec 500/0+3000 700/0+1000 maxpages:2       | 500-501 @0 =2000 >2:2000; 502 @0 =1000 >1:0; 700 @0 =1000 >0:0 | 500-501 @0 =2000 >2:2000; 502,700 @0 =2000 >0:0
-   | bvec 500/0+1000 700/100+1200                | 500 @0 =1000 >1:0; 700-701 @100 =1200 >0:0
-   | bvec 500/2+0 501/2+0                        | =0 >2:0
X1  | xarray 1800+2800 in:0-f                     | 1-3 @800 =2800 >1:2800
X2  | xarray 1800+4000 in:0-2,4-f                 | 1-2 @800 =1800 >1:1800; =0 >1:1800
X4  | xarray 1000+2000 in:0,2-f                   | =0 >1:0
-   | xarray 1800+2800 in:0-f maxpages:2          | 1-2 @800 =1800 >1:1800; 3 @0 =1000 >1:2800
`)

// A 16K folio and a 4K folio. `slot:iov_offset`: after the end of a folio it stays there until the next call.
const FOLIOQ_ROWS = rowsOf(`
F1  | folioq 2 0 offset:1234                      | 1-4 @234 =3dcc >1:1000
F2  | folioq 2 0 offset:1234 maxpages:3           | 1-3 @234 =2dcc >0:4000; 4 @0 =1000 >1:1000
-   | folioq 2 0 offset:1234 maxsize:e00          | 1-2 @234 =e00 >0:2034; 2 @34 =e00 >0:2e34; 2-3 @e34 =e00 >0:3c34; 3-4 @c34 =e00 >1:a34; 4 @a34 =5cc >1:1000
-   | folioq 0*21 maxpages:1f                     | 0-1e @0 =1f000 >1e:1000; 1f-20 @0 =2000 >20:1000
-   | folioq 2 0 offset:4000 count:1000           | 4 @0 =1000 >1:1000
`)

describe('extract_pages', () => {
  const cases = [...ROWS, ...FOLIOQ_ROWS].flatMap((row) =>
    EXTRACTING.map((version) => [row.name, version, row] as const),
  )
  it.each(cases)('%s on %s', (_, version, row) => {
    check(row, 'extract', version, version === '6.12' ? row.extract : row.joined)
  })
})

describe('get_pages2', () => {
  const cases = ALL.flatMap((version) =>
    [...ROWS, ...(version === '6.1' ? [] : FOLIOQ_ROWS)].map((row) => [row.name, version, row] as const),
  )
  it.each(cases)('%s on %s', (_, version, row) => {
    check(row, 'get-pages', version, row.get)
  })
})

describe('XARRAY, X3: a hole at the first index, and an offset in the page', () => {
  const line = 'xarray 1800+2000 in:0,2-f'
  it.each<[KernelVersion, PolicyName, string, Change[]]>([
    ['6.12', 'extract', '=2000 >1:2000', []],
    ['6.18', 'extract', '=2000 >1:2000', []],
    ['mainline', 'extract', '=0 >1:0', []],
    ['6.12', 'extract', '=0 >1:0', ['-xarray-hole-wrap']],
    ['mainline', 'extract', '=2000 >1:2000', ['xarray-hole-wrap']],
    ['6.1', 'get-pages', '=0 >1:0', []],
    ['6.12', 'get-pages', '=0 >1:0', []],
    ['mainline', 'get-pages', '=0 >1:0', ['xarray-hole-wrap']],
  ])('%s, %s: %s', (version, policy, call, changes) => {
    const world = new World(version, ...changes)
    world.begin(line)
    expect([world.call(16, policy), world.list.length]).toEqual([call, 0])
  })

  it('what the wrapped count gives is at most MAX_RW_COUNT', () => {
    const world = new World('6.12')
    const iter = world.begin('xarray 1800+100000000')
    expect(world.extract().bytes).toBe(MAX_RW_COUNT)
    expect(iter.countBytes).toBe(2 ** 32 - MAX_RW_COUNT)
  })
})

describe('bvec quirks switched', () => {
  it.each<[KernelVersion, Change, PolicyName, string, string[]]>([
    ['6.18', '-bvec-entries-short', 'extract', 'bvec 500/800+1000', ['500-501 @800 =1000 >0:0']],
    ['mainline', '-bvec-entries-short', 'extract', 'bvec 500/1800+1000', ['501-502 @800 =1000 >0:0']],
    ['mainline', '-bvec-entries-short', 'extract', 'bvec 500/200+2000', ['500-502 @200 =2000 >0:0']],
    // Now one more entry is wanted than the first bvec fills.
    [
      '6.18',
      '-bvec-entries-short',
      'extract',
      'bvec 500/800+1000 700/0+1000',
      ['500-501 @800 =1000 >1:0', '700 @0 =1000 >0:0'],
    ],
    ['6.18', '-bvec-one-empty-skipped', 'extract', 'bvec 500/2+0 501/2+0 600/0+1000', ['600 @0 =1000 >0:0']],
    ['mainline', '-bvec-one-empty-skipped', 'extract', 'bvec 500/0+1000 501/0+0 600/0+1000', ['500,600 @0 =2000 >0:0']],
    ['6.1', '-get-pages-empty-bvec', 'get-pages', 'bvec 500/2+0 501/0+0 600/0+1000', ['600 @0 =1000 >0:0']],
    [
      'mainline',
      '-get-pages-empty-bvec',
      'get-pages',
      'bvec 500/0+1000 501/0+0 600/0+1000',
      ['500 @0 =1000 >2:0', '600 @0 =1000 >0:0'],
    ],
  ])('%s %s, %s: %s', (version, change, policy, line, calls) => {
    const world = new World(version, change)
    world.begin(line)
    for (const call of calls) expect(world.call(16, policy)).toBe(call)
    expect(world.extract().bytes).toBe(0)
  })

  it('get_pages2 of an empty bvec at an odd offset takes a reference that nobody gets', () => {
    for (const version of ALL) {
      const world = new World(version)
      world.begin('bvec 500/2+0 600/0+1000')
      expect(world.extract(16, 'get-pages').bytes).toBe(0)
      expect([world.frames(), world.list.retention, [...world.list.lengthBytes.subarray(0, 1)]]).toEqual([
        [0x500],
        1,
        [0],
      ])
    }
  })
})

describe('get_pages2 of slab pages', () => {
  it.each<[KernelVersion, boolean]>([
    ['6.1', false],
    ['6.12', false],
    ['6.18', true],
    ['mainline', true],
  ])('%s: spared %s', (version, spares) => {
    const world = new World(version)
    world.pages.pageOfFrame(0x501, PAGE_KINDS.indexOf('slab'))
    world.begin('bvec 500/0+2000 700/0+1000')
    expect(world.call(16, 'get-pages')).toBe('500-501 @0 =2000 >1:0')
    expect(world.list.sparesSlab).toBe(spares)
    const counts = () => [0x500, 0x501].map((frame) => world.refcount(world.pages.pageOfFrame(frame)))
    const hold = world.ledger.acquire(world.list)
    expect(counts()).toEqual([2, spares ? 1 : 2])
    world.ledger.letGo(hold as Hold)
    expect(counts()).toEqual([1, 1])
    expect(world.call(16, 'get-pages')).toBe('700 @0 =1000 >0:0')
    expect(world.list.sparesSlab).toBe(false)
  })
})

describe('limits', () => {
  const LINES = {
    ubuf: 'ubuf 10000234+2000',
    iovec: 'iovec 10000234+2000',
    kvec: 'kvec 80000000+1000',
    bvec: 'bvec 500/0+1000',
    folioq: 'folioq 0',
    xarray: 'xarray 0+1000 in:0',
    discard: 'discard count:64',
  } as const
  type Name = keyof typeof LINES

  it.each(Object.keys(LINES) as Name[])('maxsize 0, or nothing left: 0 (%s)', (name) => {
    for (const version of EXTRACTING) {
      for (const policy of ['extract', 'get-pages'] as const) {
        const world = new World(version)
        world.begin(LINES[name])
        expect(world.extract(16, policy, 0).bytes).toBe(0)
        world.begin(`${LINES[name].replace(/ count:\d+/, '')} count:0`)
        expect(world.extract(16, policy).bytes).toBe(0)
      }
    }
  })

  it.each<[Name, number]>([
    ['ubuf', ENOMEM],
    ['iovec', ENOMEM],
    ['kvec', ENOMEM],
    ['bvec', ENOMEM],
    ['folioq', ENOMEM],
    ['xarray', ENOMEM],
    ['discard', EFAULT],
  ])('maxpages 0: %s gives %i, get_pages2 0', (name, errno) => {
    for (const version of EXTRACTING) {
      const world = new World(version)
      world.begin(LINES[name])
      const before = world.state()
      // 6.16 to 7.1 do not look at it for a bvec.
      const isIgnored = name === 'bvec' && version === '6.18'
      expect(world.extract(0).bytes).toBe(isIgnored ? P : errno)
      if (!isIgnored) expect(world.state()).toBe(before)
      const legacy = new World(version)
      legacy.begin(LINES[name])
      expect([legacy.extract(0, 'get-pages').bytes, legacy.state()]).toEqual([0, before])
    }
  })

  it('maxpages 0 on a bvec of 6.18: one entry, unless switched off', () => {
    const world = new World('6.18')
    world.begin('bvec 500/0+3000')
    expect(world.call(0)).toBe('500 @0 =1000 >1:1000')
    const fixed = new World('6.18', '-bvec-no-entry-check')
    fixed.begin('bvec 500/0+3000')
    expect(fixed.call(0)).toBe('-ENOMEM')
  })

  it('a user iterator with bytes left and nothing but empty vectors is a BUG', () => {
    const world = new World()
    world.begin('iovec 20000000+0 20001000+0 count:10')
    expect(() => world.extract()).toThrow(InvariantError)
  })
})

/** Calls of walk, through which everything goes then. */
function watchedWalk({ spaces }: World) {
  vi.spyOn(spaces, 'walkRun').mockReturnValue(-1)
  return vi.spyOn(spaces, 'walk')
}

describe('what get_user_pages is asked for', () => {
  it.each<[PolicyName, boolean, boolean, number, number]>([
    ['extract', false, false, 0, FOLL_PIN | FOLL_WRITE],
    ['extract', true, false, 0, FOLL_PIN],
    ['extract', false, true, 0, FOLL_PIN | FOLL_WRITE | FOLL_NOFAULT],
    ['extract', true, false, ITER_ALLOW_P2PDMA, FOLL_PIN | FOLL_PCI_P2PDMA],
    ['extract', true, true, ITER_ALLOW_P2PDMA, FOLL_PIN | FOLL_NOFAULT | FOLL_PCI_P2PDMA],
    ['viro-2022', true, false, ITER_ALLOW_P2PDMA, FOLL_GET | FOLL_PCI_P2PDMA],
    ['viro-2022', false, false, 0, FOLL_PIN | FOLL_WRITE],
    ['get-pages', false, false, 0, FOLL_GET | FOLL_WRITE],
    ['get-pages', true, true, 0, FOLL_GET | FOLL_NOFAULT],
    // It has no flags of its own.
    ['get-pages', true, false, ITER_ALLOW_P2PDMA, FOLL_GET],
  ])('%s, source %s, nofault %s, flags %i: %i', (policy, write, nofault, flags, foll) => {
    for (const name of ['ubuf', 'iovec'] as const) {
      const world = new World()
      world.start(name, [[0x10000234, 0x2000]], undefined, write).nofault = nofault
      const walk = watchedWalk(world)
      expect(world.extract(16, policy, HUGE, flags).bytes).toBe(0x2000)
      expect(walk.mock.calls.map((call) => call[5])).toEqual([foll])
    }
  })

  it('kernel memory is looked up with no flags, whatever the iterator says', () => {
    const world = new World()
    world.begin('kvec 80000000+2000').nofault = true
    const walk = watchedWalk(world)
    world.extract(16, 'extract', HUGE, ITER_ALLOW_P2PDMA)
    expect(walk.mock.calls.map((call) => [call[0], call[5]])).toEqual([[KERNEL_MM, 0]])
  })

  it('nofault: pages that nobody touched are -EFAULT, and those before them a short success', () => {
    for (const [policy, version] of [
      ['get-pages', '6.1'],
      ['extract', '6.12'],
      ['extract', 'mainline'],
    ] as const) {
      const world = new World(version)
      world.untouched(0x10001, 0x10003)
      world.begin('ubuf 10000234+2000').nofault = true
      expect([world.call(16, policy), world.call(16, policy)]).toEqual(['10000 @234 =dcc >1:dcc', '-EFAULT'])
      world.iter.nofault = false
      expect(world.call(16, policy)).toBe('10001-10002 @0 =1234 >1:2000')
    }
  })

  it('P2PDMA memory is refused unless asked for', () => {
    const open = (version: KernelVersion, policy: PolicyName, flags: number) => {
      const world = new World(version)
      world.map(0x10001, 0x10002, 0, 0, 'p2pdma')
      world.begin('ubuf 10001000+1000')
      return world.extract(16, policy, HUGE, flags).bytes
    }
    expect(open('6.12', 'extract', 0)).toBe(-121)
    expect(open('mainline', 'extract', ITER_ALLOW_P2PDMA)).toBe(P)
    expect(open('mainline', 'get-pages', ITER_ALLOW_P2PDMA)).toBe(-121)
    expect(open('6.1', 'get-pages', 0)).toBe(P)
  })
})

describe('KVEC, K3', () => {
  const adjacent = (kind: 'slab' | 'vmalloc', order: number) => {
    const world = new World()
    world.map(0x80000, 0x80004, order, 0, kind, KERNEL_MM)
    world.begin('kvec 80000000+4000')
    world.extract()
    const frames = world.frames()
    return frames.slice(1).every((frame, i) => frame === frames[i]! + 1)
  }

  it('pages of the linear map are adjacent, those of vmalloc need not be', () => {
    expect([adjacent('slab', 2), adjacent('vmalloc', 0)]).toEqual([true, false])
  })
})

describe('FOLIOQ at the end of a segment', () => {
  it('is left one past its last slot only with offset 0: -EIO else', () => {
    const world = new World('6.12')
    world.begin('folioq 0*1f count:20000')
    world.iter.advance(0x1f000)
    expect(world.state()).toBe('1f:0/1000')
    world.append(0)
    expect(world.call()).toBe('1f @0 =1000 >1f:1000')

    const past = new World('6.12')
    past.begin('folioq 0*1f count:20000 advance:1f800')
    past.append(0)
    expect([past.call(), past.call(16, 'get-pages')]).toEqual(['-EIO', '-EIO'])
  })

  it('eager rolling of get_pages2 is a quirk of no release', () => {
    const eager = (line: string, pagesMax: number, policy: PolicyName) => {
      const world = new World('mainline', 'folioq-eager-roll')
      world.begin(line)
      return world.call(pagesMax, policy)
    }
    expect(eager('folioq 2 0 offset:1234', 16, 'get-pages')).toBe('1-4 @234 =3dcc >2:0')
    expect(eager('folioq 2 0 offset:1234', 3, 'get-pages')).toBe('1-3 @234 =2dcc >1:0')
    // One past the last slot of the last segment.
    expect(eager('folioq 0*1f', 0x1f, 'get-pages')).toBe('0-1e @0 =1f000 >1f:0')
    expect(eager('folioq 2 0 offset:1234', 16, 'extract')).toBe('1-4 @234 =3dcc >1:1000')
  })

  it('is not there in 6.1, and PIPE only there', () => {
    const old = new World('6.1')
    old.begin('folioq 0')
    expect(old.extract(16, 'get-pages').bytes).toBe(EFAULT)
    const late = new World('6.12')
    late.begin('pipe count:1000')
    expect(late.extract(16, 'get-pages').bytes).toBe(EFAULT)
  })
})

describe('PIPE of 6.1: get_pages2 fills the ring', () => {
  /** `filled` bytes were copied before; then calls with maxpages 16. Cells: buffers @offset =bytes >head:last_offset. */
  it.each<
    [name: string, count: number, ringSize: number, filled: number, pagesMax: number, bytesMax: number, calls: string[]]
  >([
    ['an empty ring', 0x3800, 16, 0, 16, HUGE, ['0-3 @0 =3800 >3:800']],
    ['maxsize', 0x3800, 16, 0, 16, 0x1800, ['0-1 @0 =1800 >1:800', '1-2 @800 =1800 >2:1000', '3 @0 =800 >3:800']],
    ['maxpages', 0x3800, 16, 0, 2, HUGE, ['0-1 @0 =2000 >1:1000', '2-3 @0 =1800 >3:800']],
    ['the rest of the last buffer comes first', 0x3800, 16, 0x100, 16, 0x1800, ['0-1 @100 =1800 >1:900']],
    ['a full private buffer has no rest', 0x3800, 16, P, 16, 0x1800, ['1-2 @0 =1800 >2:800']],
    ['a ring of two: no more than that', 0x3800, 2, 0, 16, HUGE, ['0-1 @0 =2000 >1:1000', '-EFAULT']],
    ['a full ring with room in its last buffer', 0x3800, 2, 0x1800, 16, HUGE, ['1 @800 =800 >1:1000', '-EFAULT']],
  ])('%s', (_, count, ringSize, filled, pagesMax, bytesMax, calls) => {
    const world = new World('6.1')
    world.memory.holdBytes()
    const iter = world.startPipe(count, ringSize)
    zeroIter(iter, world.memory, filled)
    for (const call of calls) {
      expect(world.call(pagesMax, 'get-pages', bytesMax)).toBe(call)
      if (call.includes('@')) expect(world.list.retention).toBe(RETAIN_REF)
    }
    expect(iter.countBytes).toBe(count - world.ring.lengthBytes.reduce((sum, length) => sum + length))
    expect([world.borrowed.counts.size, world.owned.counts.size]).toEqual([0, 0])
  })

  it('is -EFAULT when somebody else put something into the ring', () => {
    const world = new World('6.1')
    world.begin('pipe count:1000')
    world.ring.pushOwn(8)
    expect(world.call(16, 'get-pages')).toBe('-EFAULT')
  })
})

describe('a bvec iterator inside a registered buffer', () => {
  it('lists one segment a call, bare, page by page as it was mapped', () => {
    for (const version of EXTRACTING) {
      const world = new World(version)
      world.start('bvec', [
        [0x10000800, 0],
        [0x10000800, P],
        [0x20000000, P],
      ]).fixed = true
      const rows = [...world.rowsOf(0x10000, 2), ...world.rowsOf(0x20000, 1)]
      expect(world.extract()).toMatchObject({ bytes: P, rows: rows.slice(0, 2), offset: 0x800, retention: 'none' })
      expect(world.extract()).toMatchObject({ bytes: P, rows: rows.slice(2), offset: 0, retention: 'none' })
      expect(world.at()).toBe('0:0')
    }
  })
})

describe('what each policy takes', () => {
  const NAMES = { [EFAULT]: '-EFAULT', 0: 'bare', 1: 'ref', 2: 'pin' } as const

  /** Policy matrix: user-backed as a destination and as a source, BVEC, KVEC, FOLIOQ, XARRAY, PIPE, DISCARD. */
  it.each([
    ['get-pages', ['ref', 'ref', 'ref', '-EFAULT', 'ref', 'ref', 'ref', '-EFAULT']],
    ['viro-2022', ['pin', 'ref', 'bare', 'bare', 'bare', 'bare', 'bare', '-EFAULT']],
    ['extract', ['pin', 'pin', 'bare', 'bare', 'bare', 'bare', 'bare', '-EFAULT']],
    ['folio', ['pin', 'pin', 'bare', 'bare', 'bare', 'bare', 'bare', '-EFAULT']],
  ])('%s', (name, [dest, source, ...others]) => {
    const policy = findPolicy(name)!
    const taken = (type: (typeof ITER_TYPE_NAMES)[number], direction: 0 | 1) =>
      NAMES[policy.retention(ITER_TYPE_NAMES.indexOf(type) as IterType, direction) as keyof typeof NAMES]
    for (const user of ['ubuf', 'iovec'] as const) {
      expect([taken(user, ITER_DEST), taken(user, ITER_SOURCE)]).toEqual([dest, source])
    }
    const types = ['bvec', 'kvec', 'folioq', 'xarray', 'pipe', 'discard'] as const
    for (const direction of [ITER_DEST, ITER_SOURCE] as const) {
      expect(types.map((type) => taken(type, direction))).toEqual(others)
    }
  })

  it('extract pins exactly what is user-backed, as iov_iter_extract_will_pin() says', () => {
    for (const [type, name] of ITER_TYPE_NAMES.entries()) {
      if (name === 'discard') continue
      for (const direction of [ITER_DEST, ITER_SOURCE] as const) {
        const taken = findPolicy('extract')!.retention(type as IterType, direction)
        expect(taken === RETAIN_PIN).toBe(isUserBacked(type as IterType))
      }
    }
  })

  it('there is no other, and none by another name', () => {
    expect(POLICY_NAMES).toEqual(['get-pages', 'viro-2022', 'extract', 'folio'])
    expect(findPolicy('pin')).toBeUndefined()
  })

  it('folio: one entry for each run of a folio', () => {
    const world = new World()
    world.map(0x100, 0x110, 2)
    world.start('ubuf', [[0x101 * P + 0x200, 0x6000]])
    const got = world.extract(16, 'folio')
    expect(got.lengths).toEqual([0x2e00, 0x3200])
    expect(got.rows).toEqual([world.rowsOf(0x101, 1)[0], world.rowsOf(0x104, 1)[0]])
    expect(world.list.pages).toBe(7)
  })
})
