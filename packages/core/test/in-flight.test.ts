import { describe, expect, it } from 'vitest'
import { InFlight } from '../src/replay/in-flight.ts'

/** Schedules operations in the order of their numbers; the numbers, as they come out. */
function order(endsNs: readonly number[], nowNs = Number.POSITIVE_INFINITY): number[] {
  const inFlight = new InFlight()
  endsNs.forEach((endNs, i) => {
    const slot = inFlight.take()
    inFlight.number[slot] = i + 1
    inFlight.schedule(slot, Float64Array.of(endNs), 0)
  })
  const out: number[] = []
  for (let slot = due(inFlight, nowNs); slot !== 0; slot = due(inFlight, nowNs)) {
    out.push(inFlight.number[slot]!)
    inFlight.give(slot)
  }
  return out
}

function due(inFlight: InFlight, nowNs: number): number {
  return inFlight.due(Float64Array.of(nowNs), 0)
}

describe('operations in flight', () => {
  it('complete in the order of time', () => {
    expect(order([50, 10, 40, 20, 30])).toEqual([2, 4, 5, 3, 1])
  })

  it('those of one time in the order of submission', () => {
    expect(order([7, 7, 3, 7, 3, 7])).toEqual([3, 5, 1, 2, 4, 6])
  })

  it('only what is due by now', () => {
    expect(order([50, 10, 40], 40)).toEqual([2, 3])
    expect(order([50], 49)).toEqual([])
  })

  it('agree with a sorted list, thousands of them, slots used again', () => {
    const ends = Array.from({ length: 5000 }, (_, i) => (i * 48_271) % 997)
    const sorted = ends.map((end, i) => ({ end, number: i + 1 })).sort((a, b) => a.end - b.end || a.number - b.number)
    expect(order(ends)).toEqual(sorted.map(({ number }) => number))
  })

  it('one without a completion stays, and is found', () => {
    const inFlight = new InFlight()
    const [first, second] = [inFlight.take(), inFlight.take()]
    inFlight.number[first] = 1
    inFlight.number[second] = 2
    inFlight.schedule(first, Float64Array.of(5), 0)
    expect(due(inFlight, 5)).toBe(first)
    inFlight.give(first)
    expect([inFlight.firstInUse(0), inFlight.firstInUse(second), inFlight.size]).toEqual([second, 0, 1])
    expect(inFlight.take()).toBe(first)
  })
})
