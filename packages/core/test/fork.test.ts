import { describe, expect, it } from 'vitest'
import { InvariantError } from '../src/invariant.ts'
import { KERNEL_VERSIONS, type KernelVersion } from '../src/kernel/version.ts'
import type { Hold } from '../src/ledger/hold.ts'
import { AddressSpaces } from '../src/memory/address-spaces.ts'
import { FOLL_GET, FOLL_PIN, FOLL_WRITE } from '../src/memory/foll.ts'
import { PAGE_KINDS, PageStore, ZERO_PAGE } from '../src/memory/page-store.ts'
import type { FlagName } from '../src/trace/op-batch.ts'
import { GupWorld } from './support/gup-worlds.ts'
import type { RowSpec } from './support/rows.ts'

// reference/iterators.md 4.4 and 5.6, lifetime.md 10; mm/memory.c, mm/huge_memory.c and include/linux/rmap.h of 6.1.192,
// 6.12.117 and 7.3.4.

const PARENT = 1
const CHILD = 2
const FORK: RowSpec = { event: 'fork', mm: PARENT, result: CHILD }
const EXIT: RowSpec = { event: 'unmap', mm: CHILD, segs: [[0, 4096]] }

function mapped(
  backing: NonNullable<RowSpec['backing']>,
  pages: number,
  flags: FlagName[] = [],
  order?: number,
): RowSpec {
  return { event: 'map', mm: PARENT, segs: [[0, pages]], backing, flags, ...(order === undefined ? {} : { order }) }
}

async function worldOf(row: RowSpec, kernel: KernelVersion = 'mainline'): Promise<GupWorld> {
  const world = new GupWorld(kernel)
  await world.apply(row)
  return world
}

describe('fork while pages are taken, by policy (reference 4.4)', () => {
  it('get-pages, a read into the memory: a write moves the parent away, and the data arrives on the old page', async () => {
    const world = await worldOf(mapped('anon', 1))
    const old = world.row(PARENT, 0)
    const hold = world.take(PARENT, 0, 1, FOLL_GET | FOLL_WRITE) as Hold
    await world.apply(FORK)
    const now = world.row(PARENT, 0, FOLL_WRITE)
    world.bytes.bytesOf(old).fill(9)
    expect([now === old, world.byte(now), world.byte(world.row(CHILD, 0))]).toEqual([false, 0, 9])
    // What is left on the old page: the child's mapping and the reference.
    expect([world.refcount(old), world.refcount(now)]).toEqual([2, 1])
    world.ledger.letGo(hold)
    expect(world.refcount(old)).toBe(1)
  })

  it('get-pages, a write from it: the transfer reads the old page, which stays as it was', async () => {
    const world = await worldOf(mapped('anon', 1))
    const old = world.row(PARENT, 0)
    world.take(PARENT, 0, 1, FOLL_GET)
    await world.apply(FORK)
    const now = world.row(PARENT, 0, FOLL_WRITE)
    world.bytes.bytesOf(now).fill(5)
    expect([now === old, world.byte(old)]).toEqual([false, 0])
  })

  it.each([
    ['viro-2022 and extract, a read into it', FOLL_PIN | FOLL_WRITE],
    ['extract, a write from it', FOLL_PIN],
  ])('%s: the child has a copy at once, the parent its page', async (_, foll) => {
    for (const kernel of KERNEL_VERSIONS) {
      const world = await worldOf(mapped('anon', 2), kernel)
      const [old, other] = world.walk(PARENT, 0, 2) as number[]
      world.bytes.bytesOf(old!).fill(3)
      world.take(PARENT, 0, 1, foll)
      await world.apply(FORK)
      const copy = world.row(CHILD, 0, FOLL_WRITE)
      expect([copy === old, world.byte(copy), Number(world.pages.isExclusive(old!))]).toEqual([false, 3, 1])
      expect([world.refcount(old!), world.refcount(copy)]).toEqual([1 + 1024, 1])
      expect(world.row(PARENT, 0, FOLL_WRITE)).toBe(old)
      // The page beside it is not pinned: both have it.
      expect([world.row(CHILD, 1), world.refcount(other!)]).toEqual([other, 2])
    }
  })

  it('viro-2022, a write from it: a reference only, as get-pages', async () => {
    const world = await worldOf(mapped('anon', 1))
    const old = world.row(PARENT, 0)
    world.take(PARENT, 0, 1, FOLL_GET)
    await world.apply(FORK)
    expect(world.row(CHILD, 0)).toBe(old)
    expect(world.row(PARENT, 0, FOLL_WRITE)).not.toBe(old)
  })
})

