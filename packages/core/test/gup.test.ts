import { describe, expect, it } from 'vitest'
import { EFAULT, EINVAL, ENOMEM, EOPNOTSUPP, EREMOTEIO } from '../src/errno.ts'
import { KERNEL_VERSIONS } from '../src/kernel/version.ts'
import { type Hold, isPinned, type Pinned } from '../src/ledger/hold.ts'
import { KERNEL_MM, USER_PAGES_END } from '../src/memory/address-spaces.ts'
import {
  FOLL_FORCE,
  FOLL_GET,
  FOLL_LONGTERM,
  FOLL_NOFAULT,
  FOLL_PCI_P2PDMA,
  FOLL_PIN,
  FOLL_WRITE,
} from '../src/memory/foll.ts'
import { folioMaybeDmaPinned } from '../src/memory/maybe-dma-pinned.ts'
import { PageBytes } from '../src/memory/page-bytes.ts'
import { PAGE_KINDS, ZERO_PAGE } from '../src/memory/page-store.ts'
import type { FlagName } from '../src/trace/op-batch.ts'
import { GupWorld } from './support/gup-worlds.ts'
import type { RowSpec } from './support/rows.ts'

// Figures are those of reference/iterators.md 5.1 to 5.6, and of mm/gup.c, mm/memory.c and mm/huge_memory.c of 6.1.192,
// 6.12.117 and 7.3.4.

const MM = 1
const LONG = FOLL_PIN | FOLL_LONGTERM
const NEW = KERNEL_VERSIONS.filter((version) => version !== '6.1')

function mapped(
  backing: NonNullable<RowSpec['backing']>,
  pages: number,
  flags: FlagName[] = [],
  order?: number,
): RowSpec {
  return { event: 'map', mm: MM, segs: [[0, pages]], backing, flags, ...(order === undefined ? {} : { order }) }
}

async function worldOf(row: RowSpec, kernel: (typeof KERNEL_VERSIONS)[number] = 'mainline'): Promise<GupWorld> {
  const world = new GupWorld(kernel)
  await world.apply(row)
  return world
}

describe('counts', () => {
  it('a small page, pinned twice and referenced once: 1 + 2 x 1024 + 1', async () => {
    const world = await worldOf(mapped('anon', 1))
    world.take(MM, 0, 1, FOLL_PIN)
    world.take(MM, 0, 1, FOLL_PIN)
    world.take(MM, 0, 1, FOLL_GET)
    expect([world.refcount(world.row(MM, 0)), world.pincount(world.row(MM, 0))]).toEqual([2050, 0])
  })

  it('a folio of 16 KiB that nobody maps, 4 pages pinned: refcount 5, pincount 4', () => {
    const world = new GupWorld()
    const head = world.pages.allocateFolio(2, PAGE_KINDS.indexOf('file'))
    const hold = world.hold([head, head + 1, head + 2, head + 3], true)
    expect([world.refcount(head), world.pincount(head)]).toEqual([5, 4])
    world.ledger.letGo(hold as Hold)
    expect([world.refcount(head), world.pincount(head)]).toEqual([1, 0])
  })

  it('of one in shared memory the same; in anonymous memory its four page-table entries have a reference each: 8', async () => {
    for (const [backing, refcount] of [['shmem', 5] as const, ['anon', 8] as const]) {
      const world = await worldOf(mapped(backing, 4, [], 2))
      world.take(MM, 0, 4, FOLL_PIN)
      expect([world.refcount(world.row(MM, 0)), world.pincount(world.row(MM, 0))]).toEqual([refcount, 4])
    }
  })

  it('a huge page has one reference of its one entry: 4 pages pinned, 5 and 4 (as live kernels show)', async () => {
    const world = await worldOf(mapped('thp', 512))
    world.take(MM, 3, 4, FOLL_PIN)
    expect([world.refcount(world.row(MM, 0)), world.pincount(world.row(MM, 0))]).toEqual([5, 4])
  })

  it('a page of a private file has the reference of the page cache and that of the mapping', async () => {
    const world = await worldOf(mapped('file', 4, ['private']))
    world.take(MM, 0, 1, FOLL_PIN)
    expect(world.refcount(world.row(MM, 0))).toBe(1 + 1 + 1024)
  })

  it('get_page and put_page by row are counted as references', async () => {
    const world = await worldOf(mapped('anon', 1))
    const row = world.row(MM, 0)
    world.ledger.getPage(row)
    world.ledger.pageReferences.get(row)
    expect(world.refcount(row)).toBe(3)
    world.ledger.putPage(row)
    // acquired, released, open, peak
    expect([...world.ledger.totals.subarray(4, 8)]).toEqual([2, 1, 1, 2])
    world.ledger.pageReferences.put(row)
    expect(world.ledger.mappingReferences.areAll()).toBe(true)
  })

  it('what mappings hold moves no sum', async () => {
    const world = await worldOf(mapped('anon', 1))
    world.ledger.mappingReferences.get(world.row(MM, 0))
    expect([...world.ledger.totals]).toEqual(new Array(10).fill(0))
    expect([world.refcount(world.row(MM, 0)), world.ledger.mappingReferences.areAll()]).toEqual([2, true])
    world.ledger.getPage(world.row(MM, 0))
    expect(world.ledger.mappingReferences.areAll()).toBe(false)
  })
})

