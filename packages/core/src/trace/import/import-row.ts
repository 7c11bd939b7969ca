import { ITER_BVEC, ITER_DISCARD, ITER_PIPE, ITER_XARRAY } from '../../iter/iter-type.ts'
import { END_SYNCHRONOUS, EVENT_IO, NONE, OP_NONE } from '../op-batch.ts'
import { ITER_UNSET } from '../row-rules.ts'

/** What a recorder told of the buffer of an operation, least first: index = the digit of L0 to L3. */
export const LEVEL_BYTES = 0
export const LEVEL_COUNT = 1
export const LEVEL_LENGTHS = 2
export const LEVEL_ADDRESSES = 3

/**
 * One row on its way into a trace: a plain object, taken from a pool and given back. Times are ns since the first record of
 * the file (an earlier one is negative); empty cells are as in {@link OpBatch}.
 */
export class ImportRow {
  /** Line, or record, of the file that it begins at. */
  line = 0
  /** Order in which rows with the same `tsNs` came. */
  sequence = 0
  tsNs = 0
  /** Completion; END_SYNCHRONOUS or END_NEVER. Set it with {@link endAt}: a completion before the first record is negative too. */
  endNs = END_SYNCHRONOUS
  hasEnd = false
  event = EVENT_IO
  /** Index into OP_NAMES: 0 read (ITER_DEST), 1 write (ITER_SOURCE). */
  direction = OP_NONE
  iterType = ITER_UNSET
  mm = 0
  backing = 0
  hasBacking = false
  order = NONE
  flags = 0
  offsetBytes = NONE
  /** Bytes asked for; NONE: the sum of the segments. */
  lengthBytes = NONE
  /** Bytes, or -errno; NaN: unknown. */
  resultBytes = Number.NaN
  /** Name ids of {@link ImportRows}. */
  id = NONE
  call = NONE
  file = NONE
  consumer = NONE
  stack = NONE
  pinsAcquired = NONE
  pinsReleased = NONE
  /** `hole=`, bytes from the operation's start; length NONE when absent. */
  holeOffsetBytes = 0
  holeLengthBytes = NONE
  /** Only the first half of the call is there yet: without the second it is no row. */
  isHalf = false
  /** Elements of the scatter-gather list that were recorded; NONE: not told. */
  sgElements = NONE

  /** Segments in use; below level L3 only their lengths hold, at L1 and L0 there are none. */
  segmentCount = 0
  readonly segmentAddress: number[] = []
  readonly segmentOffset: number[] = []
  readonly segmentLength: number[] = []
  private hasAddresses = true

  /** Empties it for the next use. */
  clear(): void {
    this.line = 0
    this.sequence = 0
    this.tsNs = 0
    this.endNs = END_SYNCHRONOUS
    this.hasEnd = false
    this.event = EVENT_IO
    this.direction = OP_NONE
    this.iterType = ITER_UNSET
    this.mm = 0
    this.backing = 0
    this.hasBacking = false
    this.order = NONE
    this.flags = 0
    this.offsetBytes = NONE
    this.lengthBytes = NONE
    this.resultBytes = Number.NaN
    this.id = NONE
    this.call = NONE
    this.file = NONE
    this.consumer = NONE
    this.stack = NONE
    this.pinsAcquired = NONE
    this.pinsReleased = NONE
    this.holeOffsetBytes = 0
    this.holeLengthBytes = NONE
    this.isHalf = false
    this.sgElements = NONE
    this.segmentCount = 0
    this.hasAddresses = true
  }

  /** It completed then, ns since the first record. Not before its `tsNs`: a clock that went back is held there. */
  endAt(ns: number): void {
    this.endNs = Math.max(ns, this.tsNs)
    this.hasEnd = true
  }

  /** A segment at a user or kernel address. */
  addSegment(addressBytes: number, lengthBytes: number): void {
    this.push(addressBytes, 0, lengthBytes)
  }

  /** A segment of a page: `pfn`, offset into it, length. */
  addPages(pfn: number, offsetBytes: number, lengthBytes: number): void {
    this.iterType = ITER_BVEC
    this.push(pfn, offsetBytes, lengthBytes)
  }

  /** A segment of which only the length was recorded. */
  addLength(lengthBytes: number): void {
    this.hasAddresses = false
    this.push(0, 0, lengthBytes)
  }

  /** A segment of a file in the page cache. `file`: its name id. */
  addFileRange(file: number, positionBytes: number, lengthBytes: number): void {
    this.iterType = ITER_XARRAY
    this.push(positionBytes, file, lengthBytes)
  }

  /** An operation of no bytes, or on an iterator that has a length alone: nothing about it is unknown. */
  get hasNoBuffer(): boolean {
    if (this.iterType === ITER_DISCARD || this.iterType === ITER_PIPE) return true
    return this.segmentCount === 0 && this.lengthBytes === 0
  }

  /** What was recorded of the buffer: `LEVEL_*`. */
  get level(): number {
    if (this.hasNoBuffer) return LEVEL_ADDRESSES
    if (this.segmentCount > 0) return this.hasAddresses ? LEVEL_ADDRESSES : LEVEL_LENGTHS
    return this.sgElements === NONE ? LEVEL_BYTES : LEVEL_COUNT
  }

  /** Sum of the segments. */
  get segmentsBytes(): number {
    let sum = 0
    for (let i = 0; i < this.segmentCount; i++) sum += this.segmentLength[i]!
    return sum
  }

  private push(address: number, offset: number, length: number): void {
    const at = this.segmentCount++
    this.segmentAddress[at] = address
    this.segmentOffset[at] = offset
    this.segmentLength[at] = length
  }
}
