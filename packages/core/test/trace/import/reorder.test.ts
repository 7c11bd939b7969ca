import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Reorder } from '../../../src/trace/import/reorder.ts'

/** A time to push, or -1 to take the earliest row out. */
type Step = number

const TAKE = -1

/** What comes out, as `time/sequence`, the rest at the end. */
function reordered(steps: readonly Step[]): string[] {
  const reorder = new Reorder()
  const taken: string[] = []
  const take = () => {
    const first = reorder.first
    const row = reorder.pop()
    expect(row).toBe(first)
    taken.push(`${row.tsNs}/${row.sequence}`)
    reorder.recycle(row)
  }
  steps.forEach((step, sequence) => {
    if (step === TAKE) {
      if (reorder.size > 0) take()
      return
    }
    const row = reorder.draft()
    row.tsNs = step
    row.sequence = sequence
    reorder.push(row)
  })
  while (reorder.size > 0) take()
  expect(reorder.first).toBeUndefined()
  return taken
}

/** The same with a list that is sorted for every row that is taken. */
function sorted(steps: readonly Step[]): string[] {
  let waiting: { time: number; sequence: number }[] = []
  const taken: string[] = []
  const take = () => {
    waiting = waiting.toSorted((a, b) => a.time - b.time || a.sequence - b.sequence)
    const row = waiting.shift()
    if (row !== undefined) taken.push(`${row.time}/${row.sequence}`)
  }
  steps.forEach((step, sequence) => {
    if (step === TAKE) take()
    else waiting.push({ time: step, sequence })
  })
  while (waiting.length > 0) take()
  return taken
}

describe('reorder', () => {
  it('gives rows by time, then as they came, like a sorted list', () => {
    const steps = fc.array(fc.oneof(fc.constant(TAKE), fc.integer({ min: 0, max: 40 })), { maxLength: 300 })
    fc.assert(
      fc.property(steps, (given) => {
        expect(reordered(given)).toEqual(sorted(given))
      }),
      { seed: 8, numRuns: 300 },
    )
  })

  it('holds more rows than its ring begins with, in order, and a few that are late', () => {
    const steps = Array.from({ length: 20_000 }, (_, i) => (i % 1000 === 999 ? i - 900 : i))
    expect(reordered(steps)).toEqual(sortedOnce(steps))
  })

  it('is right when the first row is the latest of all, and every other one is late', () => {
    const steps = [1_000_000, ...Array.from({ length: 9000 }, (_, i) => (i * 7919) % 9001)]
    expect(reordered(steps)).toEqual(sortedOnce(steps))
  })

  it('moves its ring when it is full and begins in the middle', () => {
    const steps: Step[] = Array.from({ length: 8000 }, (_, i) => i)
    for (let i = 0; i < 5000; i++) steps.push(TAKE)
    for (let i = 0; i < 9000; i++) steps.push(8000 + i)
    expect(reordered(steps)).toEqual(sortedOnce(steps))
  })
})

/** Of steps that take nothing before all was pushed, or nothing that a later push is earlier than: sorted once. */
function sortedOnce(steps: readonly Step[]): string[] {
  const rows = steps.flatMap((time, sequence) => (time === TAKE ? [] : [{ time, sequence }]))
  return rows
    .toSorted((a, b) => a.time - b.time || a.sequence - b.sequence)
    .map(({ time, sequence }) => `${time}/${sequence}`)
}