describe('folio_maybe_dma_pinned', () => {
  it('a small page: from a refcount of 1,024 on, whoever has the references', async () => {
    const world = await worldOf(mapped('anon', 1))
    const row = world.row(MM, 0)
    for (let i = 0; i < 1022; i++) world.ledger.getPage(row)
    expect([world.refcount(row), folioMaybeDmaPinned(world.pages, row)]).toEqual([1023, false])
    world.ledger.getPage(row)
    expect([world.refcount(row), folioMaybeDmaPinned(world.pages, row)]).toEqual([1024, true])
  })

  it('a pin is never overlooked, not even when the count has overflowed', async () => {
    const world = await worldOf(mapped('anon', 1))
    const row = world.row(MM, 0)
    const hold = world.take(MM, 0, 1, FOLL_PIN)
    expect(folioMaybeDmaPinned(world.pages, row)).toBe(true)
    world.ledger.letGo(hold as Hold)
    expect(folioMaybeDmaPinned(world.pages, row)).toBe(false)
    world.pages.counts.add(row, -5 - world.pages.refcountOf(row))
    expect(folioMaybeDmaPinned(world.pages, row)).toBe(true)
  })

  it('a large folio: its pincount tells exactly, however many references it has', async () => {
    const world = await worldOf(mapped('thp', 512))
    const row = world.row(MM, 7)
    for (let i = 0; i < 5000; i++) world.ledger.getPage(row)
    expect(folioMaybeDmaPinned(world.pages, row)).toBe(false)
    world.take(MM, 3, 1, FOLL_PIN)
    expect(folioMaybeDmaPinned(world.pages, row)).toBe(true)
  })
})

describe('the overflow guard', () => {
  it('2^21 - 1 pins of one page fit; the one that turns the count negative is still allowed; then nothing is', async () => {
    const world = await worldOf(mapped('anon', 1))
    const row = world.row(MM, 0)
    const rows = new Array<number>(4096).fill(row)
    for (let pins = 2 ** 21 - 1; pins > 0; pins -= 4096) {
      expect(world.hold(rows.slice(0, Math.min(pins, 4096)), true)).toBeGreaterThan(0)
    }
    expect(world.refcount(row)).toBe(2_097_151 * 1024 + 1)
    expect(world.hold([row], true)).toBeGreaterThan(0)
    expect(world.refcount(row)).toBe(-(2 ** 31) + 1)
    expect([world.hold([row], true), world.hold([row], false)]).toEqual([ENOMEM, ENOMEM])
    expect(world.refcount(row)).toBe(-(2 ** 31) + 1)
  })

  it.each([0, -1])('a count of %i takes nothing: not of a small page, not of a large folio', async (count) => {
    const world = await worldOf(mapped('anon', 1))
    await world.apply({ ...mapped('thp', 1), segs: [[512, 512]] })
    for (const row of [world.row(MM, 0), world.row(MM, 600)]) {
      world.pages.counts.add(world.pages.headOf(row), count - world.pages.refcountOf(world.pages.headOf(row)))
      expect([world.hold([row], true), world.hold([row], false)]).toEqual([ENOMEM, ENOMEM])
      expect([world.refcount(row), world.pincount(row)]).toEqual([count, 0])
    }
  })

  it('get_page does not ask', async () => {
    const world = await worldOf(mapped('anon', 1))
    const row = world.row(MM, 0)
    world.pages.counts.add(row, -3 - world.pages.refcountOf(row))
    world.ledger.getPage(row)
    expect(world.refcount(row)).toBe(-2)
  })
})

