import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { figuresOf, lanesOf, PAGE, pageWithTables, recordedTraces } from '../scripts/rdma-comparison.mjs'

describe('docs/rdma-comparison.md', () => {
  it('has the tables of today (node scripts/rdma-comparison.mjs)', async () => {
    const text = readFileSync(PAGE, 'utf8')
    expect(await pageWithTables(text)).toBe(text)
  })

  it('says that 6.18 and mainline are as 6.12 on these traces', async () => {
    const lanes = ['6.12', '6.18', 'mainline'].map((kernel) => ({ consumer: 'smbdirect', kernel }))
    for (const name of recordedTraces()) {
      for (const offload of [0, 1]) {
        const [old, ...newer] = (await lanesOf(name, lanes, { 'rdma-offload': offload })).map(figuresOf)
        for (const figures of newer) expect(figures, name).toEqual(old)
      }
    }
  })
})
