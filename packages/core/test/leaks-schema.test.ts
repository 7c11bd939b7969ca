import { expect, it } from 'vitest'
import { z } from 'zod'
import { findLeaks, openTrace } from '../src/index.ts'
import { leaksSchema } from '../src/report/leaks-schema.ts'
import { inOnePiece } from '../src/testing/in-one-piece.ts'

it('the shipped JSON Schema is the one of leaks-schema.ts (npm test -- -u writes it anew)', async () => {
  const schema = { $id: 'pinscope-leaks-1.schema.json', title: 'pinscope-leaks/1', ...z.toJSONSchema(leaksSchema) }
  await expect(`${JSON.stringify(schema, null, 2)}\n`).toMatchFileSnapshot('../schema/pinscope-leaks-1.schema.json')
})

it('a report is what the schema says', async () => {
  const text =
    '# pinscope-trace 1\nts,event,iter,segs,id,call,stack\n0,get,bvec,5:0+4096,,,a;b\n1,alloc,,,R=1,NEW,\n9,put,bvec,6:0+1,,,c\n'
  const trace = await openTrace(inOnePiece(new TextEncoder().encode(text)), 'x')
  const report = await findLeaks(trace, { olderThanNs: 0 })
  expect(leaksSchema.parse(report)).toEqual(report)
  expect(report.groups.length).toBe(2)
})
