import { describe, expect, it } from 'vitest'
import { KERNEL_VERSIONS } from '../../src/kernel/version.ts'
import { BY_CPU } from '../../src/lifetime/lifetime-event.ts'
import { traceText } from '../../src/testing/trace-row.ts'
import { auditLane, auditReport } from '../support/audit-report.ts'
import { AuditWorld } from '../support/audit-world.ts'
import { folioIn, type ReachedState } from '../support/folio-in-state.ts'

// The orderings of reference/lifetime.md 3.3, and what each version does where they are broken (docs/kernel-map.md).

describe.each(KERNEL_VERSIONS)('under %s', (kernel) => {
  const in_ = (state: ReachedState, stableWrites = false) => folioIn(kernel, state, stableWrites)

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
      expect(world.audit.asserts.count).toBe(0)
    })

    it('start_writeback under writeback, an end without a start, an unlock without a lock: by version', () => {
      const { world, folios, page } = in_('W0')
      const { audit } = world
      audit.at(1, 11, 0, 1)
      folios.writeback(page)
      folios.writebackEnd(page)
      audit.at(2, 12, 0, 1)
      folios.writebackEnd(page)
      audit.at(3, 13, 0, 1)
      audit.tasks.unlock(page)
      const isOld = kernel === '6.1'
      expect(audit.asserts.told.map(({ check, outcome, row, line }) => [check, outcome, row, line])).toEqual([
        ['start-under-writeback', isOld ? 'none' : 'debug', 1, 11],
        ['end-without-start', isOld ? 'bug' : 'debug', 2, 12],
        ['unlock-unlocked', 'debug', 3, 13],
      ])
    })

    it('writeback without the lock, where locks are told: mkclean stops in every version', () => {
      const { world, folios, page } = in_('D1')
      const { audit } = world
      audit.tasks.lock(page)
      audit.tasks.unlock(page)
      audit.at(1, 11, 0, 1)
      folios.clean(page)
      folios.writeback(page)
      expect(audit.asserts.told.map(({ check, outcome }) => [check, outcome])).toEqual([['clean-unlocked', 'bug']])
      audit.at(2, 12, 0, 1)
      folios.writebackEnd(page)
      folios.writeback(page)
      // The lock is asserted since 6.15.
      const asserted = kernel === '6.18' || kernel === 'mainline' ? 'debug' : 'none'
      expect(audit.asserts.told[1]).toMatchObject({ check: 'start-unlocked', outcome: asserted })
    })

    it('iomap asserts while it maps: locked, not dirty, not under writeback', () => {
      const world = new AuditWorld(kernel, false, [], 'xfs')
      const { folios, audit } = world
      const page = world.page()
      audit.tasks.lock(page)
      folios.clean(page)
      folios.dirty(page, true)
      audit.at(1, 11, 0, 1)
      folios.writeback(page)
      audit.at(2, 12, 0, 1)
      folios.writeback(page)
      audit.at(3, 13, 0, 1)
      folios.writebackEnd(page)
      audit.tasks.unlock(page)
      folios.writeback(page)
      const isDebug = kernel !== '6.1'
      expect(audit.asserts.told.map(({ check, outcome }) => [check, outcome])).toEqual([
        ['start-dirty', 'warn'],
        ['start-under-writeback', isDebug ? 'debug' : 'warn'],
        ['start-unlocked', kernel === '6.1' || kernel === '6.12' ? 'warn' : 'debug'],
      ])
    })

    it('a folio that is dirty when writeback begins is nothing to a file system without iomap', () => {
      const { world, folios, page } = in_('D1')
      folios.writeback(page)
      expect(world.audit.asserts.count).toBe(0)
    })

    it('what the trace cannot know is a doubt: an end of what began before it, an unlock of what was locked before', () => {
      const world = new AuditWorld(kernel)
      const [ended, unlocked] = [world.page(), world.page()]
      world.audit.at(1, 11, 0, 1)
      world.folios.writebackEnd(ended)
      world.audit.at(2, 12, 0, 1)
      world.audit.tasks.unlock(unlocked)
      expect(world.audit.asserts.count).toBe(0)
      expect(world.audit.doubts.texts.map((text) => text.slice(0, 15))).toEqual(['line 11: writeb', 'line 12: unlock'])
    })

    it('page_mkwrite marks dirty, and the fault path marks dirty again: the same state', () => {
      const { world, folios, page } = in_('C1')
      folios.mkwrite(page)
      const flags = folios.flagsOf(page)
      folios.dirty(page, true)
      expect([world.state(page), folios.flagsOf(page)]).toEqual(['D1', flags])
    })
  })

  it('a range that is written back again, and nothing in it is dirty: the folio is passed over', async () => {
    const file = { file: '/data', offset: 0, len: 8192 }
    const rows = [
      { event: 'map', mm: 1, segs: '0x10000+8192', backing: 'file', file: '/data', offset: 0 },
      { event: 'store', mm: 1, segs: '0x10000+8192' },
      { event: 'writeback', ...file },
      { event: 'writeback_end', ...file },
      { event: 'store', mm: 1, segs: '0x10000+4096' },
      { event: 'writeback', ...file },
      { event: 'writeback', ...file },
      { event: 'writeback_end', ...file },
    ]
    const { asserted, findings } = await auditLane(traceText(rows), kernel)
    expect([asserted, findings]).toEqual([[], []])
  })

  it('rows of a trace: told once a folio, with line and row', async () => {
    const file = { file: '/data', offset: 0, len: 65536 }
    const rows = [
      { event: 'map', mm: 1, segs: '0x10000+65536', backing: 'file', flags: 'order=4', file: '/data', offset: 0 },
      { event: 'store', mm: 1, segs: '0x10000+65536' },
      { event: 'writeback', ...file },
      { event: 'store', mm: 1, segs: '0x10000+4096' },
      { event: 'writeback', ...file },
      { event: 'writeback_end', ...file },
      { event: 'writeback_end', ...file },
      { event: 'unlock', mm: 1, segs: '0x10000+65536' },
    ]
    const { asserted, findings } = await auditLane(traceText(rows), kernel)
    const isOld = kernel === '6.1'
    expect(asserted.map(({ check, severity, row, line, folios }) => [check, severity, row, line, folios])).toEqual([
      ['start-under-writeback', isOld ? 'info' : 'medium', 5, 7, 1],
      ['end-without-start', isOld ? 'critical' : 'medium', 7, 9, 1],
      ['unlock-unlocked', 'medium', 8, 10, 1],
    ])
    expect(findings).toEqual([])
  })
})

it('a recording that was cut at its front is warned of, and nothing is asserted', async () => {
  const report = await auditReport(
    traceText([
      { event: 'map', mm: 1, segs: '0x10000+4096', backing: 'file', file: '/data', offset: 0 },
      { event: 'load', mm: 1, segs: '0x10000+4096' },
      { event: 'writeback_end', file: '/data', offset: 0, len: 4096 },
    ]),
  )
  expect(report.lanes[0]!.asserted).toEqual([])
  expect(report.warnings).toEqual([
    'line 5: writeback_end of pages whose writeback no row began: taken as begun before the trace',
  ])
})