describe('what is asked for', () => {
  it.each([
    ['FOLL_GET and FOLL_PIN', FOLL_GET | FOLL_PIN, KERNEL_VERSIONS],
    ['FOLL_LONGTERM without FOLL_PIN', FOLL_GET | FOLL_LONGTERM, KERNEL_VERSIONS],
    ['FOLL_LONGTERM of peer-to-peer memory', LONG | FOLL_PCI_P2PDMA, NEW],
  ] as const)('%s: -EINVAL, whatever is mapped', async (_, foll, versions) => {
    for (const version of versions) {
      const world = await worldOf(mapped('anon', 4, ['prot_none']), version)
      expect(world.walk(MM, 0, 4, foll)).toBe(EINVAL)
    }
  })

  it.each([
    // mm/gup.c: check_vma_flags: copy-on-write of private memory is broken, shared memory and huge pages are refused.
    ['anon', ['prot_read'], 1],
    ['file', ['prot_read', 'private'], 1],
    ['file', ['prot_read'], EFAULT],
    ['shmem', ['prot_read'], EFAULT],
    ['hugetlb', ['prot_read', 'private'], EFAULT],
    ['anon', [], 1],
  ] as const)('%s %j: written to by force', async (backing, flags, forced) => {
    for (const version of KERNEL_VERSIONS) {
      const world = await worldOf(mapped(backing, 512, [...flags]), version)
      const isWritable: boolean = flags.length === 0
      const plain = world.walk(MM, 0, 1, FOLL_PIN | FOLL_WRITE)
      expect(typeof plain === 'number' ? plain : plain.length).toBe(isWritable ? 1 : EFAULT)
      const found = world.walk(MM, 0, 1, FOLL_PIN | FOLL_WRITE | FOLL_FORCE)
      expect(typeof found === 'number' ? found : found.length).toBe(forced)
    }
  })

  it.each([
    ['device', [], EFAULT, EFAULT, EFAULT],
    ['pfn', [], EFAULT, EFAULT, EFAULT],
    ['anon', ['prot_none'], EFAULT, EFAULT, EFAULT],
    // The CPU reaches it: memory of its own, which nobody else is to have.
    ['secretmem', [], EFAULT, EFAULT, 1],
    ['shmem', [], 1, 1, 1],
    ['hugetlb', [], 1, 1, 1],
    ['fsdax', [], 1, 1, 1],
  ] as const)('%s %j: referenced, pinned, read by the CPU', async (backing, flags, get, pin, cpu) => {
    for (const version of KERNEL_VERSIONS) {
      const world = await worldOf(mapped(backing, 512, [...flags]), version)
      const found = [FOLL_GET, FOLL_PIN, 0].map((foll) => world.walk(MM, 0, 1, foll))
      expect(found.map((rows) => (typeof rows === 'number' ? rows : rows.length))).toEqual([get, pin, cpu])
    }
  })

  it('a mapping that is only read: a write is -EFAULT', async () => {
    const world = await worldOf(mapped('anon', 4, ['prot_read']))
    expect(world.walk(MM, 0, 1, FOLL_PIN | FOLL_WRITE)).toBe(EFAULT)
    expect(world.walk(MM, 0, 1, FOLL_PIN)).toHaveLength(1)
  })

  it('peer-to-peer memory: -EREMOTEIO where it is not wanted; 6.1 does not know it, and gives the page', async () => {
    for (const version of NEW) {
      const world = await worldOf(mapped('p2pdma', 4), version)
      expect([world.walk(MM, 0, 2, FOLL_PIN), world.walk(MM, 0, 2, FOLL_GET | FOLL_WRITE)]).toEqual([
        EREMOTEIO,
        EREMOTEIO,
      ])
      expect(world.walk(MM, 0, 2, FOLL_PIN | FOLL_PCI_P2PDMA)).toHaveLength(2)
      expect(world.walk(MM, 0, 2, 0)).toHaveLength(2)
    }
    const old = await worldOf(mapped('p2pdma', 4), '6.1')
    expect(old.walk(MM, 0, 2, FOLL_PIN)).toHaveLength(2)
  })

  it('of a mapping that nobody may touch the protection comes first', async () => {
    const world = await worldOf(mapped('p2pdma', 4, ['prot_none']))
    expect(world.walk(MM, 0, 1, FOLL_PIN)).toBe(EFAULT)
  })

  it('the first error counts only when nothing came before it', async () => {
    const world = await worldOf(mapped('anon', 8))
    await world.apply(
      { ...mapped('p2pdma', 1), segs: [[2, 2]] },
      { ...mapped('anon', 1, ['prot_none']), segs: [[6, 1]] },
    )
    expect(world.walk(MM, 0, 8, FOLL_PIN)).toHaveLength(2)
    expect(world.walk(MM, 2, 6, FOLL_PIN)).toBe(EREMOTEIO)
    expect(world.walk(MM, 4, 4, FOLL_PIN)).toHaveLength(2)
    expect(world.walk(MM, 6, 2, FOLL_PIN)).toBe(EFAULT)
  })

  it('beyond 2^47 bytes less a page nothing is taken of the whole range; kernel addresses have no such end', () => {
    const world = new GupWorld()
    expect(USER_PAGES_END * 4096).toBe(0x7ffffffff000)
    expect(world.walk(MM, USER_PAGES_END - 2, 2, FOLL_PIN)).toHaveLength(2)
    expect(world.walk(MM, USER_PAGES_END - 2, 3, FOLL_PIN)).toBe(EFAULT)
    expect(world.walk(KERNEL_MM, USER_PAGES_END - 2, 3)).toHaveLength(3)
  })
})

