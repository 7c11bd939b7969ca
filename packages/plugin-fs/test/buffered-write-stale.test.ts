import { type ConsumerDefinition, KERNEL_VERSIONS, type KernelVersion } from '@pinscope/core'
import { HAZARD_RULES } from '@pinscope/core/audit'
import { auditText, replayRows, type TestRow, traceText } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { recvfile, writeClassic, writeIomap, writeMultipage } from '../src/buffered-write/definition.ts'
import { pick, randomWrite, rowsOf, seeded } from './model/random-writes.ts'

const P = 4096
const KIB = 1024
const MIB = 1024 * KIB
const SOURCE = 0x7f0000000000

type Options = Readonly<Record<string, number>>

const at = (pages: number) => `0x${(SOURCE + pages * P).toString(16)}`
const write = (bytes: number, offset: number, from = 0): TestRow => ({
  op: 'write',
  file: 'a',
  offset,
  iter: 'ubuf',
  segs: `${at(from)}+${bytes}`,
})
const map = (first: number, pages: number): TestRow => ({
  event: 'map',
  iter: 'ubuf',
  segs: `${at(first)}+${pages * P}`,
  backing: 'anon',
})
const unmap = (first: number, pages: number): TestRow => ({
  event: 'unmap',
  iter: 'ubuf',
  segs: `${at(first)}+${pages * P}`,
})

/** 64 KiB at `offset`, of whose source nine pages are there: rows 1 to 3. */
const shortWrite = (offset = 0): TestRow[] => [map(0, 9), unmap(9, 7), write(64 * KIB, offset)]

/** Of one consumer: its counters, and what some rules find, [rule, row, pages]. */
async function seen(definition: ConsumerDefinition, rows: TestRow[], kernel: KernelVersion, options: Options = {}) {
  const { report } = await replayRows(definition, rows, { kernel, options })
  const rules = HAZARD_RULES.filter(({ id }) => id === 'H-31' || id === 'H-32')
  const lane = { consumers: [definition], consumer: definition.name, kernel, options }
  const findings = await auditText(traceText(rows), rules, lane)
  return { counters: report.counters, found: findings.map(({ rule, row, pages }) => [rule, row, pages]) }
}

describe('blocks that recvfile leaves, seven behind the end of the file', () => {
  it('are exposed when the file grows over them: 7 blocks are 28,672 bytes', async () => {
    const { counters, found } = await seen(recvfile, [...shortWrite(), write(P, MIB)], '6.12')
    expect(counters).toMatchObject({ leakedBlocks: 7, filledLeaks: 0, staleBytes: 28_672 })
    expect(found).toEqual([
      ['H-31', 3, 7],
      ['H-32', 4, 7],
    ])
  })

  it('are leaked no more when a later write fills them, and expose nothing', async () => {
    const refill = [map(9, 7), write(28_672, 36_864, 9), write(P, MIB)]
    const { counters, found } = await seen(recvfile, [...shortWrite(), ...refill], '6.12')
    expect(counters).toMatchObject({ leakedBlocks: 0, filledLeaks: 7, staleBytes: 0 })
    expect(found).toEqual([['H-31', 3, 7]])
  })

  it('expose what lies before a write that fills one in part: 4 KiB of block 9, 1000 bytes of block 10', async () => {
    const { counters, found } = await seen(recvfile, [...shortWrite(), write(500, 10 * P + 1000)], '6.12')
    expect(counters).toMatchObject({ leakedBlocks: 6, filledLeaks: 1, staleBytes: P + 1000 })
    expect(found).toEqual([
      ['H-31', 3, 7],
      ['H-32', 4, 1],
      ['H-32', 4, 1],
    ])
    // Then what lies behind it, up to the next block, and the five blocks behind that one.
    const more = [...shortWrite(), write(500, 10 * P + 1000), write(P, MIB)]
    expect((await seen(recvfile, more, '6.12')).counters.staleBytes).toBe(P + 1000 + (P - 1500) + 5 * P)
  })

  it('inside the file are exposed at once, and once', async () => {
    const rows = [...shortWrite(), write(P, MIB)]
    const { counters, found } = await seen(recvfile, rows, '6.12', { 'file-bytes': 64 * KIB })
    expect(counters.staleBytes).toBe(28_672)
    expect(found).toEqual([
      ['H-31', 3, 7],
      ['H-32', 3, 7],
    ])
  })
})

describe('what the prototype of 2010 leaves reserved', () => {
  it('is leaked until a later write fills it: a reader gets zeros of it meanwhile', async () => {
    const rows = [...shortWrite(), write(P, MIB)]
    const left = await seen(writeMultipage, rows, '6.12', { prototype: 1 })
    expect(left.counters).toMatchObject({ leakedBlocks: 7, filledLeaks: 0, staleBytes: 0 })
    const refill = [map(9, 7), write(10_000, 36_864, 9)]
    // 10,000 bytes touch three of the seven.
    const filled = await seen(writeMultipage, [...rows, ...refill], '6.12', { prototype: 1 })
    expect(filled.counters).toMatchObject({ leakedBlocks: 4, filledLeaks: 3 })
  })
})

describe('old memory in iomap, up to 6.18', () => {
  // [100, 65636) of a hole of 1 MiB, 36,864 bytes of it are copied: the folio of 64 KiB ends at 65,536.
  it('has the verdict STALE: [36964, 65536) in seven blocks', async () => {
    const seenOn = (kernel: KernelVersion) => seen(writeIomap, shortWrite(100), kernel, { 'file-bytes': MIB })
    const { counters, found } = await seenOn('6.12')
    expect(counters.staleBytes).toBe(65_536 - 36_964)
    expect(found).toEqual([['H-32', 3, 7]])
    expect(await seenOn('mainline')).toMatchObject({ counters: { staleBytes: 0 }, found: [] })
  })
})

describe('the counter and the audit', () => {
  const ways: [ConsumerDefinition, Options][] = [
    [writeClassic, {}],
    [writeMultipage, { prototype: 1 }],
    [writeIomap, {}],
    [recvfile, {}],
  ]
  it.each(ways)('$name: staleBytes is more than 0 where H-32 is found, and only there', async (definition, way) => {
    const random = seeded(11)
    let stale = 0
    for (let i = 0; i < 120; i++) {
      const writes = Array.from({ length: 1 + random(4) }, () => randomWrite(random, pick(random, [3, 9, 20])))
      const options = {
        ...way,
        'free-blocks': pick(random, [0x7fffffff, 4, 16]),
        'file-bytes': pick(random, [0, 5000, 40 * P]),
        'unwritten-from': 3 * P,
        'unwritten-bytes': pick(random, [0, 0, 9 * P]),
      }
      const kernel = pick(random, KERNEL_VERSIONS)
      const { counters, found } = await seen(definition, writes.flatMap(rowsOf), kernel, options)
      const isFound = found.some(([rule]) => rule === 'H-32')
      expect(isFound, JSON.stringify({ kernel, options, writes })).toBe(counters.staleBytes > 0)
      if (isFound) stale++
    }
    expect(stale > 0).toBe(definition === writeIomap || definition === recvfile)
  })
})
