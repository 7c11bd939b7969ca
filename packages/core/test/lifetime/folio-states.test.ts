import { describe, expect, it } from 'vitest'
import {
  FOLIO_DETACHED,
  FOLIO_GONE,
  FOLIO_LOCKED,
  FOLIO_NOTIFIED,
  FOLIO_PROTECTED,
} from '../../src/lifetime/folio-flags.ts'
import { BY_CPU, BY_DEVICE, BY_KERNEL, type Writer } from '../../src/lifetime/lifetime-event.ts'
import { folioMaybeDmaPinned } from '../../src/memory/maybe-dma-pinned.ts'
import { AuditWorld } from '../support/audit-world.ts'

// The rows of the transition table in reference/lifetime.md 3.2, the orderings of 3.3, the matrix of 5.3 and the
// consumers of folio_maybe_dma_pinned in 9, as mm/page-writeback.c, mm/rmap.c, mm/truncate.c and mm/vmscan.c of 6.12.117 have
// them.

/** A world with one page in a state that the table names, reached as a kernel reaches it. */
function in_(state: 'C0' | 'C1' | 'D0' | 'D1' | 'W0' | 'W1', stableWrites = false) {
  const world = new AuditWorld(stableWrites)
  const page = world.page()
  const { folios } = world
  if (state === 'C1') folios.clean(page)
  if (state === 'D0') write(world, page)
  if (state === 'D1' || state === 'W0' || state === 'W1') folios.store(page, 0, 64, BY_CPU)
  if (state === 'W0' || state === 'W1') {
    folios.clean(page)
    folios.writeback(page)
  }
  if (state === 'W1') folios.store(page, 0, 64, BY_CPU)
  return { world, folios, page }
}

/** write(2): the folio is locked, the file system asked (write_begin), the bytes copied. */
function write(world: AuditWorld, page: number): void {
  world.audit.tasks.lock(page)
  world.folios.store(page, 0, 64, BY_KERNEL)
  world.folios.dirty(page, true)
  world.audit.tasks.unlock(page)
}