describe('a pin for long', () => {
  it('that writes a shared file mapping: -EFAULT since 6.5, given before', async () => {
    for (const version of KERNEL_VERSIONS) {
      const world = await worldOf(mapped('file', 4), version)
      const found = world.walk(MM, 0, 4, LONG | FOLL_WRITE)
      if (version === '6.1') expect(found).toHaveLength(4)
      else expect(found).toBe(EFAULT)
    }
  })

  it.each([
    ['only reads it', 'file', [], LONG],
    ['is not for long', 'file', [], FOLL_PIN | FOLL_WRITE],
    ['writes a private one', 'file', ['private'], LONG | FOLL_WRITE],
    ['writes shared memory', 'shmem', [], LONG | FOLL_WRITE],
    ['writes huge pages', 'hugetlb', [], LONG | FOLL_WRITE],
  ] as const)('is given when it %s', async (_, backing, flags, foll) => {
    const world = await worldOf(mapped(backing, 512, [...flags]))
    expect(world.walk(MM, 0, 4, foll)).toHaveLength(4)
  })

  it('of a file on a DAX device: -EOPNOTSUPP, shared or private, read or written, in every version', async () => {
    for (const version of KERNEL_VERSIONS) {
      for (const flags of [[], ['private'], ['prot_none']] as FlagName[][]) {
        const world = await worldOf(mapped('fsdax', 4, flags), version)
        expect([world.walk(MM, 0, 1, LONG), world.walk(MM, 0, 1, LONG | FOLL_WRITE)]).toEqual([EOPNOTSUPP, EOPNOTSUPP])
      }
    }
  })

  it('breaks copy-on-write of a private file since 6.2, even where it may not be written; a short one does not', async () => {
    for (const version of KERNEL_VERSIONS) {
      for (const flags of [['private'], ['private', 'prot_read']] as FlagName[][]) {
        const world = await worldOf(mapped('file', 4, flags), version)
        const cached = world.row(MM, 0, FOLL_PIN)
        const long = world.row(MM, 0, LONG)
        expect(long === cached).toBe(version === '6.1')
        expect(world.pages.kindOf(long)).toBe(PAGE_KINDS.indexOf(version === '6.1' ? 'file' : 'anon'))
        expect(world.row(MM, 0, FOLL_GET)).toBe(long)
      }
    }
  })

  it('of untouched memory takes a page of its own, not the zero page; 6.1 the zero page', async () => {
    for (const version of KERNEL_VERSIONS) {
      const world = await worldOf(mapped('anon', 2, ['untouched']), version)
      expect(world.row(MM, 0, FOLL_PIN)).toBe(ZERO_PAGE)
      expect(world.row(MM, 0, LONG) === ZERO_PAGE).toBe(version === '6.1')
      expect(world.row(MM, 1, FOLL_PIN)).toBe(ZERO_PAGE)
    }
  })
})

