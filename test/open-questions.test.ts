import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { lanesOf, PAGE, pageWithTables, QUESTIONS } from '../scripts/open-questions.mjs'

interface Lane {
  readonly refs: { readonly acquired: number; readonly open: number }
  readonly pins: { readonly acquired: number; readonly open: number }
  readonly data: { readonly copiedBytes: number }
  readonly counters: Readonly<Record<string, number>>
  readonly violations: readonly { readonly rule: string; readonly row: number }[]
}

/** The lanes of a question, in the order of its table. */
async function lanes(name: string): Promise<readonly Lane[]> {
  const questions = QUESTIONS.filter((one) => one.name === name)
  const all = await Promise.all(questions.map(lanesOf))
  return all.flat().map(({ lane }) => lane)
}

describe('docs/open-questions.md', () => {
  const text = readFileSync(PAGE, 'utf8')

  it('has the tables of today (node scripts/open-questions.mjs)', async () => {
    expect(await pageWithTables(text)).toBe(text)
  })

  it('sends every byte of an NFS message once, in each of the ways', async () => {
    // 200 + 9,000 + 3, 188 + 65,536, 188 + 4,096; the marker of each message is four bytes more.
    const bytes = 9203 + 65_724 + 4284
    const [old, server, ...ways] = await lanes('sunrpc')
    for (const { counters } of [old!, ...ways]) {
      expect(counters.bytesCopied! + counters.bytesReferenced!).toBe(bytes + 3 * 4)
    }
    // What 6.12 leaves out is the kmalloc'ed head.
    expect(server!.counters.bytesSkipped).toBe(188)
    expect(server!.counters.bytesCopied! + server!.counters.bytesReferenced!).toBe(bytes + 3 * 4 - 188)
  })

  it('takes one pin for each page of a registered buffer, and keeps one a folio since 6.12', async () => {
    const all = await lanes('uring')
    // 2 MiB from 0x1200 into a huge page on: 513 pages of two folios (IU1, IU2 of the reference).
    expect(all.map(({ pins }) => [pins.acquired, pins.open])).toEqual([
      [513, 0],
      [513, 0],
      [513, 0],
    ])
    expect(all.map(({ counters }) => counters.bvecs)).toEqual([513, 2, 2])
  })

  it('finds what is freed, truncated or modified in the row that does it', async () => {
    const rows = async (name: string, at: number) =>
      (await lanes(name))[at]!.violations.map(({ rule, row }) => [rule, row])
    expect(await rows('sunrpc', 3)).toEqual([['use-after-free', 5]])
    expect(await rows('vring', 0)).toEqual([['use-after-free', 2]])
    expect(await rows('loop', 1)).toEqual([
      ['modified-in-use', 4],
      ['modified-in-use', 8],
    ])
    expect(await rows('afs', 0)).toEqual([['truncate-in-use', 2]])
    expect(await rows('netfs', 0)).toEqual([['use-after-free', 3]])
    expect(await rows('pipes', 1)).toEqual([['truncate-in-use', 5]])
  })
})
