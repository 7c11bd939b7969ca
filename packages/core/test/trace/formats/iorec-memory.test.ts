import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KnownPages } from '../../../src/trace/import/iorec/known-pages.ts'
import { type Mapping, Mappings } from '../../../src/trace/import/iorec/mapping.ts'
import { PAGE_ANON, PAGE_UNKNOWN, type PageKind } from '../../../src/trace/import/iorec/page-kind.ts'
import { Spaces } from '../../../src/trace/import/iorec/spaces.ts'

// What an importer of recordings knows of memory, against an array with an entry a page; and that it has an end.

const SEED = { seed: 20_261_122, numRuns: 300 }
/** Some blocks of 512 pages. */
const PAGES = 1700

const range = fc.tuple(fc.nat(PAGES - 1), fc.integer({ min: 1, max: 900 })).map(([first, count]) => ({
  first,
  end: Math.min(first + count, PAGES),
}))

function mappingOf(first: number, end: number, isWritable = true): Mapping {
  const usual = { isShared: false, isHugetlb: false, file: null, isReadable: true, isExact: true, whole: 0 as const }
  return { ...usual, firstPage: first, endPage: end, filePage: first + 10_000, isWritable }
}

describe('mappings', () => {
  const step = fc.record({ what: fc.constantFrom('put', 'remove', 'protect', 'copy'), range })

  it('are what an array says, a page each', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const tables = [new Mappings()]
        const models: (boolean | undefined)[][] = [Array.from({ length: PAGES }, () => undefined)]
        for (const [
          i,
          {
            what,
            range: { first, end },
          },
        ] of steps.entries()) {
          // The newest of the copies, or the one before it: a copy and its origin go their own ways.
          const at = Math.max(0, tables.length - 1 - (i % 2))
          const table = tables[at]!
          const model = models[at]!
          if (what === 'put') table.put(mappingOf(first, end))
          else if (what === 'remove') table.remove(first, end)
          else if (what === 'protect') table.protect(first, end, true, false)
          else {
            tables.push(table.copy())
            models.push([...model])
            continue
          }
          for (let page = first; page < end; page++) {
            if (what === 'put') model[page] = true
            else if (what === 'remove') model[page] = undefined
            else if (model[page] !== undefined) model[page] = false
          }
        }
        for (const [at, table] of tables.entries()) {
          const found = Array.from({ length: PAGES }, (_, page) => table.find(page)?.isWritable)
          expect(found).toEqual(models[at])
          for (let page = 0; page < PAGES; page += 7) {
            const mapping = table.find(page)
            if (mapping !== null) expect(mapping.filePage - mapping.firstPage).toBe(10_000)
          }
        }
      }),
      SEED,
    )
  })
})

describe('what is known of pages', () => {
  const step = fc.record({
    what: fc.constantFrom('use', 'tell', 'forget', 'copy'),
    range,
    kind: fc.integer({ min: 1, max: 8 }),
  })

  it('is what an array says', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const all = [new KnownPages()]
        const models: number[][] = [Array.from({ length: PAGES }, () => PAGE_UNKNOWN)]
        for (const [
          i,
          {
            what,
            range: { first, end },
            kind,
          },
        ] of steps.entries()) {
          const at = Math.max(0, all.length - 1 - (i % 2))
          const known = all[at]!
          const model = models[at]!
          if (what === 'copy') {
            all.push(known.copy())
            models.push([...model])
          } else if (what === 'use') {
            known.use(first, kind as PageKind)
            model[first] = kind
          } else if (what === 'tell') {
            known.tell(first, end, kind as PageKind)
            model.fill(kind, first, end)
          } else {
            const wasKnown = model.slice(first, end).some((one) => one !== PAGE_UNKNOWN)
            expect(known.forget(first, end)).toBe(wasKnown)
            model.fill(PAGE_UNKNOWN, first, end)
          }
        }
        for (const [at, known] of all.entries()) {
          expect(Array.from({ length: PAGES }, (_, page) => known.kindOf(page))).toEqual(models[at])
        }
      }),
      SEED,
    )
  })
})

describe('bounds', () => {
  it('pages: 8,192 blocks of 512', () => {
    const known = new KnownPages()
    for (let block = 0; block < 9000; block++) known.use(block * 512, PAGE_ANON)
    expect([known.size, known.wereForgotten]).toEqual([8192, true])
    expect(known.kindOf(8999 * 512)).toBe(PAGE_ANON)
  })

  it('mappings: 65,536 of an address space, as the kernel has them', () => {
    const mappings = new Mappings()
    for (let i = 0; i <= 65_536; i++) mappings.put(mappingOf(2 * i, 2 * i + 1))
    expect([mappings.wereForgotten, mappings.size]).toEqual([true, 0])
  })

  it('address spaces: the oldest are forgotten', () => {
    const spaces = new Spaces()
    for (let mm = 1; mm <= 200_000; mm++) spaces.of(mm).known.use(0, PAGE_ANON)
    expect(spaces.wereForgotten).toBe(true)
    expect(spaces.of(200_000).known.size).toBe(1)
    expect(spaces.of(1).known.size).toBe(0)
  })
})
