import {
  AVOIDED_ALLOCATIONS,
  AVOIDED_COPY_BYTES,
  AVOIDED_ENTRIES,
  COPIED_BYTES,
  ENTRIES_BUILT,
  ENTRIES_BYTES,
  ENTRIES_OPERATION_MAX,
  LIMIT_HITS,
  ZERO_COPY_BYTES,
} from '../consumer/figures.ts'
import { RETAIN_PIN, RETENTION_NAMES } from '../extract/retention.ts'
import { invariant } from '../invariant.ts'
import { OPEN_REASONS, REASON_IN_FLIGHT, REASON_LONG_TERM } from '../ledger/hold-table.ts'
import {
  BARE_PAGES,
  PINS_ACQUIRED,
  PINS_OPEN,
  PINS_PEAK,
  PINS_RELEASED,
  REF_OPS,
  REFS_ACQUIRED,
  REFS_OPEN,
  REFS_PEAK,
  REFS_RELEASED,
} from '../ledger/totals.ts'
import type { LaneReport, LeakReport, LongTermReport } from '../report/report.ts'
import type { Lane } from './lane.ts'
import { BYTES, ERRORS, OPERATIONS } from './lane-sums.ts'

/** Leaks listed with their detail; further ones are only counted. */
export const LEAKS_LISTED_MAX = 1000

/** The lane's part of the report, after `finish()`. Checks that every sum comes out. */
export function laneReport(lane: Lane): LaneReport {
  const { sums, setup, io } = lane
  const { totals } = lane.ledger
  const { figures } = io
  checkSums(lane)
  const { leaks, leaksTotal, longTermPins, longTermRefs, longTerm } = openHolds(lane)
  return {
    policy: setup.policy.name,
    kernel: setup.kernel.version,
    ...(setup.kernel.changes.length > 0 ? { quirks: [...setup.kernel.changes] } : {}),
    ...injected(lane),
    consumer: setup.consumer.definition.name,
    operations: sums[OPERATIONS],
    errors: sums[ERRORS],
    bytes: sums[BYTES],
    pins: {
      acquired: totals[PINS_ACQUIRED],
      released: totals[PINS_RELEASED],
      open: totals[PINS_OPEN],
      longTerm: longTermPins,
      peak: totals[PINS_PEAK],
    },
    refs: {
      acquired: totals[REFS_ACQUIRED],
      released: totals[REFS_RELEASED],
      open: totals[REFS_OPEN],
      longTerm: longTermRefs,
      peak: totals[REFS_PEAK],
    },
    bare: { pages: totals[BARE_PAGES] },
    refOps: totals[REF_OPS],
    data: { zeroCopyBytes: figures[ZERO_COPY_BYTES], copiedBytes: figures[COPIED_BYTES] },
    avoided: {
      copyBytes: figures[AVOIDED_COPY_BYTES],
      entries: figures[AVOIDED_ENTRIES],
      allocations: figures[AVOIDED_ALLOCATIONS],
    },
    entries: {
      built: figures[ENTRIES_BUILT],
      bytes: figures[ENTRIES_BYTES],
      perOperationMax: figures[ENTRIES_OPERATION_MAX],
      limitHits: figures[LIMIT_HITS],
    },
    ...allocatedAndMapped(lane),
    ...lane.mixed.report(),
    counters: { ...lane.counters() },
    leaksTotal,
    leaks,
    ...(longTerm.length === 0 ? {} : { longTermTotal: longTerm.length, longTerm: longTerm.slice(0, LEAKS_LISTED_MAX) }),
    ...violations(lane),
    inFlight: lane.cutOff,
    groundTruth: lane.groundTruth.report(),
    ...(lane.check === null ? {} : { verified: { operations: lane.check.operations, bytes: lane.check.bytes } }),
  }
}

/** The step that was made to fail, and whether the lane came to it; nothing where none was. */
export function injected({ setup, io }: Lane): Pick<LaneReport, 'faults'> {
  if (setup.faults === null) return {}
  const { fault, at } = setup.faults
  return { faults: { fault, at, injected: io.faults.seen[io.faults.kind] >= at ? 1 : 0 } }
}