describe('FOLL_NOFAULT', () => {
  const NOFAULT = FOLL_PIN | FOLL_NOFAULT

  it('a page that was never touched is -EFAULT, the ones before it are had', async () => {
    const world = await worldOf(mapped('anon', 8, ['untouched']))
    world.walk(MM, 0, 2, FOLL_WRITE)
    expect(world.walk(MM, 0, 4, NOFAULT)).toHaveLength(2)
    expect(world.walk(MM, 2, 4, NOFAULT)).toBe(EFAULT)
    world.walk(MM, 2, 1, 0)
    expect(world.walk(MM, 2, 1, NOFAULT)).toEqual([ZERO_PAGE])
    expect(world.walk(MM, 2, 1, NOFAULT | FOLL_WRITE)).toBe(EFAULT)
  })

  it('memory that was touched is there; that of a device always is', async () => {
    const world = await worldOf(mapped('anon', 4))
    expect(world.walk(MM, 0, 4, NOFAULT | FOLL_WRITE)).toHaveLength(4)
    await world.apply(mapped('p2pdma', 4, ['untouched']))
    expect(world.walk(MM, 0, 4, NOFAULT | FOLL_PCI_P2PDMA)).toHaveLength(4)
  })

  it('a page that a write must copy first, or a pin unshare, is -EFAULT', async () => {
    const world = await worldOf(mapped('file', 4, ['private']))
    expect(world.walk(MM, 0, 1, NOFAULT)).toHaveLength(1)
    expect(world.walk(MM, 0, 1, NOFAULT | FOLL_WRITE)).toBe(EFAULT)
    expect(world.walk(MM, 0, 1, NOFAULT | FOLL_LONGTERM)).toBe(EFAULT)
    await world.apply(mapped('anon', 1), { event: 'fork', mm: MM, result: 2 })
    expect(world.walk(MM, 0, 1, FOLL_GET | FOLL_NOFAULT)).toHaveLength(1)
    expect(world.walk(MM, 0, 1, NOFAULT)).toBe(EFAULT)
  })
})

