import { expect, it } from 'vitest'
import { KERNEL_VERSIONS } from '../../src/kernel/version.ts'
import { type TestRow, traceText } from '../../src/testing/trace-row.ts'
import { auditLane } from '../support/audit-report.ts'

// lifetime.md 5.1: since 6.7, and in 6.1.176, stable pages are a matter of each mapping.

function rows(file: string, segs: string, flags = ''): TestRow[] {
  return [
    { event: 'map', mm: 1, segs, backing: 'file', file, offset: 0, flags },
    { event: 'store', mm: 1, segs },
    { event: 'writeback', file, offset: 0, len: 4096 },
    { event: 'store', mm: 1, segs, flags: 'nowait' },
    { event: 'store', mm: 1, segs },
    { event: 'writeback_end', file, offset: 0, len: 4096 },
  ]
}

/** Rows in which H-01 was found, and how many stores waited. */
async function told(all: readonly TestRow[], header: readonly string[]) {
  const { findings, waits } = await auditLane(traceText(all, header))
  return [findings.filter(({ rule }) => rule === 'H-01').map(({ row }) => row), waits.store]
}

it.each(KERNEL_VERSIONS)('%s: one trace has files of both kinds', async (kernel) => {
  const all = [
    ...rows('/a', '0x10000+4096', 'stable'),
    ...rows('/b', '0x20000+4096', 'unstable'),
    ...rows('/c', '0x30000+4096'),
  ]
  expect(await told(all, [`kernel ${kernel}`])).toEqual([[4], 1])
  expect(await told(all, [`kernel ${kernel}`, 'stable-writes yes'])).toEqual([[4, 16], 2])
})

it.each([
  ['btrfs', [4], 1],
  ['nfs', [4], 1],
  ['ext4', [], 0],
  ['xfs', [], 0],
  ['cifs', [], 0],
] as const)('%s by default', async (filesystem, found, waits) => {
  expect(await told(rows('/a', '0x10000+4096'), [`filesystem ${filesystem}`])).toEqual([found, waits])
  const off = [`filesystem ${filesystem}`, 'stable-writes no']
  expect(await told(rows('/a', '0x10000+4096'), off)).toEqual([[], 0])
})
