import { openTrace } from '@pinscope/core'
import { auditTrace, HAZARD_RULES } from '@pinscope/core/audit'
import { describe, expect, it } from 'vitest'
import { inOnePiece } from '../packages/core/src/testing/in-one-piece.ts'
import { allConsumers } from './all-consumers.ts'

// "Where are pages put into bvec and xarray iterators, and what keeps them alive": also iterators that a consumer makes for the
// layer below it. 16 KiB from byte 512 of a page on lie in five pages; reference/consumers.md 10.4 (loop), 9.3 (ceph, rbd),
// 4 (9p), 6 (netfs); fs/afs/dir.c since 6.14: a directory of two pages is read into folios of its own.
const HEAD = '# pinscope-trace 1\n# kernel 6.12.117\nts,end,op,iter,segs,file,offset,flags\n'
const USER = '0,9000,write,ubuf,0x10200+16384,f,0,direct\n'
const FOLIOS = '0,9000,read,xarray,directory:0+8192,directory,0,\n'

async function iteratorsOf(rows: string, consumer: string, kernel: string | null = null): Promise<string[]> {
  const trace = await openTrace(inOnePiece(new TextEncoder().encode(HEAD + rows)), 'rows.csv')
  const report = await auditTrace(trace, {
    registry: await allConsumers(),
    policies: ['extract'],
    consumers: [consumer],
    kernel,
    consumerOptions: {},
    inFlight: false,
    rules: HAZARD_RULES,
  })
  return report.lanes[0]!.iterators.map(({ iterator, keptBy, pages }) => `${iterator} ${keptBy} ${pages}`)
}

describe('iterators that consumers make', () => {
  it.each([
    ['loop', ['bvec pin 5']],
    ['rbd', ['bvec pin 5']],
    ['netfs-dio', ['bvec pin 5']],
    ['9p', ['bvec pin 5']],
    ['bio', []],
  ])('%s', async (consumer, expected) => {
    expect(await iteratorsOf(USER, consumer)).toEqual(expected)
  })

  it('afs-dir reads into its own folios since 6.14, not into the page cache', async () => {
    expect(await iteratorsOf(FOLIOS, 'afs-dir', 'mainline')).toEqual(['folioq owner 2'])
  })
})
