import type { LaneReport } from '../report/report.ts'
import type { OpBatch } from '../trace/op-batch.ts'
import type { InFlight } from './in-flight.ts'

/** Mismatches and undetermined rows listed with their detail; further ones are only counted. */
export const GROUND_TRUTH_LISTED_MAX = 1000

type Section = LaneReport['groundTruth']

/** Compares modelled pins with what a kernel counted, row by row. */
export class GroundTruth {
  private rows = 0
  private matched = 0
  private mismatchedRows = 0
  private readonly mismatched: Section['mismatched'] = []
  private undeterminedRows = 0
  private readonly undetermined: Section['undetermined'] = []
  private readonly file: string

  constructor(file: string) {
    this.file = file
  }

  /**
   * One row is over. An expected count of -1 is one that the trace does not tell. `determined` is false where the pins
   * depend on physical contiguity that nobody recorded: such a row is counted apart, whatever its figures.
   */
  compare(
    row: number,
    line: number,
    expectedAcquired: number,
    acquired: number,
    expectedReleased: number,
    released: number,
    determined: boolean,
  ): void {
    if (expectedAcquired < 0 && expectedReleased < 0) return
    this.rows++
    if (!determined) {
      this.addUndetermined(row, line, expectedAcquired, acquired)
      return
    }
    const wrongAcquired = expectedAcquired >= 0 && expectedAcquired !== acquired
    const wrongReleased = expectedReleased >= 0 && expectedReleased !== released
    if (!wrongAcquired && !wrongReleased) {
      this.matched++
      return
    }
    this.mismatchedRows++
    if (this.mismatched.length >= GROUND_TRUTH_LISTED_MAX) return
    this.mismatched.push({
      file: this.file,
      line,
      row,
      expected: told(expectedAcquired),
      got: acquired,
      expectedReleased: told(expectedReleased),
      gotReleased: released,
    })
  }

  /** {@link compare} of a row that is over at once. */
  compareRow(batch: OpBatch, row: number, acquired: number, released: number, determined: boolean): void {
    const { firstRow, line, pinsAcquired: pins, pinsReleased: drops } = batch
    this.compare(firstRow + row, line[row], pins[row], acquired, drops[row], released, determined)
  }

  /** {@link compare} of an operation that was in flight, and is over. */
  compareInFlight(s: InFlight, slot: number, expectedReleased: number): void {
    const { row, line, expectedAcquired, acquired, released, undetermined } = s
    const isDetermined = undetermined[slot] === 0
    const expected = expectedAcquired[slot]
    this.compare(row[slot], line[slot], expected, acquired[slot], expectedReleased, released[slot], isDetermined)
  }

  report(): Section {
    return {
      rows: this.rows,
      matched: this.matched,
      mismatchedTotal: this.mismatchedRows,
      mismatched: this.mismatched,
      undeterminedTotal: this.undeterminedRows,
      undetermined: this.undetermined,
    }
  }

  private addUndetermined(row: number, line: number, expected: number, assumed: number): void {
    this.undeterminedRows++
    if (this.undetermined.length >= GROUND_TRUTH_LISTED_MAX) return
    const why =
      'a bio fills up inside a logical block: where, and so which pages are pinned again, ' +
      'depends on which small pages are physically adjacent'
    this.undetermined.push({ file: this.file, line, row, expected: Math.max(expected, 0), assumed, why })
  }
}

/** A count that the trace tells, or null. */
function told(count: number): number | null {
  return count < 0 ? null : count
}
