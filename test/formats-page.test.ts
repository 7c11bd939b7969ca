import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { formatsPage, PAGE } from '../scripts/formats-page.mjs'

it('docs/formats.md has the formats of today (node scripts/formats-page.mjs)', () => {
  const page = readFileSync(PAGE, 'utf8')
  expect(page).toBe(formatsPage(page))
})
