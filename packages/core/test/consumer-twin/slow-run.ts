import { Iter } from './slow-iter.ts'
import type { Row, Setup } from './slow-rows.ts'
import { World } from './slow-world.ts'

/** A consumer's twin. */
export interface Twin {
  /** Bytes, or -errno with nothing kept. */
  submit(op: Operation): number
  complete(op: Operation): void
  /** The trace is over. */
  close(): void
}

/** One operation between its submission and its completion. */
export interface Operation {
  readonly row: Row
  readonly number: number
  readonly iter: Iter
  result: number
}

/** The whole run of one lane. */
export function run(rows: readonly Row[], setup: Setup, make: (world: World) => Twin) {
  const world = new World(setup)
  const twin = make(world)
  const results: number[] = []
  let inFlight: { at: number; op: Operation }[] = []
  const completeUntil = (time: number) => {
    for (;;) {
      const due = inFlight.filter(({ at }) => at <= time).sort((a, b) => a.at - b.at || a.op.number - b.op.number)
      if (due.length === 0) return
      inFlight = inFlight.filter((one) => one !== due[0])
      twin.complete(due[0]!.op)
    }
  }
  rows.forEach((row, index) => {
    const ts = index * STEP
    completeUntil(ts)
    if (row.event === 'map') {
      world.map(row)
      return
    }
    const op: Operation = { row, number: ++world.sums.operations, iter: new Iter(world, row), result: 0 }
    world.builtNow = 0
    op.result = twin.submit(op)
    results.push(op.result)
    if (op.result < 0) world.sums.errors++
    else {
      world.sums.bytes += op.result
      if (row.end === undefined) twin.complete(op)
      else if (row.end !== 'never') inFlight.push({ at: ts + row.end, op })
    }
  })
  completeUntil(Number.POSITIVE_INFINITY)
  twin.close()
  return figures(world, results)
}

/** Time between two rows, ns. */
export const STEP = 1000

function figures(world: World, results: readonly number[]) {
  const { sums, pins, refs, data, entries, bare, allocations } = world
  return {
    results,
    ...sums,
    pins,
    refs,
    barePages: bare,
    data,
    entries,
    openAllocations: allocations.made - allocations.freed,
    refcounts: world.refcounts(),
  }
}

export type Figures = ReturnType<typeof figures>
