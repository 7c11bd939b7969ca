import { type Data, DataType } from 'apache-arrow'
import { invariant } from '../../invariant.ts'
import { DamagedColumn } from './damaged-column.ts'
import type { Texts } from './dictionaries.ts'

/** A bit for each value that is there; null where all are. */
export function validityOf({ nullBitmap, nullCount }: Data): Uint8Array | null {
  return nullCount === 0 || nullBitmap === undefined || nullBitmap.length === 0 ? null : nullBitmap
}

/** A value is there. */
export function isThere(validity: Uint8Array | null, row: number): boolean {
  return validity === null || ((validity[row >> 3]! >> (row & 7)) & 1) === 1
}

/** The column has as many values as it says, and the buffers for them. */
export function checkBuffers(data: Data, rows: number): void {
  const { type, length, values, valueOffsets } = data
  const validity = validityOf(data)
  if (length !== rows) throw new DamagedColumn(`has ${length} values in a batch of ${rows} rows`)
  if (validity !== null && validity.length * 8 < length) throw new DamagedColumn('has too few bits for its nulls')
  if (DataType.isNull(type) || DataType.isStruct(type) || length === 0) return
  if (isList(type) || isText(type)) {
    if (isView(type)) {
      if (values.length < length * 16) throw new DamagedColumn('has too few views')
    } else if (valueOffsets.length < length + 1) throw new DamagedColumn('has too few offsets')
  } else if (values === undefined || values.length < length) throw new DamagedColumn('has too few values')
}

/** Texts, or bytes, which a name may be as well. */
export function isText(type: DataType): boolean {
  return (
    DataType.isUtf8(type) ||
    DataType.isLargeUtf8(type) ||
    DataType.isBinary(type) ||
    DataType.isLargeBinary(type) ||
    isView(type)
  )
}

export function isList(type: DataType): boolean {
  return DataType.isList(type) || DataType.isLargeList(type)
}

function isView(type: DataType): boolean {
  return DataType.isUtf8View(type) || DataType.isBinaryView(type)
}

/** Whole numbers, of any width, or doubles that hold them: pandas makes these of a column with empty cells. */
export function isNumber(type: DataType): boolean {
  return DataType.isInt(type) || (DataType.isFloat(type) && type.precision > 0)
}

/**
 * Values `from` to `from + count` of a column of numbers, `none` where there is none. Returns -1, or the first of them that is
 * no whole number below 2^53, counted from 0.
 */
export function numbersInto(data: Data, from: number, count: number, out: Float64Array, none: number): number {
  const { values } = data
  const wide = values instanceof BigInt64Array || values instanceof BigUint64Array
  const bad = wide ? wideInto(values, from, count, out) : narrowInto(values, from, count, out)
  if (data.nullCount > 0 || DataType.isFloat(data.type)) return withNulls(data, from, count, out, none)
  for (let row = 0; bad && row < count; row++) if (!Number.isSafeInteger(out[row]!)) return row
  return -1
}

/** True when a value is no whole number below 2^53; it is NaN then. */
function wideInto(values: BigInt64Array | BigUint64Array, from: number, count: number, out: Float64Array): boolean {
  const words = new Int32Array(values.buffer, values.byteOffset + from * 8, count * 2)
  let bad = false
  for (let row = 0; row < count; row++) {
    const high = words[2 * row + 1]!
    // Of an unsigned number from 2^63 on it is negative, and far beyond -2^21.
    const fits = high >= -0x200000 && high < 0x200000 && !(high < 0 && values instanceof BigUint64Array)
    const value = high * 2 ** 32 + (words[2 * row]! >>> 0)
    out[row] = fits && value !== -(2 ** 53) ? value : Number.NaN
    bad ||= !fits || value === -(2 ** 53)
  }
  return bad
}

function narrowInto(values: ArrayLike<number>, from: number, count: number, out: Float64Array): boolean {
  let bad = false
  for (let row = 0; row < count; row++) {
    const value = values[from + row]!
    out[row] = value
    bad ||= !Number.isSafeInteger(value)
  }
  return bad
}

function withNulls(data: Data, from: number, count: number, out: Float64Array, none: number): number {
  const validity = validityOf(data)
  for (let row = 0; row < count; row++) {
    if (!isThere(validity, from + row)) out[row] = none
    else if (!Number.isSafeInteger(out[row]!)) {
      // In a column of doubles NaN may stand for an empty cell.
      if (!DataType.isFloat(data.type) || !Number.isNaN(out[row]!)) return row
      out[row] = none
    }
  }
  return -1
}

/** Where the items of a list begin, or where those of the row behind it do. Throws where they run backwards or past the end. */
export function listRange(data: Data, row: number, items: number): { start: number; end: number } {
  const start = Number(data.valueOffsets[row])
  const end = Number(data.valueOffsets[row + 1])
  if (!(start >= 0 && start <= end && end <= items)) {
    throw new DamagedColumn(`has a value from ${start} to ${end} of ${items}`)
  }
  return { start, end }
}

/** The bytes of a text; null where there is none. They are part of the column. */
export function textAt(data: Data, row: number): Uint8Array | null {
  if (!isThere(validityOf(data), row)) return null
  const { type, values } = data
  if (isView(type)) return viewAt(data, row)
  const { start, end } = listRange(data, row, values.length)
  return values.subarray(start, end)
}

/** The texts of a dictionary. */
export function textsOf(data: Data): Texts {
  if (!isText(data.type)) throw new DamagedColumn(`is a dictionary of ${data.type}, expected utf8`)
  checkBuffers(data, data.length)
  return { length: data.length, at: (index) => textAt(data, index) }
}

/** A view has its text inside, or says where it is. */
function viewAt(data: Data, row: number): Uint8Array {
  const { values, variadicBuffers } = data
  invariant(values instanceof Uint8Array, 'views are bytes')
  const at = row * 16
  const view = new DataView(values.buffer, values.byteOffset + at, 16)
  const length = view.getInt32(0, true)
  if (length >= 0 && length <= 12) return values.subarray(at + 4, at + 4 + length)
  const buffer = variadicBuffers[view.getInt32(8, true)]
  const start = view.getInt32(12, true)
  if (buffer === undefined || length < 0 || start < 0 || start + length > buffer.length) {
    throw new DamagedColumn('has a view of a text that is not there')
  }
  return buffer.subarray(start, start + length)
}
