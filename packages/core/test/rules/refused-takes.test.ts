import { describe, expect, it } from 'vitest'
import { nullConsumer } from '../../src/consumer/null-consumer.ts'
import { KERNEL_VERSIONS, type KernelVersion } from '../../src/kernel/version.ts'
import { replayRows } from '../../src/testing/replay-rows.ts'
import { type TestRow, traceText } from '../../src/testing/trace-row.ts'
import { auditLane } from '../support/audit-report.ts'

// The table of reference/lifetime.md 11, asked by rows of a trace: the columns are those of mm/gup.c, check_vma_flags.

const SINCE_62: readonly KernelVersion[] = ['6.12', '6.18', 'mainline']
const SEGS = '0x10000+8192'
const PIN: TestRow = { event: 'pin', id: 'b', mm: 1, op: 'write', segs: SEGS }
const WRITE: TestRow = { ...PIN, op: 'read' }
const LONG: TestRow = { ...PIN, flags: 'longterm' }
const LONG_WRITE: TestRow = { ...WRITE, flags: 'longterm' }
const GET: TestRow = { ...PIN, event: 'get' }
const REGISTER: TestRow = { event: 'register', id: 'b', mm: 1, segs: SEGS }

/** What a backing gives to whom: the errno in which versions, else two pages. */
const TABLE: readonly [backing: string, row: TestRow, errno: string, versions: readonly KernelVersion[]][] = [
  ['file', PIN, '', []],
  ['file', WRITE, '', []],
  ['file', LONG, '', []],
  ['file', LONG_WRITE, 'EFAULT', SINCE_62],
  ['shmem', LONG_WRITE, '', []],
  ['anon', LONG_WRITE, '', []],
  ['fsdax', WRITE, '', []],
  ['fsdax', LONG, 'EOPNOTSUPP', KERNEL_VERSIONS],
  ['fsdax', LONG_WRITE, 'EOPNOTSUPP', KERNEL_VERSIONS],
  ['fsdax', REGISTER, 'EOPNOTSUPP', KERNEL_VERSIONS],
  ...['device', 'pfn', 'secretmem'].flatMap((backing) =>
    [PIN, WRITE, LONG, LONG_WRITE, GET, REGISTER].map(
      (row) => [backing, row, 'EFAULT', KERNEL_VERSIONS] as [string, TestRow, string, readonly KernelVersion[]],
    ),
  ),
  ['p2pdma', PIN, 'EREMOTEIO', SINCE_62],
  ['p2pdma', LONG_WRITE, 'EREMOTEIO', SINCE_62],
  ['p2pdma', GET, 'EREMOTEIO', SINCE_62],
  ['p2pdma', REGISTER, 'EREMOTEIO', SINCE_62],
  ['anon', { ...GET, flags: 'longterm' }, 'EINVAL', KERNEL_VERSIONS],
]

describe.each(TABLE)('%s, %o: -%s', (backing, row, errno, versions) => {
  it.each(KERNEL_VERSIONS)('under %s', async (kernel) => {
    const rows: TestRow[] = [{ event: 'map', mm: 1, segs: SEGS, backing }, row]
    const isRefused = versions.includes(kernel)
    const { report } = await replayRows(nullConsumer, rows, { kernel })
    const taken = row.event === 'get' ? report.refs.acquired : report.pins.acquired
    // 6.1 pins peer-to-peer memory for io_uring, and lets go when it sees what it is.
    const isSeenLate = kernel === '6.1' && backing === 'p2pdma' && row.event === 'register'
    expect([taken > 0, report.pins.open]).toEqual([!isRefused, isRefused || isSeenLate || row.event === 'get' ? 0 : 2])
    const { refused, findings } = await auditLane(traceText(rows), kernel)
    if (!isRefused && !isSeenLate) {
      expect(refused).toEqual([])
      return
    }
    expect(findings).toEqual([])
    expect(refused.map(({ row: at }) => at)).toEqual([2])
    expect(refused[0]!.detail).toContain(isSeenLate ? '-EOPNOTSUPP' : `-${errno}`)
  })
})

describe('what a refusal leaves', () => {
  const map: TestRow = { event: 'map', mm: 1, segs: '0x10000+4096', backing: 'anon' }
  const dax: TestRow = { event: 'map', mm: 1, segs: '0x11000+4096', backing: 'fsdax' }

  it('pages before the one that is refused are taken, and owed: gup returns how many', async () => {
    const { report } = await replayRows(nullConsumer, [map, dax, LONG_WRITE])
    expect([report.pins.acquired, report.pins.open]).toEqual([1, 1])
    const { refused } = await auditLane(traceText([map, dax, LONG_WRITE]))
    expect(refused.map(({ detail }) => detail)).toEqual([
      'pin row: refused with -EOPNOTSUPP, 1 page before was taken: a file on a DAX device is not pinned for long (FOLL_LONGTERM)',
    ])
  })

  it('an id is free for another: a second pin under it that is taken is let go', async () => {
    const rows = [{ ...dax, segs: SEGS }, LONG_WRITE, WRITE, { event: 'unpin', id: 'b' }]
    const { report } = await replayRows(nullConsumer, rows)
    expect([report.pins.acquired, report.pins.released, report.violations]).toEqual([2, 2, []])
  })

  it('pages that no map row tells of are anonymous: a recording without mappings stays as it is', async () => {
    const { report } = await replayRows(nullConsumer, [LONG_WRITE])
    expect(report.pins.acquired).toBe(2)
  })
})

it('of more than 1,000 refusals the first are listed, with their lines, and all are counted', async () => {
  const rows: TestRow[] = [{ event: 'map', mm: 1, segs: SEGS, backing: 'pfn' }]
  for (let row = 0; row < 1200; row++) rows.push({ ...PIN, id: `b${row}` })
  const { refused, refusedTotal } = await auditLane(traceText(rows))
  expect([refused.length, refusedTotal]).toEqual([1000, 1200])
  expect([refused[0]?.row, refused[0]?.line, refused[0]?.rule]).toEqual([2, 4, null])
})
