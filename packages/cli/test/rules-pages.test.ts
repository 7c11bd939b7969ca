import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { AUDIT_PAGE, auditMarkdown, RULES_PAGE, rulesMarkdown } from '../../../scripts/rule-pages.mjs'

it('docs/rules.md is what the rules say (else: node scripts/rule-pages.mjs)', async () => {
  expect(readFileSync(RULES_PAGE, 'utf8')).toBe(await rulesMarkdown())
})

it('docs/audit.md shows what the command prints (else: node scripts/rule-pages.mjs)', () => {
  expect(readFileSync(AUDIT_PAGE, 'utf8')).toBe(auditMarkdown())
})
