import type { Audit } from '../lifetime/audit.ts'
import { OperationFigures } from './operation-figures.ts'

/** The row's own columns, as the consumer of a lane sees them, and what became of the operation. */
export class OperationRow extends OperationFigures {
  /** Number of the row in its file. Below, `offsetBytes` is -1 and `recordedResult` NaN where the trace does not tell. */
  row = 0
  number = 0
  /** Bits of FLAG_NAMES. */
  flags = 0
  /** The file or socket: id of the row's `file` cell, -1 where it is empty. State that outlives operations hangs on it. */
  file = -1
  /** Id of the row's `id` cell, -1 where it is empty: of a registration, where FLAG_FIXED is set. */
  registration = -1
  /** Position in the file. */
  offsetBytes = -1
  lengthBytes = 0
  recordedResult = Number.NaN
  /** The part of the operation that reads a hole; length -1 for none. */
  holeOffsetBytes = 0
  holeLengthBytes = -1
  /** It completes later, or never; false: it is over when `submit` returns. */
  hasEnd = false

  /** Bytes or -errno, once `submit` has returned. */
  result = 0
  /** The pins depend on physical contiguity that the trace does not tell. Set by the consumer. */
  undetermined = false
  /** In `complete`: 0, or the -errno with which the I/O ended. */
  completion = 0
  /**
   * The hazard rules that listen, null while none does: a consumer tells them of its locks, objects, stores and file space
   * with `io.audit?.…`. References, extractions and what is borrowed they hear of by themselves.
   */
  audit: Audit | null = null
  /** A number of the consumer's own, kept from submit to complete. */
  scratch = 0
}
