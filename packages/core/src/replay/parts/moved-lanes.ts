import type { LaneReport } from '../../report/report.ts'

/** By how much what a report names by number moves. */
export interface Move {
  readonly rows: number
  readonly lines: number
  readonly operations: number
}

/** The same lanes, with other rows, lines and operations before them. Time is the trace's own and stays. */
export function movedLanes(lanes: readonly LaneReport[], by: Move): LaneReport[] {
  const placed = <T extends { row: number; line: number }>(one: T): T => ({
    ...one,
    line: one.line + by.lines,
    row: one.row + by.rows,
  })
  return lanes.map((lane) => ({
    ...lane,
    leaks: lane.leaks.map((leak) => ({ ...placed(leak), op: leak.op + by.operations })),
    violations: lane.violations.map((one) => ({
      ...placed(one),
      takenRow: one.takenRow === 0 ? 0 : one.takenRow + by.rows,
    })),
    groundTruth: {
      ...lane.groundTruth,
      mismatched: lane.groundTruth.mismatched.map(placed),
      undetermined: lane.groundTruth.undetermined.map(placed),
    },
  }))
}
