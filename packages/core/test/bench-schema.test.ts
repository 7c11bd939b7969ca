import { expect, it } from 'vitest'
import { z } from 'zod'
import { benchSchema } from '../src/report/bench-schema.ts'

it('the shipped JSON Schema is the one of bench-schema.ts (npm test -- -u writes it anew)', async () => {
  const schema = { $id: 'pinscope-bench-1.schema.json', title: 'pinscope-bench/1', ...z.toJSONSchema(benchSchema) }
  await expect(`${JSON.stringify(schema, null, 2)}\n`).toMatchFileSnapshot('../schema/pinscope-bench-1.schema.json')
})