describe('the transitions of a file-backed folio', () => {
  it.each(['C0', 'C1'] as const)('%s, write(): dirty, and no page table entry is writable: D0', (from) => {
    const { world, folios, page } = in_(from)
    write(world, page)
    expect(world.state(page, from === 'C1')).toBe('D0')
    expect(folios.has(page, FOLIO_NOTIFIED)).toBe(true)
    expect(folios.isUnsaved(page)).toBe(true)
  })

  it('C1, a store of a CPU: page_mkwrite runs, D1', () => {
    const { world, folios, page } = in_('C1')
    folios.store(page, 0, 64, BY_CPU)
    expect(world.state(page)).toBe('D1')
    expect(folios.has(page, FOLIO_NOTIFIED)).toBe(true)
  })

  it('C1, page_mkwrite by itself: D1, with nothing stored yet', () => {
    const { world, folios, page } = in_('C1')
    folios.mkwrite(page)
    expect(world.state(page)).toBe('D1')
    expect(folios.isUnsaved(page)).toBe(false)
  })

  it('D1, a further store: D1, one generation more', () => {
    const { world, folios, page } = in_('D1')
    folios.clean(page)
    folios.mkwrite(page)
    expect(folios.contents.isAheadOfWriteback(page)).toBe(false)
    folios.store(page, 0, 64, BY_CPU)
    expect(world.state(page)).toBe('D1')
    expect(folios.contents.isAheadOfWriteback(page)).toBe(true)
  })

  it.each(['D0', 'D1'] as const)(
    '%s, clear_page_dirty_for_io: clean, write-protected, the file system not asked since',
    (from) => {
      const { world, folios, page } = in_(from)
      folios.clean(page)
      expect(world.state(page)).toBe('C1')
      expect(folios.has(page, FOLIO_PROTECTED)).toBe(true)
      expect(folios.has(page, FOLIO_NOTIFIED)).toBe(false)
      expect([folios.isUnsaved(page), folios.contents.isAheadOfWriteback(page)]).toEqual([true, false])
    },
  )

  it('start_writeback and unlock: W0; end_writeback: C1 where it is mapped, else C0, and what was there is on disk', () => {
    const { world, folios, page } = in_('D1')
    world.audit.tasks.lock(page)
    folios.clean(page)
    folios.writeback(page)
    expect([world.state(page), folios.has(page, FOLIO_LOCKED)]).toEqual(['W0', true])
    world.audit.tasks.unlock(page)
    expect([world.state(page), folios.has(page, FOLIO_LOCKED)]).toEqual(['W0', false])
    folios.writebackEnd(page)
    expect([world.state(page), world.state(page, false)]).toEqual(['C1', 'C0'])
    expect(folios.isUnsaved(page)).toBe(false)
  })

  it('W0, a store fault without stable pages: W1, and what was stored is not in the writeback', () => {
    const { world, folios, page } = in_('W0')
    folios.store(page, 0, 64, BY_CPU)
    expect(world.state(page)).toBe('W1')
    folios.writebackEnd(page)
    expect([world.state(page), folios.isUnsaved(page)]).toEqual(['D1', true])
  })

  it('W0, a store fault with stable pages: blocks until the writeback is over, then D1', () => {
    const { world, folios, page } = in_('W0', true)
    folios.store(page, 0, 64, BY_CPU)
    expect([world.state(page), folios.waits]).toEqual(['W0', 1])
    folios.writebackEnd(page)
    expect([world.state(page), folios.isUnsaved(page)]).toEqual(['D1', true])
  })

  it.each(['W0', 'W1'] as const)('%s, write() with stable pages: waits, then D0', (from) => {
    const { world, folios, page } = in_('W0', true)
    if (from === 'W1') folios.dirty(page, true)
    expect(world.state(page)).toBe(from)
    folios.stable(page)
    expect(folios.waits).toBe(1)
    folios.writebackEnd(page)
    write(world, page)
    expect(world.state(page)).toBe('D0')
  })

  it.each(['C0', 'C1', 'D0', 'D1'] as const)('%s, truncate: T, and nothing of it is dirty any more', (from) => {
    const { world, folios, page } = in_(from)
    folios.truncate(page)
    expect([world.state(page), world.isDirty(page), folios.has(page, FOLIO_NOTIFIED)]).toEqual(['T', false, false])
  })

  it.each([
    ['C0', 'T'],
    ['C1', 'T'],
    ['D0', 'D0'],
    ['D1', 'D1'],
  ] as const)('%s, invalidate for direct I/O: %s (a dirty folio stays: -EBUSY)', (from, to) => {
    const { world, folios, page } = in_(from)
    folios.invalidate(page)
    expect(world.state(page, from !== 'C0' && from !== 'D0')).toBe(to)
  })

  it.each([
    ['C0', true],
    ['C1', true],
    ['D0', false],
    ['D1', false],
    ['W0', false],
    ['W1', false],
  ] as const)('%s, reclaim: gone is %s', (from, isGone) => {
    const { folios, page } = in_(from)
    folios.reclaim(page)
    expect(folios.has(page, FOLIO_GONE)).toBe(isGone)
  })

  it('an error in writepage: dirty again, D0', () => {
    const { world, folios, page } = in_('D1')
    folios.clean(page)
    folios.dirty(page)
    expect(world.state(page)).toBe('D0')
  })

  it.each(['C1', 'D1', 'W0', 'W1'] as const)(
    'pinned, %s, a device stores: the same state, and no bit tells of it',
    (from) => {
      const { world, folios, page } = in_(from)
      const hold = world.take([page])
      // The pin has faulted for writing: bring the folio back to where it was.
      if (from === 'C1' || from === 'W0') folios.clean(page)
      const before = [world.state(page), folios.flagsOf(page), world.isDirty(page)]
      world.audit.devices.store(page, 0, 512)
      expect([world.state(page), folios.flagsOf(page), world.isDirty(page)]).toEqual(before)
      expect(before[0]).toBe(from)
      expect(folios.contents.isAheadOfWriteback(page)).toBe(true)
      world.letGo(hold)
    },
  )

  it('pinned, C1, unpin with dirty: D0, and the file system was not asked', () => {
    const { world, folios, page } = in_('C1')
    const hold = world.take([page])
    folios.clean(page)
    world.letGo(hold, true)
    expect([world.state(page), folios.has(page, FOLIO_NOTIFIED)]).toEqual(['D0', false])
  })

  it('a pin for writing faults as a store does: the file system is asked, the folio dirty', () => {
    const { world, folios, page } = in_('C1')
    world.letGo(world.take([page]))
    expect([world.state(page), folios.has(page, FOLIO_NOTIFIED), folios.isUnsaved(page)]).toEqual(['D1', true, false])
  })

  it('a pin for reading changes nothing', () => {
    const { world, folios, page } = in_('C1')
    world.letGo(world.take([page], true, false))
    expect([world.state(page), folios.has(page, FOLIO_NOTIFIED)]).toEqual(['C1', false])
  })

  it('the state is that of the folio: a store to its third page, and clean of its first', () => {
    const world = new AuditWorld()
    const head = world.page('file', 2)
    world.folios.store(head + 2, 0, 64, BY_CPU)
    expect(world.state(head)).toBe('D1')
    world.folios.clean(head)
    expect(world.state(head + 3)).toBe('C1')
  })
})

