import { expect, it } from 'vitest'
import { z } from 'zod'
import { reportSchema } from '../src/report/report-schema.ts'

/**
 * The JSON Schema of `pinscope replay --json` ships in packages/core/schema. This test generates it from the one
 * definition and compares; after a change of that, `npm test -- -u` writes it anew.
 */
it('the shipped JSON Schema is the one of report-schema.ts', async () => {
  const schema = {
    $id: 'pinscope-report-1.schema.json',
    title: 'pinscope-report/1',
    ...z.toJSONSchema(reportSchema),
  }
  await expect(`${JSON.stringify(schema, null, 2)}\n`).toMatchFileSnapshot('../schema/pinscope-report-1.schema.json')
})
