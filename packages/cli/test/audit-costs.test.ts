import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AuditReport } from '@pinscope/core/audit'
import { expect, it, onTestFinished } from 'vitest'
import { pinscope } from './run.ts'

// What lanes cost beside what was found in them. The figures are counted by hand in docs/what-if.md's trace: eight dirty
// pages, of which four are pinned and a fifth looks so when the flusher comes; 0, 1 and 7 are dirty when it comes again.

const TRACE = 'traces/made/what-if-writeback.csv'
const lanes = (...names: string[]) => names.flatMap((name) => ['-c', name])
const costsOf = (stdout: string) => /^What each lane cost.*?(?=\n\nWhere)/ms.exec(stdout)?.[0].split('\n')

it('several lanes with counters stand side by side, with what is not 0 in some, and the findings of each', async () => {
  const { stdout } = await pinscope(['audit', TRACE, ...lanes('writeback-as-is', 'writeback-skip', 'writeback-wait')])
  expect(costsOf(stdout)).toEqual([
    'What each lane cost, and what was found in it',
    '                   writeback-  writeback-  writeback-',
    '                          as-        skip        wait',
    '                           is',
    '-----------------------------------------------------',
    'pagesWritten               11           7           9',
    'pagesSkipped                0           7           0',
    'pagesNeverWritten           0           2           0',
    'waits                       0           0           5',
    'waitNs                      0           0     33.02 s',
    'mkwriteCalls                1           1           1',
    'tornWritebacks              4           0           0',
    'storesUnnoticed             6           0           0',
    'dirtiedUnasked              4           0           0',
    'pagesLooksPinned            0           7           5',
    'pagesPinned                 0           6           4',
    'pagesOverCautious           0           1           1',
    'H-03 pages                  4           0           0',
    'H-04 pages                  4           0           0',
    'H-05 pages                  4           0           0',
    'all findings                6           0           0',
  ])
})

it('is told where nothing was found, too: cost is then all that tells lanes apart', async () => {
  const { stdout, status } = await pinscope(['audit', TRACE, ...lanes('writeback-skip', 'writeback-wait')])
  expect(status).toBe(0)
  expect(costsOf(stdout)?.at(-1)).toMatch(/^all findings +0 +0$/)
})

it('takes as many tables as 80 columns need, and a rule that is about no page counts findings', async () => {
  const six = ['as-is', 'skip', 'wait', 'bounce-block', 'bounce-fs', 'stable'].map((name) => `writeback-${name}`)
  const { stdout } = await pinscope(['audit', TRACE, ...lanes(...six)])
  const table = costsOf(stdout) ?? []
  expect(Math.max(...table.map((line) => line.length))).toBeLessThanOrEqual(80)
  expect(table.filter((line) => line.startsWith('pagesWritten'))).toHaveLength(2)
  const reflink = ['audit', 'traces/made/what-if-reflink.csv', ...lanes('reflink-fail', 'reflink-wait')]
  expect(costsOf((await pinscope(reflink)).stdout)).toContain('H-33 findings             0         1')
})

it('one lane, and lanes without counters, have no such table; JSON has the counters of each', async () => {
  expect(costsOf((await pinscope(['audit', TRACE, '-c', 'writeback-skip'])).stdout)).toBeUndefined()
  expect(costsOf((await pinscope(['audit', TRACE, ...lanes('null'), '-p', 'all'])).stdout)).toBeUndefined()
  const { stdout } = await pinscope(['audit', TRACE, '-c', 'writeback-skip', '--json'])
  const report: AuditReport = JSON.parse(stdout)
  const { counters } = JSON.parse((await pinscope(['replay', TRACE, '-c', 'writeback-skip', '--json'])).stdout).lanes[0]
  expect(report.traces[0].lanes[0].counters).toEqual(counters)
  expect(counters.pagesSkipped).toBe(7)
})

it('of more findings than are listed, findings are counted and not the pages of the first 1,000', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pinscope-costs-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'leaks.csv')
  const pins = Array.from(
    { length: 1100 },
    (_, at) => `${at + 1},pin,p${at},1,read,0x${(at + 16).toString(16)}000+4096,,,`,
  )
  const rows = ['0,map,,1,,0x9000000+4096,file,/f,0', ...pins, '2000,dirty,,,,,,/f,0', '2001,writeback,,,,,,/f,0']
  writeFileSync(file, `# pinscope-trace 1\nts,event,id,mm,op,segs,backing,file,offset\n${rows.join('\n')}\n`)
  const { stdout } = await pinscope(['audit', file, ...lanes('writeback-as-is', 'writeback-skip')])
  expect(costsOf(stdout)?.find((line) => line.startsWith('H-10'))).toMatch(/^H-10 findings +1,100 +1,100$/)
})
