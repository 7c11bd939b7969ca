import { type ConsumerDefinition, KIND_SLAB } from '@pinscope/core'
import { HAZARD_RULES } from '@pinscope/core/audit'
import { auditText } from '@pinscope/core/testing'
import { expect, it } from 'vitest'
import { consumerOf } from '../src/bug.ts'
import { bug22 } from '../src/bug-22-bvec-folio-references/bug.ts'

const FIRST = 0x4100

const TRACE = `# pinscope-trace 1
ts,end,event,mm,op,iter,segs,backing
0,,map,1,,kvec,0xf0000000000+8192,slab
1,40,io,1,read,bvec,${FIRST}:0+12288,
`

/** Findings where some of the three pages of the bvec are slab pages: 6.18, whose iov_iter_get_pages2() passes these over. */
async function found(isFixed: boolean, ...slab: readonly number[]) {
  const definition = consumerOf(bug22, bug22.cases[0]!, isFixed)
  const consumer: ConsumerDefinition = {
    ...definition,
    create: (environment) => {
      for (const at of slab) environment.pages.pageOfFrame(FIRST + at, KIND_SLAB)
      return definition.create(environment)
    },
  }
  const options = { consumers: [consumer], consumer: consumer.name, kernel: '6.18' } as const
  const findings = await auditText(TRACE, HAZARD_RULES, options)
  return findings.map(({ rule, row, pages }) => [rule, row, pages])
}

it('takes no reference on a slab page and drops none after the fix', async () => {
  expect(await found(true, 0)).toEqual([])
  expect(await found(true, 1)).toEqual([])
  expect(await found(true, 0, 1, 2)).toEqual([])
})

it('asks the folio of the first page alone before it', async () => {
  // None is taken, and two are put.
  expect(await found(false, 0)).toEqual([['H-17', 2, 2]])
  // Three are taken on the first folio, one is put there, and one on the third.
  expect(await found(false, 1)).toEqual([
    ['H-17', 2, 1],
    ['H-17', 2, 2],
  ])
  expect(await found(false, 0, 1, 2)).toEqual([])
})
