import { expect, it } from 'vitest'
import { type TestRow, traceText } from '../../src/testing/trace-row.ts'
import { auditReport } from '../support/audit-report.ts'

// Rows that end what nothing began: a slip of whoever wrote them, or a recording that was cut at its front.

it.each([
  [{ event: 'dma_end', id: 'disk' }, 'dma_end of an access that no dma row with its id began'],
  [{ event: 'complete', id: 'bio' }, 'complete of an object that no submit row sent on its way'],
  [{ event: 'unlease', mm: 1, file: '/a' }, 'unlease of a lease that its task does not hold'],
  [
    { event: 'writeback_end', iter: 'bvec', segs: '77:0+4096' },
    'writeback_end of pages that no row brought into memory',
  ],
  [{ event: 'unpin', id: 'zzz' }, 'a release of what no row took'],
  [{ event: 'put', id: 'zzz' }, 'a release of what no row took'],
  [{ event: 'unregister', id: 'zzz' }, 'a release of what no row took'],
] as [TestRow, string][])('%o is a warning, and no finding', async (row, warning) => {
  const load: TestRow = { event: 'load', mm: 1, segs: '0x10000+4096' }
  const { lanes, warnings } = await auditReport(traceText([load, row]))
  expect(lanes.flatMap(({ findings }) => findings)).toEqual([])
  expect(warnings).toEqual([expect.stringContaining(`line 4: ${warning}`)])
})

it('an allocation may enter file systems where its flags say so', async () => {
  const rows = (gfp: string): TestRow[] => [
    { event: 'map', mm: 1, segs: '0x10000+4096', backing: 'file', file: '/a', offset: 0 },
    { event: 'load', mm: 1, segs: '0x10000+4096' },
    { event: 'lock', mm: 1, file: '/a', offset: 0, len: 4096 },
    { event: 'allocation', mm: 1, call: gfp },
    { event: 'unlock', mm: 1, file: '/a', offset: 0, len: 4096 },
  ]
  const deadlocks = async (gfp: string) => (await auditReport(traceText(rows(gfp)))).lanes[0]!.findingsByRule
  for (const gfp of ['GFP_KERNEL', 'GFP_KERNEL_ACCOUNT', 'GFP_USER', 'GFP_HIGHUSER', 'GFP_NOFS|__GFP_FS']) {
    expect(await deadlocks(gfp)).toEqual({ 'H-34': 1 })
  }
  for (const gfp of ['GFP_NOFS', 'GFP_NOIO', 'GFP_ATOMIC', 'GFP_NOWAIT|__GFP_NOWARN'])
    expect(await deadlocks(gfp)).toEqual({})
})
