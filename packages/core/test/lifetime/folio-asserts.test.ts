import { expect, it } from 'vitest'
import { FolioAsserts } from '../../src/lifetime/folio-asserts.ts'

it('of each check 1,000 states are listed: one where the kernel stops is there, whatever came before', () => {
  const asserts = new FolioAsserts('6.12', null)
  for (let row = 1; row <= 1500; row++) asserts.tell('unlock-unlocked', 7, row, row)
  asserts.tell('clean-unlocked', 7, 1501, 1501)
  expect(asserts.told).toHaveLength(1001)
  expect(asserts.told.at(-1)).toMatchObject({ check: 'clean-unlocked', outcome: 'bug', row: 1501 })
  expect(asserts.count).toBe(1501)
})