describe('copy-on-write', () => {
  it('a private file page: its contents go along, and the page cache keeps its page', async () => {
    const world = await worldOf(mapped('file', 4, ['private']))
    const cached = world.row(MM, 0)
    world.bytes.bytesOf(cached).fill(7)
    const own = world.row(MM, 0, FOLL_WRITE)
    expect([own === cached, world.byte(own), Number(world.pages.isExclusive(own))]).toEqual([false, 7, 1])
    expect([world.refcount(cached), world.refcount(own)]).toEqual([1, 1])
    expect(world.row(MM, 0, FOLL_PIN)).toBe(own)
  })

  it('the zero page gives zeroes, and keeps its count', async () => {
    const world = await worldOf(mapped('anon', 4, ['untouched'], 2))
    expect(world.row(MM, 0)).toBe(ZERO_PAGE)
    const own = world.row(MM, 0, FOLL_WRITE)
    expect([world.pages.orderOf(own), world.byte(own), world.refcount(ZERO_PAGE)]).toEqual([0, 0, 1])
    // The other pages of the 16 KiB are small too: one of them is there already.
    expect(world.pages.orderOf(world.row(MM, 1, FOLL_WRITE))).toBe(0)
  })

  it('memory that nobody touched reads as zeroes once it is written; what was touched holds something', async () => {
    const world = await worldOf(mapped('anon', 4, ['untouched'], 1))
    await world.apply({ ...mapped('anon', 1), segs: [[4, 4]] })
    world.spaces.bytes = new PageBytes((_, bytes) => bytes.fill(8))
    const bytes = world.spaces.bytes
    const rows = [0, 1, 4].map((page) => world.row(MM, page, FOLL_WRITE))
    expect(rows.map((row) => bytes.bytesOf(row)[0])).toEqual([0, 0, 8])
  })

  it('a mapping that goes drops its references; a hold keeps the page', async () => {
    const world = await worldOf(mapped('anon', 4))
    const [first, second] = world.walk(MM, 0, 2) as number[]
    world.take(MM, 1, 1, FOLL_PIN)
    await world.apply({ event: 'unmap', mm: MM, segs: [[0, 4]] })
    expect([world.refcount(first!), world.refcount(second!)]).toEqual([0, 1024])
  })

  it('part of a huge page that goes splits its entry: 511 references more, one dropped for each page', async () => {
    const world = await worldOf(mapped('thp', 512))
    const row = world.row(MM, 0)
    await world.apply({ event: 'unmap', mm: MM, segs: [[0, 12]] })
    expect(world.refcount(row)).toBe(500)
    await world.apply({ event: 'unmap', mm: MM, segs: [[12, 500]] })
    expect(world.refcount(row)).toBe(0)
  })
})

describe('unpin_user_pages_dirty_lock', () => {
  it('dirties each folio once, whichever of its pages were pinned', async () => {
    const world = await worldOf(mapped('shmem', 8, [], 2))
    const [a, , , , b] = world.walk(MM, 0, 8) as number[]
    const hold = world.take(MM, 1, 4, FOLL_PIN | FOLL_WRITE) as Hold
    expect(isPinned(hold)).toBe(true)
    expect(world.ledger.unpinDirty(hold as Pinned)).toBe(2)
    expect([Number(world.pages.isDirty(a!)), Number(world.pages.isDirty(b!))]).toEqual([1, 1])
    expect(world.ledger.totals[2]).toBe(0)
    const again = world.take(MM, 0, 8, FOLL_PIN | FOLL_WRITE) as Pinned
    expect(world.ledger.unpinDirty(again)).toBe(0)
  })

  it('dirties small pages one by one, and leaves the clean ones that were not pinned', async () => {
    const world = await worldOf(mapped('file', 4))
    const rows = world.walk(MM, 0, 4) as number[]
    expect(world.ledger.unpinDirty(world.take(MM, 1, 2, FOLL_PIN | FOLL_WRITE) as Pinned)).toBe(2)
    expect(rows.map((row) => Number(world.pages.isDirty(row)))).toEqual([0, 1, 1, 0])
  })

  it('of what was let go before dirties nothing, and is a violation', async () => {
    const world = await worldOf(mapped('file', 4))
    const hold = world.take(MM, 0, 2, FOLL_PIN) as Pinned
    world.ledger.unpin(hold)
    expect(world.ledger.unpinDirty(hold)).toBe(0)
    expect(Number(world.pages.isDirty(world.row(MM, 0)))).toBe(0)
    expect(world.ledger.violations).toMatchObject([{ rule: 'double-release' }])
  })
})
