import type { ConsumerDefinition } from '../consumer/consumer.ts'
import { FAULT_NAMES, type FaultName } from '../consumer/faults.ts'
import { PINS_OPEN, REFS_OPEN } from '../ledger/totals.ts'
import { type RowsOptions, type RowsResult, replayRows } from './replay-rows.ts'
import type { TestRow } from './trace-row.ts'

/** One step failed, and what was still held when the trace was over. */
export interface SweptFault {
  readonly fault: FaultName
  /** Which step of its kind, from 1. */
  readonly at: number
  /** Bytes or -errno of each io row. */
  readonly results: readonly number[]
  readonly pinsOpen: number
  readonly refsOpen: number
  readonly openBytes: number
  /** Entries still mapped for a device. */
  readonly mappedEntries: number
  /** Rules that were broken, by name. */
  readonly violations: readonly string[]
}

/** Steps of each kind that the rows have, and what became of each when it failed. */
export interface Sweep {
  readonly steps: Readonly<Record<FaultName, number>>
  readonly faults: readonly SweptFault[]
  /** Those after which something was still held, allocated, mapped, or wrongly released. */
  readonly unclean: readonly SweptFault[]
}

/**
 * Replays rows once as they are, then once for each step that could fail (each allocation, each page, each copy, each
 * limit, each completion, each DMA mapping), with that step failing. Every operation must have a completion: what has none stays held.
 *
 * `stepsMax`: of a kind with more steps, this many are tried, the first and last of them and others evenly between.
 */
export async function sweepFaults(
  definition: ConsumerDefinition,
  rows: readonly TestRow[],
  options: RowsOptions = {},
  stepsMax = 64,
): Promise<Sweep> {
  const { lane } = await replayRows(definition, rows, options)
  const counts = FAULT_NAMES.map((name, kind) => [name, lane.io.faults.seen[kind]] as const)
  const faults: SweptFault[] = []
  for (const [fault, steps] of counts) {
    for (const at of chosen(steps, stepsMax)) {
      faults.push(swept(fault, at, await replayRows(definition, rows, { ...options, inject: { fault, at } })))
    }
  }
  return {
    steps: Object.fromEntries(counts) as Record<FaultName, number>,
    faults,
    unclean: faults.filter((one) => !isClean(one)),
  }
}

function swept(fault: FaultName, at: number, { lane, results }: RowsResult): SweptFault {
  const { ledger, io } = lane
  return {
    fault,
    at,
    results,
    pinsOpen: ledger.totals[PINS_OPEN],
    refsOpen: ledger.totals[REFS_OPEN],
    openBytes: io.allocations.openBytes,
    mappedEntries: io.dma.openEntries,
    violations: ledger.violations.map(({ rule }) => rule),
  }
}

function isClean({ pinsOpen, refsOpen, openBytes, mappedEntries, violations }: SweptFault): boolean {
  return pinsOpen === 0 && refsOpen === 0 && openBytes === 0 && mappedEntries === 0 && violations.length === 0
}

/** 1 to `steps`, or `max` of them spread evenly, both ends included. */
function chosen(steps: number, max: number): number[] {
  if (steps <= max) return Array.from({ length: steps }, (_, i) => i + 1)
  return Array.from({ length: max }, (_, i) => 1 + Math.round((i * (steps - 1)) / (max - 1)))
}
