import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AuditReport } from '@pinscope/core/audit'
import { afterAll, expect, it } from 'vitest'
import { pinscope } from './run.ts'

// Pages that leave a pipe for a socket are read. Their row reads into a discard iterator, which stores nothing anywhere
// (fs/splice.c: splice_to_socket; lib/iov_iter.c: iov_iter_discard).

const folder = mkdtempSync(join(tmpdir(), 'pinscope-pipes-'))
afterAll(() => rmSync(folder, { recursive: true }))

async function auditOf(file: string): Promise<AuditReport> {
  return JSON.parse((await pinscope(['audit', file, '-c', 'splice', '--json'])).stdout)
}

it('a file on its way through a pipe is written back and truncated: nothing stores into it', async () => {
  const file = join(folder, 'sendfile.csv')
  const rows = `0,,write,,xarray,data:0+16384,q,,,splice
3,9,read,,discard,,q,,16384,splice
4,,,writeback,,,data,0,16384,
6,,,writeback_end,,,data,0,16384,
7,,,truncate,,,data,0,,
`
  const head =
    '# pinscope-trace 1\n# kernel 6.12\n# stable-writes yes\nts,end,op,event,iter,segs,file,offset,len,flags\n'
  writeFileSync(file, head + rows)
  expect((await auditOf(file)).traces[0].lanes[0].findings).toEqual([])
})

it('and the socket is given them in a bvec, with a reference on each', async () => {
  const [{ findingsTotal, iterators }] = (await auditOf('traces/made/pipes.csv')).traces[0].lanes
  expect(findingsTotal).toBe(0)
  expect(iterators).toEqual([
    { iterator: 'xarray', keptBy: 'owner', operations: 1, pages: 4 },
    { iterator: 'bvec', keptBy: 'ref', operations: 1, pages: 4 },
  ])
})