describe('who is copied for the child', () => {
  it('nobody where no page was ever pinned: 1,024 references deceive no one then', async () => {
    const world = await worldOf(mapped('anon', 2))
    const old = world.row(PARENT, 0)
    for (let i = 0; i < 2000; i++) world.ledger.getPage(old)
    await world.apply(FORK)
    expect(world.row(CHILD, 0)).toBe(old)
  })

  it('who looks pinned, in an address space that ever pinned: from 1,023 references on, since fork takes its own first', async () => {
    for (const [references, isCopied] of [
      [1022, false],
      [1023, true],
    ] as const) {
      const world = await worldOf(mapped('anon', 2))
      world.ledger.letGo(world.take(PARENT, 1, 1, FOLL_PIN) as Hold)
      const old = world.row(PARENT, 0)
      for (let i = 1; i < references; i++) world.ledger.getPage(old)
      await world.apply(FORK)
      expect([references, world.row(CHILD, 0) !== old]).toEqual([references, isCopied])
    }
  })

  it('a pin that failed marks the address space as well', async () => {
    const world = await worldOf(mapped('anon', 2))
    await world.apply({ ...mapped('anon', 1, ['prot_none']), segs: [[1, 1]] })
    const old = world.row(PARENT, 0)
    for (let i = 0; i < 1024; i++) world.ledger.getPage(old)
    world.walk(PARENT, 1, 1, FOLL_PIN)
    await world.apply(FORK)
    expect(world.row(CHILD, 0)).not.toBe(old)
  })

  it('not the child of the child: the mark is not inherited, and goes with the number', async () => {
    const world = await worldOf(mapped('anon', 2))
    world.take(PARENT, 1, 1, FOLL_PIN)
    await world.apply(FORK)
    const own = world.row(CHILD, 1, FOLL_WRITE)
    for (let i = 0; i < 1024; i++) world.ledger.getPage(own)
    await world.apply({ event: 'fork', mm: CHILD, result: 3 })
    expect(world.row(3, 1)).toBe(own)
    world.walk(3, 0, 1, FOLL_PIN | FOLL_WRITE)
    await world.apply({ event: 'fork', mm: PARENT, result: 3 }, { event: 'fork', mm: 3, result: 4 })
    expect(world.row(4, 1)).toBe(world.row(3, 1))
  })

  it('no page of a file, shared or private', async () => {
    for (const flags of [[], ['private']] as FlagName[][]) {
      const world = await worldOf(mapped('file', 2, flags))
      const old = world.row(PARENT, 0)
      world.take(PARENT, 0, 1, FOLL_PIN)
      await world.apply(FORK)
      expect(world.row(CHILD, 0)).toBe(old)
    }
  })

  it('every page of a large folio that has one pinned: each copy is a small page', async () => {
    const world = await worldOf(mapped('anon', 4, [], 2))
    const rows = world.walk(PARENT, 0, 4) as number[]
    world.take(PARENT, 2, 1, FOLL_PIN)
    await world.apply(FORK)
    const copies = world.walk(CHILD, 0, 4, FOLL_WRITE) as number[]
    expect(copies.map((row) => world.pages.orderOf(row))).toEqual([0, 0, 0, 0])
    expect(world.walk(PARENT, 0, 4, FOLL_WRITE)).toEqual(rows)
    expect([world.refcount(rows[0]!), world.pincount(rows[0]!)]).toEqual([4 + 1, 1])
  })

  it('every page of a huge page that has one pinned, after its entry was split', async () => {
    const world = await worldOf(mapped('thp', 512))
    const row = world.row(PARENT, 0)
    world.take(PARENT, 9, 1, FOLL_PIN | FOLL_WRITE)
    expect(world.refcount(row)).toBe(2)
    await world.apply(FORK)
    const copies = world.walk(CHILD, 0, 512) as number[]
    expect(copies.every((copy) => world.pages.orderOf(copy) === 0)).toBe(true)
    expect([world.refcount(row), world.pincount(row)]).toEqual([512 + 1, 1])
    expect(world.row(PARENT, 0, FOLL_WRITE)).toBe(row)
  })

  it('not a page of such a folio that is shared already: it is shared once more', async () => {
    const world = await worldOf(mapped('anon', 2, [], 1), '6.18')
    const rows = world.walk(PARENT, 0, 2) as number[]
    await world.apply(FORK, EXIT)
    // All references are the parent's own two: page 0 is its own again, page 1 was not asked for.
    world.take(PARENT, 0, 1, FOLL_PIN)
    expect(rows.map((row) => Number(world.pages.isExclusive(row)))).toEqual([1, 0])
    await world.apply(FORK)
    expect((world.walk(CHILD, 0, 2) as number[]).map((row, i) => row === rows[i])).toEqual([false, true])
  })
})

