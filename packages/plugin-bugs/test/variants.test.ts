import { expect, it } from 'vitest'
import { audit, CASES, found } from './audited.ts'
import { LIST_VARIANTS } from './list-variants.ts'
import { VARIANTS } from './variants.ts'

const named = [...VARIANTS, ...LIST_VARIANTS].map(
  (variant) => [`${variant.bugCase}: ${variant.what}`, variant] as const,
)

it.each(named)('%s', async (_name, { bugCase: name, trace, faults, options = {}, before = [] }) => {
  const [, bug, bugCase] = CASES.find(([, , { name: of }]) => of === name) ?? []
  if (bug === undefined || bugCase === undefined) throw new Error(`there is no case ${name}`)
  expect(found(await audit(bug, bugCase, false, { text: trace, faults, options }))).toEqual(before)
  expect(found(await audit(bug, bugCase, true, { text: trace, faults, options }))).toEqual([])
})