describe('orderings that the kernel asserts', () => {
  it('lock, clean, start, unlock, end: nothing is illegal, however often', () => {
    const { world, folios, page } = in_('D1')
    for (let i = 0; i < 3; i++) {
      world.audit.tasks.lock(page)
      folios.clean(page)
      folios.writeback(page)
      world.audit.tasks.unlock(page)
      folios.writebackEnd(page)
      folios.store(page, 0, 64, BY_CPU)
    }
    expect(folios.illegal).toBe(0)
  })

  it('start_writeback under writeback, and an end without a start', () => {
    const { folios, page } = in_('W0')
    folios.writeback(page)
    expect(folios.illegal).toBe(1)
    folios.writebackEnd(page)
    folios.writebackEnd(page)
    expect(folios.illegal).toBe(2)
  })

  it('page_mkwrite marks dirty, and the fault path marks dirty again: the same state', () => {
    const { world, folios, page } = in_('C1')
    folios.mkwrite(page)
    const flags = folios.flagsOf(page)
    folios.dirty(page, true)
    expect([world.state(page), folios.flagsOf(page)]).toEqual(['D1', flags])
  })
})

describe('a store while the folio is under writeback', () => {
  it.each([
    [false, BY_CPU, 'proceeds', 'W1'],
    [false, BY_DEVICE, 'proceeds', 'W0'],
    [true, BY_CPU, 'waits', 'W0'],
    [true, BY_DEVICE, 'proceeds', 'W0'],
  ] as const)('stable pages %s, by %i: %s, %s', (stable, by, how, state) => {
    const { world, folios, page } = in_('W0', stable)
    folios.store(page, 0, 64, by as Writer)
    expect([folios.waits === 1 ? 'waits' : 'proceeds', world.state(page)]).toEqual([how, state])
    expect(folios.contents.isAheadOfWriteback(page)).toBe(how === 'proceeds')
  })
})

describe('who looks at pins', () => {
  it.each([
    ['a pin', true],
    ['a reference', false],
  ] as const)(
    'reclaim and migration leave a folio with %s alone: its count is not the expected one',
    (_name, isPin) => {
      const { world, folios, page } = in_('C1')
      const hold = world.take([page], isPin, false)
      folios.reclaim(page)
      folios.migrate(page)
      expect(folios.has(page, FOLIO_GONE)).toBe(false)
      expect(folioMaybeDmaPinned(world.gup.pages, page)).toBe(isPin)
      world.letGo(hold)
      folios.migrate(page)
      expect(folios.has(page, FOLIO_GONE)).toBe(true)
    },
  )

  it('invalidation does not: a pinned clean folio leaves its file, and lives by the pin', () => {
    const { world, folios, page } = in_('C1')
    const hold = world.take([page], true, false)
    folios.invalidate(page)
    expect([folios.has(page, FOLIO_DETACHED), world.gup.refcount(page)]).toEqual([true, 1025])
    world.letGo(hold)
  })

  it('nor does writeback, or reflink', () => {
    const { world, folios, page } = in_('D1')
    const hold = world.take([page])
    folios.clean(page)
    folios.reflink(page)
    expect(world.state(page)).toBe('C1')
    world.letGo(hold)
  })

  it('a truncated folio cannot be written by a CPU any more, and a device writes into an orphan', () => {
    const { world, folios, page } = in_('D1')
    const hold = world.take([page])
    folios.truncate(page)
    folios.store(page, 0, 64, BY_CPU)
    world.audit.devices.store(page, 0, 64)
    expect([world.state(page), world.isDirty(page)]).toEqual(['T', false])
    world.letGo(hold)
  })
})

describe('what reclaim takes with it', () => {
  it('a page of shared memory that the kernel stored to is clean, one that a CPU stored to is not', () => {
    const world = new AuditWorld()
    const [byKernel, byCpu] = [world.page('shmem'), world.page('shmem')]
    world.folios.store(byKernel, 0, 64, BY_KERNEL)
    world.folios.store(byCpu, 0, 64, BY_CPU)
    expect([world.isDirty(byKernel), world.isDirty(byCpu)]).toEqual([false, true])
    world.folios.reclaim(byKernel)
    world.folios.reclaim(byCpu)
    expect([byKernel, byCpu].map((page) => world.folios.has(page, FOLIO_GONE))).toEqual([true, false])
  })

  it('what was not saved is read from disk the next time', () => {
    const { world, folios, page } = in_('C1')
    const hold = world.take([page])
    folios.clean(page)
    world.audit.devices.store(page, 0, 64)
    world.letGo(hold)
    expect(folios.isUnsaved(page)).toBe(true)
    folios.reclaim(page)
    expect(folios.isUnsaved(page)).toBe(false)
  })
})