describe('what parent and child share', () => {
  it.each(['shmem', 'file', 'hugetlb'] as const)(
    '%s that is shared: the same pages, seen before the fork or not, writable in both',
    async (backing) => {
      const world = await worldOf(mapped(backing, 512))
      const seen = world.row(PARENT, 0)
      await world.apply(FORK)
      const later = world.row(CHILD, 1, FOLL_WRITE)
      expect([world.row(CHILD, 0, FOLL_WRITE), world.row(PARENT, 1, FOLL_WRITE)]).toEqual([seen, later])
      expect(world.row(PARENT, 0, FOLL_PIN | FOLL_WRITE)).toBe(seen)
      await world.apply(EXIT)
      expect([world.row(PARENT, 0), world.row(PARENT, 1)]).toEqual([seen, later])
    },
  )

  it('touched memory that no row had reached before the fork: one page, until one of them writes', async () => {
    const world = await worldOf(mapped('anon', 8, [], 1))
    await world.apply(FORK, { event: 'fork', mm: PARENT, result: 3 })
    const row = world.row(CHILD, 0)
    // Three address spaces map its two pages.
    expect([world.row(PARENT, 0), world.row(3, 0), world.refcount(row)]).toEqual([row, row, 6])
    world.bytes.bytesOf(row).fill(4)
    const own = world.row(PARENT, 0, FOLL_WRITE)
    expect([own === row, world.byte(own), world.refcount(row)]).toEqual([false, 4, 5])
    expect([world.row(CHILD, 0), world.row(3, 0)]).toEqual([row, row])
  })

  it('memory that no map row covers, too', async () => {
    const world = new GupWorld()
    await world.apply(FORK)
    expect(world.row(CHILD, 77)).toBe(world.row(PARENT, 77))
    expect(world.row(CHILD, 77, FOLL_WRITE)).not.toBe(world.row(PARENT, 77))
  })

  it('untouched memory: each gets pages of its own', async () => {
    const world = await worldOf(mapped('anon', 8, ['untouched']))
    world.row(PARENT, 0)
    await world.apply(FORK)
    expect([world.row(CHILD, 0), world.row(CHILD, 1)]).toEqual([ZERO_PAGE, ZERO_PAGE])
    expect(world.row(CHILD, 1, FOLL_WRITE)).not.toBe(world.row(PARENT, 1, FOLL_WRITE))
    expect(world.refcount(ZERO_PAGE)).toBe(1)
  })

  it('a private file: the page cache, also where nothing was read before the fork', async () => {
    const world = await worldOf(mapped('file', 8, ['private']))
    await world.apply(FORK)
    const cached = world.row(PARENT, 3)
    expect(world.row(CHILD, 3)).toBe(cached)
    expect(world.refcount(cached)).toBe(1 + 2)
    expect(world.row(CHILD, 3, FOLL_WRITE)).not.toBe(cached)
    expect([world.row(PARENT, 3), world.refcount(cached)]).toEqual([cached, 1 + 1])
  })
})

