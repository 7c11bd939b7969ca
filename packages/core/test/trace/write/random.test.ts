import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { WRITTEN_FORMATS, type WrittenFormat } from '../../../src/trace/write/trace-writer.ts'
import { randomTrace } from '../random-trace.ts'
import { readAll, written } from './round-trip.ts'

/** Other programs write Arrow too: a reader gets it in any pieces. */
const PIECES = [[65536], [1], [7, 64, 3]]

describe('random traces, written and read again', () => {
  it.each(WRITTEN_FORMATS)('%s', async (format: WrittenFormat) => {
    await fc.assert(
      fc.asyncProperty(randomTrace(40), fc.constantFrom(...PIECES), async ({ text }, pieces) => {
        const bytes = Buffer.from(text)
        const again = await written(bytes, format)
        expect(await readAll(again, {}, pieces)).toEqual(await readAll(bytes))
      }),
      { seed: 8, numRuns: 150 },
    )
  })

  it('native text of native text is the same text', async () => {
    await fc.assert(
      fc.asyncProperty(randomTrace(40), async ({ text }) => {
        const once = await written(Buffer.from(text), 'csv')
        expect(Buffer.from(await written(once, 'csv')).toString()).toBe(Buffer.from(once).toString())
      }),
      { seed: 9, numRuns: 100 },
    )
  })
})
