import {
  type Data,
  type DataType,
  type Dictionary,
  type Int8,
  Int32,
  Int64,
  makeData,
  Uint64,
  Utf8,
  Vector,
} from 'apache-arrow'

/** Which values of a column are there, as Arrow has it: bit 0 of byte 0 first. */
export class Validity {
  nullCount = 0
  readonly bits: Uint8Array

  constructor(rows: number) {
    this.bits = new Uint8Array((rows + 7) >> 3)
  }

  set(row: number): void {
    this.bits[row >> 3]! |= 1 << (row & 7)
  }

  clear(): void {
    this.nullCount++
  }
}

/** A column of whole numbers below 2^53 of either sign; `none` is written as null, and NaN is. */
export function signed64(values: Float64Array, rows: number, none: number): Data<Int64> {
  const { words, validity } = split(values, rows, none)
  const { bits: nullBitmap, nullCount } = validity
  return makeData({ type: new Int64(), length: rows, nullCount, nullBitmap, data: new BigInt64Array(words.buffer) })
}

/** {@link signed64} of numbers that are not negative. */
export function unsigned64(values: Float64Array, rows: number, none: number): Data<Uint64> {
  const { words, validity } = split(values, rows, none)
  const { bits: nullBitmap, nullCount } = validity
  return makeData({ type: new Uint64(), length: rows, nullCount, nullBitmap, data: new BigUint64Array(words.buffer) })
}

/** The numbers as pairs of words, the low one first. */
function split(values: Float64Array, rows: number, none: number): { words: Int32Array; validity: Validity } {
  const words = new Int32Array(rows * 2)
  const validity = new Validity(rows)
  for (let row = 0; row < rows; row++) {
    const value = values[row]!
    if (value === none || Number.isNaN(value)) {
      validity.clear()
      continue
    }
    validity.set(row)
    words[2 * row] = value | 0
    words[2 * row + 1] = Math.floor(value / 2 ** 32)
  }
  return { words, validity }
}

/** A column of 32-bit numbers; -1 is written as null. */
export function integers32(values: Int32Array, rows: number): Data<Int32> {
  const validity = new Validity(rows)
  for (let row = 0; row < rows; row++) {
    if (values[row] === -1) validity.clear()
    else validity.set(row)
  }
  const { bits: nullBitmap, nullCount } = validity
  return makeData({ type: new Int32(), length: rows, nullCount, nullBitmap, data: values.slice(0, rows) })
}

/** A column of numbers into a dictionary; -1 is written as null. The numbers are the column's from then on. */
export function indices(type: DataType, values: Int8Array | Int32Array, dictionary: Vector<Utf8>): Data<DataType> {
  const rows = values.length
  const validity = new Validity(rows)
  for (let row = 0; row < rows; row++) {
    if (values[row]! >= 0) validity.set(row)
    else {
      validity.clear()
      // polars looks at the numbers of nulls too.
      values[row] = 0
    }
  }
  const { bits: nullBitmap, nullCount } = validity
  const index = type as Dictionary<Utf8, Int8 | Int32>
  return makeData({ type: index, length: rows, nullCount, nullBitmap, data: values, dictionary })
}

/** The texts of a dictionary, in the pieces in which they were added: a reader of the stream gets each piece when it comes. */
export class GrowingDictionary {
  private readonly pieces: Data<Utf8>[] = []
  private current: Vector<Utf8> | null = null
  /** Texts so far. */
  size = 0

  /** Adds texts up to `size` in all; `textOf` says them. */
  growTo(size: number, textOf: (id: number) => string): Vector<Utf8> {
    if (this.current !== null && size === this.size) return this.current
    this.pieces.push(utf8(Array.from({ length: size - this.size }, (_, at) => Buffer.from(textOf(this.size + at)))))
    this.size = size
    this.current = new Vector(this.pieces)
    return this.current
  }

  /** It came in more than one piece. */
  get hasGrown(): boolean {
    return this.pieces.length > 1
  }

  /** All texts in one piece. */
  whole(): Data<Utf8> {
    const texts: Uint8Array[] = []
    for (const { values, valueOffsets, length } of this.pieces) {
      for (let at = 0; at < length; at++) texts.push(values.subarray(valueOffsets[at], valueOffsets[at + 1]))
    }
    return utf8(texts)
  }
}

function utf8(texts: readonly Uint8Array[]): Data<Utf8> {
  const valueOffsets = new Int32Array(texts.length + 1)
  texts.forEach((text, index) => {
    valueOffsets[index + 1] = valueOffsets[index]! + text.length
  })
  const data = new Uint8Array(Buffer.concat(texts))
  return makeData({ type: new Utf8(), length: texts.length, nullCount: 0, valueOffsets, data })
}

/** A dictionary of words that are known from the start. */
export function fixedDictionary(words: readonly string[]): Vector<Utf8> {
  return new Vector([utf8(words.map((word) => Buffer.from(word)))])
}
