import { describe, expect, it } from 'vitest'
import { HeldShapes } from '../src/replay/held-shapes.ts'
import { InFlight } from '../src/replay/in-flight.ts'

/** Schedules operations in the order of their numbers; the numbers, as they come out. */
function order(endsNs: readonly number[], nowNs = Number.POSITIVE_INFINITY): number[] {
  const inFlight = new InFlight()
  endsNs.forEach((endNs, i) => {
    const slot = inFlight.take()
    inFlight.number[slot] = i + 1
    inFlight.order.schedule(slot, inFlight.number, Float64Array.of(endNs), 0)
  })
  const out: number[] = []
  for (let slot = due(inFlight, nowNs); slot !== 0; slot = due(inFlight, nowNs)) {
    out.push(inFlight.number[slot]!)
    inFlight.give(slot)
  }
  return out
}

function due(inFlight: InFlight, nowNs: number): number {
  return inFlight.order.due(Float64Array.of(nowNs), 0)
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
    inFlight.order.schedule(first, inFlight.number, Float64Array.of(5), 0)
    expect(due(inFlight, 5)).toBe(first)
    inFlight.give(first)
    expect([inFlight.firstInUse(0), inFlight.firstInUse(second), inFlight.size]).toEqual([second, 0, 1])
    expect(inFlight.take()).toBe(first)
  })
})

describe('operations in flight that are only counted', () => {
  it('come out in the order in which they were put in, however many and wherever the ring begins', () => {
    const held = new HeldShapes()
    const lastNs = new Float64Array(1)
    const expected: number[] = []
    const out: number[] = []
    let time = 0
    for (let i = 0; i < 5000; i++) {
      time += (i * 7) % 3
      expect(held.isLast(Float64Array.of(time), 0)).toBe(true)
      held.push(i % 4096, i, Float64Array.of(time), 0)
      expected.push(i % 4096)
      // Two in, one out at first; later all that is due.
      if (i % 2 === 0) out.push(held.shift(lastNs))
    }
    while (held.isDue(Float64Array.of(time), 0)) out.push(held.shift(lastNs))
    expect(out).toEqual(expected)
    expect(lastNs[0]).toBe(time)
  })

  it('take only those that complete after all others', () => {
    const held = new HeldShapes()
    held.push(1, 1, Float64Array.of(10), 0)
    expect([9, 10, 11].map((end) => held.isLast(Float64Array.of(end), 0))).toEqual([false, true, true])
    expect([9, 10].map((now) => held.isDue(Float64Array.of(now), 0))).toEqual([false, true])
  })

  it('complete before an operation in flight that is later, or of the same time and submitted later', () => {
    const held = new HeldShapes()
    held.push(1, 5, Float64Array.of(10), 0)
    const times = Float64Array.of(9, 10, 10, 11)
    const numbers = Float64Array.of(9, 4, 6, 1)
    expect([0, 1, 2, 3].map((slot) => held.isBefore(times, numbers, slot))).toEqual([false, false, true, true])
  })
})
