import { KERNEL_VERSIONS, type KernelVersion } from '@pinscope/core'
import { replayRows, type TestRow } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { recvfile, writeClassic, writeIomap, writeMultipage } from '../src/buffered-write/definition.ts'
import { SlowBufferedWrite, type SlowSetup, type SlowWriteRow, type SourcePage } from './model/slow-buffered-write.ts'

const P = 4096
const SCHEMES = [writeClassic, writeMultipage, writeIomap, recvfile]
const SOURCE = 0x7f0000000000
const APART = 0x10000000

/** Rows that make the source of a write as it is said, and the write. */
function rowsOf({ position, length, skip, source, hole }: SlowWriteRow, number: number): TestRow[] {
  const base = SOURCE + number * APART
  const maps = source.map((page, i): TestRow => {
    const segs = `0x${(base + i * P).toString(16)}+${P}`
    if (page === 'gone') return { event: 'unmap', iter: 'ubuf', segs }
    return { event: 'map', iter: 'ubuf', segs, backing: 'anon', flags: page === 'absent' ? 'untouched' : '' }
  })
  const flags = hole === undefined ? '' : `hole=${hole[0]}+${hole[1]}`
  const segs = `0x${(base + skip).toString(16)}+${length}`
  return [...maps, { op: 'write', file: 'a', offset: position, iter: 'ubuf', segs, flags }]
}

async function compare(setup: SlowSetup, writes: readonly SlowWriteRow[]): Promise<void> {
  const definition = SCHEMES.find(({ name }) => name === setup.scheme)
  if (definition === undefined) throw new Error(setup.scheme)
  const options: Record<string, number> = {
    'free-blocks': setup.freeBlocks ?? 0x7fffffff,
    'extent-blocks': setup.extentBlocks ?? 0,
    'file-bytes': setup.fileBytes ?? 0,
  }
  if (setup.scheme === 'write-iomap') options.folios = setup.isLarge ? 2 : 1
  if (setup.scheme === 'write-iomap') options['hole-pages'] = setup.holePages ?? 1024
  if (setup.scheme === 'write-multipage') options.prototype = setup.isPrototype ? 1 : 0
  const rows = writes.flatMap(rowsOf)
  const fast = await replayRows(definition, rows, { kernel: setup.kernel, options })
  const slow = new SlowBufferedWrite(setup)
  const results = writes.map((write) => slow.write({ ...write, source: [...write.source] }))
  const counted = Object.fromEntries(Object.entries(slow.counts).filter(([, value]) => value !== 0))
  const { counters } = fast.report
  const nonzero = Object.fromEntries(Object.entries(counters).filter(([, value]) => value !== 0))
  const told = JSON.stringify({ setup, writes })
  expect({ results: fast.results, counters: nonzero }, told).toEqual({ results, counters: counted })
}

/** Ways of each scheme. */
function setups(): SlowSetup[] {
  return KERNEL_VERSIONS.flatMap((kernel: KernelVersion): SlowSetup[] => [
    { scheme: 'write-classic', kernel },
    { scheme: 'write-multipage', kernel },
    { scheme: 'write-multipage', kernel, isPrototype: true },
    { scheme: 'write-iomap', kernel },
    { scheme: 'write-iomap', kernel, isLarge: true },
    { scheme: 'recvfile', kernel },
  ])
}

function seeded(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state * 1103515245 + 12345) % 2147483648
    return Math.floor((state / 2147483648) * below)
  }
}

const pick = <T>(random: (below: number) => number, some: readonly T[]): T => some[random(some.length)] as T

function randomWrite(random: (below: number) => number, pagesMax: number): SlowWriteRow {
  const length = pick(random, [random(pagesMax * P) + 1, (random(pagesMax) + 1) * P])
  const position = pick(random, [0, random(pagesMax) * P, random(pagesMax * P)])
  const skip = pick(random, [0, 0, random(P)])
  const pages = Math.ceil((skip + length) / P)
  const isWhole = random(3) === 0
  const source = Array.from({ length: pages }, (): SourcePage => {
    if (isWhole) return 'there'
    return pick(random, ['there', 'there', 'there', 'there', 'absent', 'gone'])
  })
  const from = random(length)
  const hole = random(4) === 0 ? ([from, random(length - from)] as const) : undefined
  return hole === undefined ? { position, length, skip, source } : { position, length, skip, source, hole }
}

describe.each(setups())('$scheme of $kernel, large $isLarge, prototype $isPrototype', (setup) => {
  it('is as the slow twin in small cases: three pages of source, each there, absent or gone', async () => {
    const kinds: SourcePage[] = ['there', 'absent', 'gone']
    for (let code = 0; code < 27; code++) {
      const source = [0, 1, 2].map((i) => kinds[Math.floor(code / 3 ** i) % 3] as SourcePage)
      for (const position of [0, 1000, P]) {
        for (const fileBytes of [0, 16 * P]) {
          await compare({ ...setup, fileBytes }, [{ position, length: 2 * P + 500, skip: 100, source }])
        }
      }
    }
  })

  it('is as the slow twin in random cases', async () => {
    const random = seeded(7)
    for (let i = 0; i < 150; i++) {
      const writes = Array.from({ length: 1 + random(3) }, () => randomWrite(random, pick(random, [3, 9, 20])))
      const more: Partial<SlowSetup> = {
        freeBlocks: pick(random, [0x7fffffff, 0x7fffffff, 4, 16]),
        extentBlocks: pick(random, [0, 0, 3, 8]),
        fileBytes: pick(random, [0, 0, 5000, 40 * P]),
        holePages: pick(random, [1024, 1024, 0, 5]),
      }
      await compare({ ...setup, ...more }, writes)
    }
  })
})
