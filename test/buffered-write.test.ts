import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { PAGE, pageWithTables } from '../scripts/buffered-write.mjs'

it('docs/buffered-write.md has the tables and outputs of today (node scripts/buffered-write.mjs)', async () => {
  const text = readFileSync(PAGE, 'utf8')
  expect(await pageWithTables(text)).toBe(text)
})