describe('a write after the fork', () => {
  it('a small page: a copy while the other one has it; the page itself once that is gone', async () => {
    for (const kernel of KERNEL_VERSIONS) {
      const world = await worldOf(mapped('anon', 2), kernel)
      const [a, b] = world.walk(PARENT, 0, 2) as number[]
      await world.apply(FORK)
      const own = world.row(PARENT, 0, FOLL_WRITE)
      expect([own === a, world.refcount(a!), Number(world.pages.isExclusive(a!))]).toEqual([false, 1, 0])
      // The child is alone with the old page.
      expect([world.row(CHILD, 0, FOLL_WRITE), Number(world.pages.isExclusive(a!))]).toEqual([a, 1])
      await world.apply(EXIT)
      expect([world.row(PARENT, 1, FOLL_WRITE), Number(world.pages.isExclusive(b!))]).toEqual([b, 1])
    }
  })

  it('a reference of anybody forces a copy, although nobody else maps the page', async () => {
    const world = await worldOf(mapped('anon', 1))
    const old = world.row(PARENT, 0)
    await world.apply(FORK, EXIT)
    const hold = world.take(PARENT, 0, 1, FOLL_GET) as Hold
    expect(world.row(PARENT, 0, FOLL_WRITE)).not.toBe(old)
    expect(world.refcount(old)).toBe(1)
    world.ledger.letGo(hold)
    expect(world.refcount(old)).toBe(0)
  })

  it('a page of a large folio is copied into a small page; the others stay', async () => {
    const world = await worldOf(mapped('anon', 4, [], 2))
    const rows = world.walk(PARENT, 0, 4) as number[]
    await world.apply(FORK)
    expect(world.refcount(rows[0]!)).toBe(8)
    const own = world.row(PARENT, 1, FOLL_WRITE)
    expect([world.pages.orderOf(own), world.refcount(rows[0]!)]).toEqual([0, 7])
    expect(world.walk(PARENT, 0, 4)).toEqual([rows[0], own, rows[2], rows[3]])
    expect(world.walk(CHILD, 0, 4)).toEqual(rows)
  })

  it('a large folio that the child has given up: never written in place by 6.12, as a whole since 6.15', async () => {
    for (const [kernel, isReused] of [
      ['6.1', false],
      ['6.12', false],
      ['6.18', true],
      ['mainline', true],
    ] as const) {
      const world = await worldOf(mapped('anon', 4, [], 2), kernel)
      const rows = world.walk(PARENT, 0, 4) as number[]
      await world.apply(FORK, EXIT)
      expect([kernel, world.row(PARENT, 1, FOLL_WRITE) === rows[1]]).toEqual([kernel, isReused])
    }
  })

  it('the last page of a large folio that is mapped: in place by 6.1 only', async () => {
    for (const kernel of KERNEL_VERSIONS) {
      const world = await worldOf(mapped('anon', 2, [], 1), kernel)
      const [first] = world.walk(PARENT, 0, 2) as number[]
      await world.apply(
        FORK,
        { event: 'unmap', mm: CHILD, segs: [[0, 2]] },
        { event: 'unmap', mm: PARENT, segs: [[1, 1]] },
      )
      expect(world.refcount(first!)).toBe(1)
      expect([kernel, world.row(PARENT, 0, FOLL_WRITE) === first]).toEqual([kernel, kernel === '6.1'])
    }
  })

  it('a huge page: its entry is split and one page copied; in place as a whole once nobody else has it', async () => {
    for (const kernel of KERNEL_VERSIONS) {
      const world = await worldOf(mapped('thp', 1024), kernel)
      const [a] = world.walk(PARENT, 0, 1) as number[]
      const b = world.row(PARENT, 512)
      await world.apply(FORK)
      expect(world.refcount(a!)).toBe(2)
      const own = world.row(PARENT, 5, FOLL_WRITE)
      // 512 of the parent's pages less one, and the child's one entry.
      expect([world.pages.orderOf(own), world.refcount(a!)]).toEqual([0, 511 + 1])
      await world.apply(EXIT)
      expect(world.refcount(b)).toBe(1)
      expect(world.row(PARENT, 600, FOLL_WRITE)).toBe(b + 88)
      expect([Number(world.pages.isExclusive(b)), Number(world.pages.isExclusive(b + 511)), world.refcount(b)]).toEqual(
        [1, 1, 1],
      )
    }
  })
})

