import { describe, expect, it } from 'vitest'
import { EIO } from '../../src/errno.ts'
import { KERNEL_VERSIONS } from '../../src/kernel/version.ts'
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
import { folioIn, type ReachedState, write } from '../support/folio-in-state.ts'

// The rows of the transition table in reference/lifetime.md 3.2, the orderings of 3.3, the matrix of 5.3 and the
// consumers of folio_maybe_dma_pinned in 9, under each version; what differs is what 3.3 and docs/kernel-map.md name.

describe.each(KERNEL_VERSIONS)('under %s', (kernel) => {
  const in_ = (state: ReachedState, stableWrites = false) => folioIn(kernel, state, stableWrites)

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
      expect([world.state(page), folios.waits.store]).toEqual(['W0', 1])
      folios.writebackEnd(page)
      expect([world.state(page), folios.isUnsaved(page)]).toEqual(['D1', true])
    })

    it.each(['W0', 'W1'] as const)('%s, write() with stable pages: waits, then D0', (from) => {
      const { world, folios, page } = in_('W0', true)
      if (from === 'W1') folios.dirty(page, true)
      expect(world.state(page)).toBe(from)
      folios.stable(page)
      expect(folios.waits.store).toBe(1)
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
      ['D1', 'D0'],
    ] as const)('%s, invalidate for direct I/O: %s (a dirty folio stays, unmapped: -EBUSY)', (from, to) => {
      const { world, folios, page } = in_(from)
      folios.invalidate(page)
      expect(world.state(page, from !== 'C0' && from !== 'D0')).toBe(to)
      expect(folios.has(page, FOLIO_DETACHED)).toBe(to === 'T')
    })

    it.each(['W0', 'W1'] as const)('%s, truncate and invalidate wait for the writeback, which nobody stops', (from) => {
      const { world, folios, page } = in_(from)
      folios.truncate(page)
      expect([world.state(page), folios.waits]).toEqual(['T', { store: 0, truncate: 1, invalidate: 0 }])
      const other = in_(from)
      other.folios.invalidate(other.page)
      expect(other.folios.waits).toEqual({ store: 0, truncate: 0, invalidate: 1 })
      expect(other.world.state(other.page)).toBe(from === 'W0' ? 'T' : 'W1')
      folios.writebackEnd(page)
      expect(world.audit.asserts.count).toBe(0)
    })

    it('W0, the writeback fails: clean, and the disk has nothing of it; a writeback after that saves it', () => {
      const { world, folios, page } = in_('W0')
      folios.writebackEnd(page, EIO)
      expect([world.state(page), folios.isUnsaved(page), folios.contents.isAheadOfWriteback(page)]).toEqual([
        'C1',
        true,
        true,
      ])
      folios.dirty(page)
      folios.clean(page)
      folios.writeback(page)
      folios.writebackEnd(page)
      expect([world.state(page), folios.isUnsaved(page)]).toEqual(['C1', false])
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
      const world = new AuditWorld(kernel)
      const head = world.page('file', 2)
      world.folios.store(head + 2, 0, 64, BY_CPU)
      expect(world.state(head)).toBe('D1')
      world.folios.clean(head)
      expect(world.state(head + 3)).toBe('C1')
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
      expect([folios.waits.store === 1 ? 'waits' : 'proceeds', world.state(page)]).toEqual([how, state])
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
      const world = new AuditWorld(kernel)
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
})
