import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ImportRow } from '../../../src/trace/import/import-row.ts'
import { Pending } from '../../../src/trace/import/pending.ts'

it('is a map in the order of opening, whatever is taken when', () => {
  const step = fc.record({ key: fc.integer({ min: 0, max: 9 }), what: fc.constantFrom('open', 'take', 'oldest') })
  const property = fc.property(fc.array(step, { maxLength: 60 }), fc.boolean(), (steps, many) => {
    const pending = new Pending()
    const plain = new Map<number, ImportRow>()
    // Many that come and go, so that the queue is made anew.
    for (let i = 0; many && i < 3000; i++) {
      pending.open(`x${i}`, new ImportRow())
      pending.take(`x${i}`)
    }
    for (const { key, what } of steps) {
      const oldest = plain.entries().next().value
      expect(pending.oldest).toBe(oldest?.[1])
      if (what === 'open' && !plain.has(key)) {
        const row = new ImportRow()
        plain.set(key, row)
        pending.open(key, row)
      } else if (what === 'take') {
        expect(pending.take(key)).toBe(plain.get(key))
        plain.delete(key)
      } else if (what === 'oldest') {
        expect(pending.takeOldest()).toBe(oldest?.[1])
        if (oldest !== undefined) plain.delete(oldest[0])
      }
      expect(pending.size).toBe(plain.size)
      expect(pending.peek(key)).toBe(plain.get(key))
    }
  })
  fc.assert(property, { numRuns: 300, seed: 20_261_122 })
})
