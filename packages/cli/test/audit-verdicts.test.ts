import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AuditReport } from '@pinscope/core/audit'
import { afterAll, describe, expect, it } from 'vitest'
import { pinscope } from './run.ts'

// Findings that mean more than their rule, or less: what is listed of them, and what fails.

const folder = mkdtempSync(join(tmpdir(), 'pinscope-verdicts-'))
afterAll(() => rmSync(folder, { recursive: true }))

async function json(file: string): Promise<{ report: AuditReport }> {
  return { report: JSON.parse((await pinscope(['audit', file, '--json'])).stdout) }
}

describe('findings of one rule that mean different things', () => {
  const HEAD = '# pinscope-trace 1\nts,event,id,mm,op,segs,backing,file,offset\n'
  // A page that is truncated while a device stores to it: of the page cache, or with DAX.
  const truncated = (at: number, backing: string) => {
    const segs = `0x${(0x10000 + at * 0x2000).toString(16)}+4096`
    return [
      `map,,1,,${segs},${backing},f${at},0`,
      `pin,b${at},1,read,${segs},,,`,
      `dma,d${at},1,read,${segs},,,`,
      `truncate,,1,,,,f${at},0`,
      `dma_end,d${at},1,,,,,`,
      `unpin,b${at},1,,,,,`,
    ]
  }
  const lines = (backings: readonly string[]) => backings.flatMap((backing, at) => truncated(at, backing))
  const file = (name: string, backings: readonly string[]) => {
    const path = join(folder, name)
    writeFileSync(
      path,
      `${HEAD}${lines(backings)
        .map((line, ts) => `${ts},${line}\n`)
        .join('')}`,
    )
    return path
  }

  it('a critical one behind 1,100 milder ones is listed, told and fails', async () => {
    const dax = file('dax.csv', [...Array(1100).fill('file'), 'fsdax'])
    const { report } = await json(dax)
    expect(report.traces[0].lanes[0].findings.at(-1)).toMatchObject({ rule: 'H-42', verdict: 'CORRUPT', row: 6604 })
    const { stdout, status } = await pinscope(['audit', dax, '--severity', 'critical'])
    expect(status).toBe(1)
    expect(stdout).toContain('H-42 truncate under DMA: LOST, medium; 1,100 findings\n')
    expect(stdout).toContain('H-42 truncate under DMA: CORRUPT, critical; 1 finding\n')
    expect(stdout.replaceAll('\n', ' ')).toContain(
      'FAILED: 1 finding of H-42 (truncate under DMA) (exit 1); milder than critical: 1,100 findings of H-42',
    )
  })

  it('1,100 critical ones behind a mild one, too, and none is counted for it', async () => {
    const { stdout } = await pinscope(['audit', file('worse.csv', ['file', ...Array(1100).fill('fsdax')])])
    expect(stdout).toContain('H-42 truncate under DMA: LOST, medium; 1 finding\n')
    expect(stdout).toContain('H-42 truncate under DMA: CORRUPT, critical; 1,100 findings\n')
  })

  it('one that is milder than its rule does not fail where the rule would', async () => {
    const rows = '0,slot,pipe,1,,0x20000+4096,\n1,append,pipe,1,,0x20000+4096,\n'
    const own = join(folder, 'own.csv')
    writeFileSync(own, `# pinscope-trace 1\nts,event,id,mm,op,segs,flags\n${rows}`)
    const { report } = await json(own)
    expect(report.traces[0].lanes[0].findings).toMatchObject([{ rule: 'H-49', verdict: 'CONTRACT', severity: 'low' }])
    const { status, stdout } = await pinscope(['audit', own, '--severity', 'high'])
    expect(status).toBe(0)
    expect(stdout).toContain('passed; milder than high: 1 finding of H-49 (stale merge flag)\n')
  })
})
