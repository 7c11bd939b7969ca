import { describe, expect, it } from 'vitest'
import { type TestRow, traceText } from '../../src/testing/trace-row.ts'
import { auditLane } from '../support/audit-report.ts'

// Reflink and dedupe name two files (lifetime.md 12.1, H-38: source or destination), and what comes of it later (6 T-C).

const A: TestRow = { event: 'map', mm: 1, segs: '0x10000+4096', backing: 'file', file: '/a', offset: 0 }
const B: TestRow = { event: 'map', mm: 1, segs: '0x20000+4096', backing: 'file', file: '/b', offset: 0 }
const PIN_A: TestRow = { event: 'pin', id: 'p', mm: 1, op: 'read', segs: '0x10000+4096' }
const PIN_B: TestRow = { ...PIN_A, segs: '0x20000+4096' }
const RANGE: TestRow = { mm: 2, file: '/a', offset: 0, len: 4096, iter: 'xarray', segs: '/b:0+4096' }
const UNPIN: TestRow = { event: 'unpin', id: 'p', mm: 1 }

/** `rule@row` of every finding but those about cleaning. */
async function found(rows: readonly TestRow[], filesystem = 'xfs'): Promise<string[]> {
  const { findings } = await auditLane(traceText(rows, [`filesystem ${filesystem}`]))
  return findings.filter(({ rule }) => rule !== 'H-03').map(({ rule, row }) => `${rule}@${row}`)
}

describe.each(['reflink', 'dedupe'])('%s', (event) => {
  it.each([
    ['the source', PIN_A, /shared while/],
    ['the destination', PIN_B, /replaced by those of another file/],
  ] as const)('with %s pinned for writing', async (_which, pin, detail) => {
    const rows = [A, B, pin, { event, ...RANGE }, UNPIN]
    expect(await found(rows)).toEqual(['H-38@4'])
    const { findings } = await auditLane(traceText(rows))
    expect(findings[0]!.detail).toMatch(detail)
  })

  it('names the destination by where it is mapped as well', async () => {
    const range = { event, mm: 1, file: '/a', offset: 0, len: 4096, segs: '0x20000+4096' }
    expect(await found([A, B, PIN_B, range, UNPIN])).toEqual(['H-38@4'])
  })

  it('with the destination pinned as a source: nothing', async () => {
    expect(await found([A, B, { ...PIN_B, op: 'write' }, { event, ...RANGE }, UNPIN])).toEqual([])
  })

  it.each(['/a', '/b'])('asks the holder of a lease on either file: %s', async (file) => {
    const lease: TestRow = { event: 'lease', mm: 1, file }
    expect(await found([A, B, lease, { event, ...RANGE }])).toEqual(['H-40@4'])
    expect(await found([A, B, lease, { event: 'lease_break', mm: 2, file }, { event, ...RANGE }])).toEqual([])
  })

  it('after the lease on the destination is over, with a pin that was taken under it', async () => {
    const rows = [B, { event: 'lease', mm: 1, file: '/b' }, PIN_B, { event: 'unlease', mm: 1, file: '/b' }]
    expect(await found([...rows, { event, ...RANGE }, UNPIN])).toEqual(['H-38@5', 'H-41@5'])
  })
})

it('dedupe: what was compared was both pages, and a store to the destination in between counts', async () => {
  const dma: TestRow = { event: 'dma', mm: 1, op: 'read', segs: '0x20000+512' }
  const rows = [A, B, PIN_B, { event: 'compare', ...RANGE }, dma, { event: 'dedupe', ...RANGE }, UNPIN]
  expect(await found(rows)).toEqual(['H-38@6', 'H-39@6'])
})

describe('T-C: the block that is shared is written back', () => {
  const file: TestRow = { file: '/a', offset: 0, len: 4096 }
  const write: TestRow[] = [
    { event: 'writeback', ...file },
    { event: 'writeback_end', ...file },
  ]
  const dma: TestRow = { event: 'dma', mm: 1, op: 'read', segs: '0x10000+4096' }
  const dirty: TestRow = { ...UNPIN, flags: 'dirty' }
  const rows = [A, PIN_A, ...write, { event: 'reflink', ...RANGE }, dma, dirty]

  it('without page_mkwrite since the reflink: the other file is overwritten', async () => {
    expect(await found([...rows, ...write])).toEqual(['H-38@5', 'H-05@7', 'H-38@8'])
  })

  it('after a store of a CPU, which runs page_mkwrite: blocks of its own', async () => {
    const store: TestRow = { event: 'store', mm: 1, segs: '0x10000+64' }
    expect(await found([...rows, store, ...write])).toEqual(['H-38@5', 'H-05@7'])
  })

  it('on btrfs, which never writes in place: nothing at the writeback', async () => {
    expect(await found([...rows, ...write], 'btrfs')).toEqual(['H-38@5', 'H-05@7'])
  })
})
