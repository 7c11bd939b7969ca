import { describe, expect, it } from 'vitest'
import { nullConsumer } from '../../src/consumer/null-consumer.ts'
import { Registry } from '../../src/consumer/registry.ts'
import type { KernelVersion } from '../../src/kernel/version.ts'
import type { HazardRule } from '../../src/lifetime/rule.ts'
import { HAZARD_RULES } from '../../src/lifetime/rules.ts'
import { auditTrace } from '../../src/replay/audit-trace.ts'
import { auditText } from '../../src/testing/audit-text.ts'
import { inOnePiece } from '../../src/testing/in-one-piece.ts'
import { replayRows } from '../../src/testing/replay-rows.ts'
import { type TestRow, traceText } from '../../src/testing/trace-row.ts'
import { openTrace } from '../../src/trace/open-trace.ts'

const ONLY_H23 = HAZARD_RULES.filter(({ id }) => id === 'H-23')

describe('scenario 5: a long-term write pin on a shared mapping of an ext4 file', () => {
  const header = ['filesystem ext4']
  const file: TestRow = { event: 'map', mm: 1, segs: '0x10000+8192', backing: 'file', file: '/data', offset: 0 }
  const register: TestRow = { event: 'register', id: 'r', mm: 1, segs: '0x10000+8192' }
  const pin: TestRow = { event: 'pin', id: 'p', mm: 1, op: 'read', segs: '0x10000+8192', flags: 'longterm' }

  it.each(['6.12', '6.18', 'mainline'] as const)('%s refuses it, and takes no pin', async (kernel) => {
    expect(await audit([file, register], kernel)).toEqual({ findings: [], refused: [['H-23', 2]] })
    expect(await audit([file, pin], kernel)).toEqual({ findings: [], refused: [['H-23', 2]] })
    for (const row of [register, pin]) {
      const { report } = await replayRows(nullConsumer, [file, row], { kernel, header })
      expect([report.pins.acquired, report.pins.open]).toEqual([0, 0])
    }
  })

  it.each(['6.12', '6.18', 'mainline'] as const)(
    '%s: what lets go of it lets go of nothing, and is no finding',
    async (kernel) => {
      const unpin: TestRow = { event: 'unpin', id: 'p', mm: 1, flags: 'dirty' }
      expect(await audit([file, pin, unpin], kernel, HAZARD_RULES)).toEqual({ findings: [], refused: [['H-23', 2]] })
      const bare: TestRow = { event: 'unpin', mm: 1, segs: '0x10000+8192' }
      const unnamed: TestRow = { ...pin, id: '' }
      expect(await audit([file, unnamed, bare], kernel, HAZARD_RULES)).toEqual({ findings: [], refused: [['H-23', 2]] })
      // A second one has nothing to do with it.
      const { report } = await replayRows(nullConsumer, [file, unnamed, bare, bare], { kernel, header })
      expect(report.violations.map(({ rule, row }) => [rule, row])).toEqual([['unknown-release', 4]])
    },
  )

  it('6.1 pins for whoever asks: a warning; io_uring looks at the file itself, and lets go', async () => {
    expect(await audit([file, pin], '6.1')).toEqual({ findings: [['H-23', 2, 'low', 2]], refused: [] })
    expect(await audit([file, register], '6.1')).toEqual({ findings: [], refused: [['H-23', 2]] })
    const { report } = await replayRows(nullConsumer, [file, pin], { kernel: '6.1', header })
    expect(report.pins.acquired).toBe(2)
  })

  it('memory that no file system tracks, and a pin that does not write, are nobody else’s business', async () => {
    for (const backing of ['anon', 'shmem', 'hugetlb']) {
      const memory: TestRow = { event: 'map', mm: 1, segs: '0x200000+2097152', backing }
      const here: TestRow = { event: 'register', id: 'r', mm: 1, segs: '0x200000+8192' }
      expect(await audit([memory, here], '6.12')).toEqual({ findings: [], refused: [] })
    }
    expect(await audit([{ ...file, flags: 'private' }, register], '6.12')).toEqual({ findings: [], refused: [] })
    expect(await audit([{ ...file, flags: 'private' }, pin], '6.1')).toEqual({ findings: [], refused: [] })
    expect(await audit([file, { ...pin, op: 'write' }], '6.1')).toEqual({ findings: [], refused: [] })
    expect(await audit([file, { ...pin, flags: '' }, { event: 'unpin', id: 'p', flags: 'dirty' }], '6.1')).toEqual({
      findings: [],
      refused: [],
    })
  })

  async function audit(rows: readonly TestRow[], kernel: KernelVersion, rules: readonly HazardRule[] = ONLY_H23) {
    const trace = await openTrace(inOnePiece(new TextEncoder().encode(traceText(rows, header))), 'rows.csv')
    const { lanes } = await auditTrace(trace, {
      registry: new Registry(),
      policies: null,
      consumers: null,
      kernel,
      consumerOptions: {},
      faults: null,
      inFlight: false,
      rules,
    })
    const [lane] = lanes
    return {
      findings: lane.findings.map(({ rule, row, severity, pages }) => [rule, row, severity, pages]),
      refused: lane.refused.map(({ rule, row }) => [rule, row]),
    }
  }
})

describe('scenario 7: pin, fork, the child writes, a device stores, the parent reads', () => {
  const rows: readonly TestRow[] = [
    { event: 'map', mm: 1, segs: '0x10000+8192', backing: 'anon' },
    { event: 'pin', id: 'buffer', mm: 1, op: 'read', segs: '0x10000+4096' },
    { event: 'dma', id: 'nic', mm: 1, op: 'read', segs: '0x10000+4096' },
    { event: 'fork', mm: 1, result: 2 },
    { event: 'store', mm: 2, segs: '0x10000+8' },
    { event: 'dma_end', id: 'nic' },
    { event: 'load', mm: 1, segs: '0x10000+4096' },
    { event: 'unpin', id: 'buffer', mm: 1, flags: 'dirty' },
  ]

  it('copies one page early, and the parent keeps the one that the device stores to', async () => {
    const seen: { parent: number; child: number; pages: number }[] = []
    await replayRows(nullConsumer, rows, {
      afterRow: ({ spaces, pages }) => {
        seen.push({ parent: spaces.pageAt(1, 0x10), child: spaces.pageAt(2, 0x10), pages: pages.used })
      },
    })
    const [pinned, forked, stored, , read] = [seen[1], seen[3], seen[4], seen[5], seen[6]]
    expect(forked.pages - pinned.pages).toBe(1)
    expect(forked.child).not.toBe(pinned.parent)
    // The child has its copy since the fork: its store makes no other.
    expect([stored.child, stored.pages]).toEqual([forked.child, forked.pages])
    expect(read.parent).toBe(pinned.parent)
  })

  it('is silent under every rule', async () => {
    expect(await auditText(traceText(rows), HAZARD_RULES)).toEqual([])
  })
})