/** What the consumer allocated and mapped, where it did, and how much of it belongs to registrations that are open. */
function allocatedAndMapped({ io, registrations }: Lane): Pick<LaneReport, 'allocations' | 'dma'> {
  const { made, freed, bytes, openBytes, peakBytes } = io.allocations
  const { maps, mappedEntries, unmappedEntries, openEntries, peakEntries } = io.dma
  const held = registrations.longTerm()
  const ofMemory = held.allocations === 0 ? {} : { longTerm: held.allocations, longTermBytes: held.bytes }
  const ofDevices = held.entries === 0 ? {} : { longTermEntries: held.entries }
  return {
    ...(made === 0 ? {} : { allocations: { made, freed, bytes, openBytes, peakBytes, ...ofMemory } }),
    ...(maps === 0 ? {} : { dma: { maps, mappedEntries, unmappedEntries, openEntries, peakEntries, ...ofDevices } }),
  }
}

/** Walks the holds that are still open: leaks, one for each operation and kind, and what is long-term. */
function openHolds(lane: Lane) {
  const { holds } = lane.ledger
  const byOperation = new Map<string, LeakReport>()
  const longTermOfRow = new Map<string, LongTermReport>()
  let longTermPins = 0
  let longTermRefs = 0
  for (let slot = 1; slot < holds.end; slot++) {
    const pages = holds.counted[slot]
    if (holds.open[slot] === 0 || pages === 0) continue
    const isPin = holds.retention[slot] === RETAIN_PIN
    if (holds.reason[slot] === REASON_LONG_TERM) {
      if (isPin) longTermPins += pages
      else longTermRefs += pages
      const key = `${holds.row[slot]} ${holds.retention[slot]}`
      const known = longTermOfRow.get(key)
      if (known !== undefined) known.pages += pages
      else longTermOfRow.set(key, longTermOf(lane, slot))
      continue
    }
    if (holds.reason[slot] === REASON_IN_FLIGHT) continue
    const key = `${holds.row[slot]} ${holds.retention[slot]} ${holds.reason[slot]}`
    const known = byOperation.get(key)
    if (known !== undefined) known.pages += pages
    else byOperation.set(key, leakOf(lane, slot))
  }
  // The table's rows are used again: those of one operation stand in any order there.
  const all = [...byOperation.values()].sort(
    (a, b) => a.row - b.row || order(a.retention, b.retention) || order(a.reason, b.reason),
  )
  return {
    leaks: all.slice(0, LEAKS_LISTED_MAX),
    leaksTotal: all.length,
    longTermPins,
    longTermRefs,
    longTerm: [...longTermOfRow.values()].sort((a, b) => a.row - b.row),
  }
}

const order = (a: string, b: string): number => Number(a > b) - Number(a < b)

function longTermOf(lane: Lane, slot: number): LongTermReport {
  const { line, row, retention, pages, sinceNs, file, consumer } = leakOf(lane, slot)
  return { file, line, row, retention, pages, sinceNs, ageNs: lane.lastNs[0] - sinceNs, consumer }
}

function leakOf(lane: Lane, slot: number): LeakReport {
  const { holds } = lane.ledger
  return {
    file: lane.setup.file,
    line: holds.line[slot],
    row: holds.row[slot],
    op: holds.operation[slot],
    retention: holds.retention[slot] === RETAIN_PIN ? 'pin' : 'ref',
    pages: holds.counted[slot],
    sinceNs: holds.sinceNs[slot],
    consumer: lane.setup.consumer.definition.name,
    reason: OPEN_REASONS[holds.reason[slot]],
  }
}

function violations(lane: Lane): Pick<LaneReport, 'violations' | 'violationsTotal'> {
  const { ledger, setup } = lane
  return {
    violationsTotal: ledger.violationCount,
    violations: ledger.violations.map((violation) => ({
      rule: violation.rule,
      file: setup.file,
      line: violation.line,
      row: violation.row,
      takenRow: violation.takenRow,
      retention: RETENTION_NAMES[violation.held],
      releasedAs: RETENTION_NAMES[violation.releasedAs],
      pages: violation.pages,
      consumer: setup.consumer.definition.name,
      detail: violation.detail,
    })),
  }
}

/** acquired - released = open, and with nothing open every count is back where it started. */
function checkSums(lane: Lane): void {
  const { totals } = lane.ledger
  invariant(
    totals[PINS_ACQUIRED] - totals[PINS_RELEASED] === totals[PINS_OPEN],
    'pins acquired, released and open do not add up',
  )
  invariant(
    totals[REFS_ACQUIRED] - totals[REFS_RELEASED] === totals[REFS_OPEN],
    'refs acquired, released and open do not add up',
  )
  if (totals[PINS_OPEN] !== 0 || totals[REFS_OPEN] !== 0) return
  invariant(lane.ledger.mappingReferences.areAll(), 'a folio did not get its counts back')
}
