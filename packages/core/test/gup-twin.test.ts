import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KERNEL_VERSIONS } from '../src/kernel/version.ts'
import { FOLL_GET, FOLL_LONGTERM, FOLL_NOFAULT, FOLL_PCI_P2PDMA, FOLL_PIN, FOLL_WRITE } from '../src/memory/foll.ts'
import { BACKING_NAMES, type FlagName } from '../src/trace/op-batch.ts'
import { GupTwins } from './support/gup-worlds.ts'
import type { RowSpec } from './support/rows.ts'

type Step =
  | { readonly row: RowSpec }
  | {
      readonly mm: number
      readonly first: number
      readonly count: number
      readonly foll: number
      readonly take: boolean
    }
  | { readonly release: number }

const FOLLS = [0, FOLL_GET, FOLL_PIN, FOLL_PIN, FOLL_PIN | FOLL_LONGTERM].flatMap((foll) => [foll, foll | FOLL_WRITE])
const ODD = [0, 0, 0, FOLL_NOFAULT, FOLL_PCI_P2PDMA]
const USER_BACKINGS = BACKING_NAMES.filter((name) => !['vmalloc', 'slab', 'rodata'].includes(name))

/** Steps over `pages` pages of three address spaces; `unit` is what places and sizes are multiples of, mostly. */
function stepsOver(pages: number, unit: number, orders: readonly number[]): fc.Arbitrary<Step[]> {
  const mm = fc.constantFrom(1, 1, 2, 2, 3)
  const at = fc.oneof(
    { weight: 3, arbitrary: fc.integer({ min: 0, max: pages / unit - 1 }).map((n) => n * unit) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: pages - 1 }) },
  )
  const size = fc.oneof(
    { weight: 3, arbitrary: fc.integer({ min: 1, max: pages / unit }).map((n) => n * unit) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: unit }) },
  )
  // No name, or one of two files from some page on: several mappings show the same pages.
  const file = fc.oneof(
    { weight: 1, arbitrary: fc.constant({}) },
    { weight: 1, arbitrary: fc.record({ file: fc.nat(1), offset: at.map((page) => page * 4096) }) },
  )
  const map = fc
    .record({
      mm,
      at,
      size,
      backing: fc.oneof(
        { weight: 4, arbitrary: fc.constantFrom('anon' as const, 'thp' as const) },
        { weight: 2, arbitrary: fc.constantFrom('file' as const, 'shmem' as const) },
        { weight: 1, arbitrary: fc.constantFrom(...USER_BACKINGS) },
      ),
      order: fc.constantFrom(...orders),
      flags: fc.subarray<FlagName>(['untouched', 'private', 'prot_read']),
      none: fc.nat(15),
      file,
    })
    .map(({ mm: space, at: first, size: count, backing, order, flags, none, file: shown }): Step => {
      const words: FlagName[] = none === 0 ? [...flags, 'prot_none'] : flags
      return { row: { event: 'map', mm: space, segs: [[first, count]], backing, order, flags: words, ...shown } }
    })
  const truncate = fc
    .record({ file: fc.nat(1), at })
    .map(({ file: cut, at: end }): Step => ({ row: { event: 'truncate', file: cut, offset: end * 4096 } }))
  const unmap = fc
    .record({ mm, at, size })
    .map(
      ({ mm: space, at: first, size: count }): Step => ({ row: { event: 'unmap', mm: space, segs: [[first, count]] } }),
    )
  const exit = mm.map((space): Step => ({ row: { event: 'unmap', mm: space, segs: [[0, pages]] } }))
  const fork = fc
    .record({ mm, child: fc.integer({ min: -1, max: 3 }) })
    .map(({ mm: parent, child }): Step => ({ row: { event: 'fork', mm: parent, result: child } }))
  const walk = fc
    .record({
      mm,
      at,
      count: fc.integer({ min: 1, max: 6 }),
      foll: fc.constantFrom(...FOLLS),
      odd: fc.constantFrom(...ODD),
      take: fc.boolean(),
    })
    .map(({ mm: space, at: first, count, foll, odd, take }): Step => {
      const isExcluded = odd === FOLL_PCI_P2PDMA && (foll & FOLL_LONGTERM) !== 0
      return { mm: space, first, count, foll: isExcluded ? foll : foll | odd, take }
    })
  const release = fc.nat(9).map((index): Step => ({ release: index }))
  return fc.array(
    fc.oneof(
      { weight: 2, arbitrary: map },
      { weight: 1, arbitrary: unmap },
      { weight: 1, arbitrary: exit },
      { weight: 1, arbitrary: truncate },
      { weight: 3, arbitrary: fork },
      { weight: 9, arbitrary: walk },
      { weight: 3, arbitrary: release },
    ),
    { minLength: 2, maxLength: 40 },
  )
}

async function agrees(steps: readonly Step[], kernel: (typeof KERNEL_VERSIONS)[number]): Promise<void> {
  const twins = new GupTwins(kernel)
  for (const [index, step] of steps.entries()) {
    const where = `step ${index} of ${JSON.stringify(steps)} on ${kernel}`
    if ('row' in step) await twins.apply(step.row)
    else if ('release' in step) twins.release(step.release)
    else expect(twins.walk(step.mm, step.first, step.count, step.foll, step.take), where).toBe('')
    expect(twins.differences(), where).toEqual([])
  }
  twins.releaseAll()
  twins.slowLedger.check()
  expect(twins.fast.ledger.mappingReferences.areAll()).toBe(true)
}

describe('get_user_pages, fork and copy-on-write: the slow twin agrees', () => {
  const kernel = fc.constantFrom(...KERNEL_VERSIONS)

  it('2,000 times over small pages and folios of 2, 4 and 16 pages', async () => {
    const steps = stepsOver(32, 4, [0, 0, 0, 1, 2, 4])
    await fc.assert(fc.asyncProperty(steps, kernel, agrees), { numRuns: 2000, seed: 20_261_121 })
  })

  it('1,000 times over huge pages', async () => {
    const steps = stepsOver(2048, 512, [0, 9, 9, 9, 10])
    await fc.assert(fc.asyncProperty(steps, kernel, agrees), { numRuns: 1000, seed: 20_261_121 })
  })
})