describe('a pin after the fork', () => {
  it('that only reads unshares: the process gets a page of its own first, and keeps it when it writes', async () => {
    for (const kernel of KERNEL_VERSIONS) {
      const world = await worldOf(mapped('anon', 1), kernel)
      const old = world.row(PARENT, 0)
      world.bytes.bytesOf(old).fill(6)
      await world.apply(FORK)
      const own = world.row(PARENT, 0, FOLL_PIN)
      expect([own === old, world.byte(own), Number(world.pages.isExclusive(own))]).toEqual([false, 6, 1])
      world.hold([own], true)
      expect(world.row(PARENT, 0, FOLL_PIN)).toBe(own)
      expect(world.row(PARENT, 0, FOLL_WRITE)).toBe(own)
      expect(world.row(CHILD, 0)).toBe(old)
    }
  })

  it('that only reads takes the page itself where nobody else has it', async () => {
    const world = await worldOf(mapped('anon', 1))
    const old = world.row(PARENT, 0)
    await world.apply(FORK, EXIT)
    expect(world.row(PARENT, 0, FOLL_PIN)).toBe(old)
  })

  it('a reference never unshares', async () => {
    const world = await worldOf(mapped('anon', 1))
    const old = world.row(PARENT, 0)
    await world.apply(FORK)
    expect([world.row(PARENT, 0, FOLL_GET), world.row(CHILD, 0, FOLL_GET), world.row(PARENT, 0)]).toEqual([
      old,
      old,
      old,
    ])
  })

  it('a pinned anonymous page is exclusive, whatever went before', async () => {
    const world = await worldOf(mapped('thp', 512))
    world.row(PARENT, 0)
    await world.apply(FORK)
    for (const mm of [PARENT, CHILD]) {
      const rows = world.walk(mm, 7, 3, FOLL_PIN) as number[]
      expect(rows.map((row) => Number(world.pages.isExclusive(row)))).toEqual([1, 1, 1])
    }
  })
})

describe('fork rows', () => {
  it.each([undefined, 0, -11, 2 ** 31])('without a child (result %s) nothing happens', async (result) => {
    const world = await worldOf(mapped('anon', 1))
    const old = world.row(PARENT, 0)
    await world.apply({ event: 'fork', mm: PARENT, ...(result === undefined ? {} : { result }) })
    expect([world.row(PARENT, 0, FOLL_WRITE), world.refcount(old)]).toEqual([old, 1])
  })

  it('a process that forks itself is nothing', async () => {
    const world = await worldOf(mapped('anon', 1))
    const old = world.row(PARENT, 0)
    await world.apply({ event: 'fork', mm: PARENT, result: PARENT })
    expect([world.row(PARENT, 0, FOLL_WRITE), world.refcount(old)]).toEqual([old, 1])
  })

  it('a child whose number was in use begins anew: what was there is dropped', async () => {
    const world = await worldOf(mapped('anon', 1))
    await world.apply({ ...mapped('anon', 1), mm: CHILD })
    const gone = world.row(CHILD, 0)
    const old = world.row(PARENT, 0)
    await world.apply(FORK)
    expect([world.row(CHILD, 0), world.refcount(gone)]).toEqual([old, 0])
    await world.apply(FORK, FORK)
    expect(world.refcount(old)).toBe(2)
  })

  it('a lane that comes later takes over what was forked', async () => {
    const before = new AddressSpaces(new PageStore())
    before.map(PARENT, 0, 4, PAGE_KINDS.indexOf('shmem'), 0, 0)
    before.fork(PARENT, CHILD)
    const world = new GupWorld()
    world.spaces.copyMappings(before)
    expect(world.row(CHILD, 1)).toBe(world.row(PARENT, 1))
    expect(world.row(CHILD, 9)).toBe(world.row(PARENT, 9))
    expect(world.row(CHILD, 9, FOLL_WRITE)).not.toBe(world.row(PARENT, 9))
    expect(() => world.spaces.copyMappings(before)).toThrow(InvariantError)
  })

  it('pages cannot be shared where nobody counts', () => {
    const spaces = new AddressSpaces(new PageStore())
    spaces.walkPages(PARENT, 0, 1, 0, new Int32Array(1))
    expect(() => spaces.fork(PARENT, CHILD)).toThrow(InvariantError)
  })
})
