import { describe, expect, it } from 'vitest'
import { KERNEL_VERSIONS } from '../../src/kernel/version.ts'
import { type TestRow, traceText } from '../../src/testing/trace-row.ts'
import { auditLane } from '../support/audit-report.ts'

// lifetime.md 12.3: a DAX page is idle at refcount 1 in 6.1 and 6.12, at 0 since the rework of 2025; truncate, punch and
// reflink have to wait for that. A pin of a small folio counts for 1,024.

const MAP: TestRow = { event: 'map', mm: 1, segs: '0x10000+4096', backing: 'fsdax', file: '/a', offset: 0 }
const PIN: TestRow = { event: 'pin', id: 'p', mm: 1, op: 'read', segs: '0x10000+4096' }
const UNPIN: TestRow = { event: 'unpin', id: 'p', mm: 1, flags: 'dirty' }
const DMA: TestRow = { event: 'dma', mm: 1, op: 'read', segs: '0x10000+4096' }

describe.each(KERNEL_VERSIONS)('under %s', (kernel) => {
  const idle = kernel === '6.1' || kernel === '6.12' ? 1 : 0

  it.each([
    { event: 'truncate', file: '/a', offset: 0 },
    { event: 'punch', file: '/a', offset: 0, len: 4096 },
    { event: 'layout', file: '/a', offset: 0, len: 4096 },
    { event: 'reflink', file: '/a', offset: 0, len: 4096 },
  ] as TestRow[])('$event with a pin live, before the device stores: corrupt', async (change) => {
    const { findings } = await auditLane(traceText([MAP, PIN, change, DMA, UNPIN]), kernel)
    const dax = findings.filter(({ rule }) => rule === 'H-42')
    expect(dax.map(({ verdict, severity, row, takenRow }) => [verdict, severity, row, takenRow])).toEqual([
      ['CORRUPT', 'critical', 3, 2],
    ])
    expect(dax[0]!.detail).toContain(`its count is 1,02${4 + idle} once it is unmapped and idle is ${idle}`)
  })

  it('with nobody left: nothing', async () => {
    const truncate: TestRow = { event: 'truncate', file: '/a', offset: 0 }
    const { findings } = await auditLane(traceText([MAP, PIN, DMA, UNPIN, truncate]), kernel)
    expect(findings).toEqual([])
  })
})

it('of the page cache a pin alone is no matter: the page is an orphan', async () => {
  const rows = [{ ...MAP, backing: 'file' }, PIN, { event: 'truncate', file: '/a', offset: 0 }, UNPIN]
  const { findings } = await auditLane(traceText(rows))
  expect(findings).toEqual([])
})
