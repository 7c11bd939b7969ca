import { KERNEL_VERSIONS, type KernelVersion } from '@pinscope/core'
import { replayRows } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { recvfile, writeClassic, writeIomap, writeMultipage } from '../src/buffered-write/definition.ts'
import { pick, randomWrite, rowsOf, seeded } from './model/random-writes.ts'
import { SlowBufferedWrite, type SlowSetup, type SlowWriteRow, type SourcePage } from './model/slow-buffered-write.ts'

const P = 4096
const SCHEMES = [writeClassic, writeMultipage, writeIomap, recvfile]

async function compare(setup: SlowSetup, writes: readonly SlowWriteRow[]): Promise<void> {
  const definition = SCHEMES.find(({ name }) => name === setup.scheme)
  if (definition === undefined) throw new Error(setup.scheme)
  const options: Record<string, number> = {
    'free-blocks': setup.freeBlocks ?? 0x7fffffff,
    'extent-blocks': setup.extentBlocks ?? 0,
    'file-bytes': setup.fileBytes ?? 0,
    'unwritten-from': setup.unwritten?.[0] ?? 0,
    'unwritten-bytes': setup.unwritten?.[1] ?? 0,
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
        unwritten: pick(random, [[0, 0] as const, [0, 0] as const, [0, 30 * P] as const, [5000, 20_000] as const]),
      }
      await compare({ ...setup, ...more }, writes)
    }
  })
})
