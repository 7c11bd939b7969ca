import { ITER_BVEC, ITER_FOLIOQ, ITER_MIXED, ITER_XARRAY } from '../iter/iter-type.ts'
import { KVEC_OFFSET, type SegmentTable } from '../iter/segment-table.ts'
import { PAGE_SIZE } from '../units.ts'
import { NAME_TOO_LONG, type NameTable } from './dictionary.ts'
import {
  FAULT_LARGE,
  FAULT_NAME_LONG,
  FAULT_NAMES_FULL,
  FAULT_RANGE,
  FAULT_SEGMENT,
  FAULT_SEGMENT_END,
  FAULT_SEGMENTS_MANY,
  FAULT_SEGMENTS_SUM,
} from './faults.ts'
import { BVEC_FIELD_MAX, INTEGER_MAX, PFN_MAX } from './limits.ts'
import { decimalInto, hexDigits, hexInto } from './numbers.ts'
import { endOfText } from './text-cell.ts'

const PLUS = 43
const ZERO = 48
const COLON = 58
const SEMICOLON = 59
const LETTER_X = 120

const FIRST = 0
const SECOND = 1
const LENGTH = 2

/** Reads `segs` cells into a segment table. Holds no state between cells but what it says about the last one. */
export class SegmentsCell {
  /** After a fault: where the segment begins that has it. */
  faultAt = 0
  /** Bytes of all segments of the last cell, in element 0. */
  readonly sumBytes = new Float64Array(1)
  private readonly table: SegmentTable
  private readonly files: NameTable
  private readonly digits = hexDigits()
  /** The numbers of one segment. */
  private readonly parts = new Float64Array(3)

  constructor(table: SegmentTable, files: NameTable) {
    this.table = table
    this.files = files
  }

  /**
   * Appends the segments of the cell at `at` and returns the position behind it, or a fault. `to` is the end of a cell
   * that was quoted, -1 when a comma or a line end ends it.
   */
  read(iterType: number, segmentsMax: number, bytes: Uint8Array, at: number, to: number): number {
    const ofFile = iterType === ITER_FOLIOQ || iterType === ITER_XARRAY
    const cellEnd = ofFile && to < 0 ? endOfText(bytes, at) : to
    if (ofFile && cellEnd < 0) return cellEnd
    this.sumBytes[0] = 0
    let next = at
    for (let count = 1; ; count++) {
      this.faultAt = next
      if (count > segmentsMax) return FAULT_SEGMENTS_MANY
      const end = ofFile
        ? this.readFileRange(bytes, next, cellEnd)
        : iterType === ITER_BVEC || (iterType === ITER_MIXED && !this.isAddress(bytes, next))
          ? this.readBvec(bytes, next)
          : this.readAddress(bytes, next, iterType === ITER_MIXED ? KVEC_OFFSET : 0)
      if (end < 0) return end
      if (this.sumBytes[0]! > INTEGER_MAX) return FAULT_SEGMENTS_SUM
      if (bytes[end] !== SEMICOLON || end === to) return end
      next = end + 1
    }
  }

  /** Of a mixed iterator: `0xADDR+`, not `0xPFN:`. */
  private isAddress(bytes: Uint8Array, at: number): boolean {
    if (bytes[at] !== ZERO || bytes[at + 1] !== LETTER_X) return false
    const end = hexInto(this.digits, bytes, at + 2, this.parts, FIRST)
    return end < 0 || bytes[end] !== COLON
  }

  /** `0xADDR+LEN` */
  private readAddress(bytes: Uint8Array, at: number, offset: number): number {
    if (bytes[at] !== ZERO || bytes[at + 1] !== LETTER_X) return FAULT_SEGMENT
    const parts = this.parts
    const plus = hexInto(this.digits, bytes, at + 2, parts, FIRST)
    if (plus < 0 || bytes[plus] !== PLUS) return plus === FAULT_LARGE ? FAULT_LARGE : FAULT_SEGMENT
    const next = decimalInto(bytes, plus + 1, parts, LENGTH)
    if (next < 0) return next === FAULT_LARGE ? FAULT_LARGE : FAULT_SEGMENT
    const address = parts[FIRST]!
    const length = parts[LENGTH]!
    if (length > INTEGER_MAX - address) return FAULT_SEGMENT_END
    parts[SECOND] = offset
    this.table.pushParts(parts)
    this.sumBytes[0]! += length
    return next
  }

  /** `PFN:OFF+LEN`, the frame number in decimal or as `0x...`. */
  private readBvec(bytes: Uint8Array, at: number): number {
    const parts = this.parts
    const hex = bytes[at] === ZERO && bytes[at + 1] === LETTER_X
    const colon = hex ? hexInto(this.digits, bytes, at + 2, parts, FIRST) : decimalInto(bytes, at, parts, FIRST)
    if (colon < 0 || bytes[colon] !== COLON) return colon === FAULT_LARGE ? FAULT_LARGE : FAULT_SEGMENT
    const plus = decimalInto(bytes, colon + 1, parts, SECOND)
    if (plus < 0 || bytes[plus] !== PLUS) return plus === FAULT_LARGE ? FAULT_LARGE : FAULT_SEGMENT
    const next = decimalInto(bytes, plus + 1, parts, LENGTH)
    if (next < 0) return next === FAULT_LARGE ? FAULT_LARGE : FAULT_SEGMENT
    const pfn = parts[FIRST]!
    const offset = parts[SECOND]!
    const length = parts[LENGTH]!
    if (pfn > PFN_MAX || offset > BVEC_FIELD_MAX || length > BVEC_FIELD_MAX) return FAULT_RANGE
    if (offset + length > (PFN_MAX + 1 - pfn) * PAGE_SIZE) return FAULT_SEGMENT_END
    this.table.pushParts(parts)
    this.sumBytes[0]! += length
    return next
  }

  /** `FILE:POS+LEN`; the name may hold colons, so the last one counts. */
  private readFileRange(bytes: Uint8Array, at: number, cellEnd: number): number {
    let end = at
    while (end < cellEnd && bytes[end] !== SEMICOLON) end++
    let colon = end - 1
    while (colon > at && bytes[colon] !== COLON) colon--
    if (colon <= at) return FAULT_SEGMENT
    const parts = this.parts
    const plus = decimalInto(bytes, colon + 1, parts, FIRST)
    if (plus < 0 || bytes[plus] !== PLUS) return plus === FAULT_LARGE ? FAULT_LARGE : FAULT_SEGMENT
    const next = decimalInto(bytes, plus + 1, parts, LENGTH)
    if (next !== end) return next === FAULT_LARGE ? FAULT_LARGE : FAULT_SEGMENT
    const position = parts[FIRST]!
    const length = parts[LENGTH]!
    if (length > INTEGER_MAX - position) return FAULT_SEGMENT_END
    const file = this.files.intern(bytes, at, colon)
    if (file < 0) return file === NAME_TOO_LONG ? FAULT_NAME_LONG : FAULT_NAMES_FULL
    parts[SECOND] = file
    this.table.pushParts(parts)
    this.sumBytes[0]! += length
    return next
  }
}
