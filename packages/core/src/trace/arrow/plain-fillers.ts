import { ITER_TYPE_NAMES } from '../../iter/iter-type.ts'
import {
  COLUMN_BACKING,
  COLUMN_CALL,
  COLUMN_CONSUMER,
  COLUMN_END,
  COLUMN_EVENT,
  COLUMN_FILE,
  COLUMN_FLAGS,
  COLUMN_ID,
  COLUMN_ITER,
  COLUMN_LEN,
  COLUMN_MM,
  COLUMN_OFFSET,
  COLUMN_OP,
  COLUMN_PINS_ACQUIRED,
  COLUMN_PINS_RELEASED,
  COLUMN_RESULT,
  COLUMN_TS,
} from '../columns.ts'
import type { NameTable } from '../dictionary.ts'
import { FlagsCell } from '../flags-cell.ts'
import { ERRNO_MAX, INTEGER_MAX, MM_MAX, PINS_MAX } from '../limits.ts'
import { BACKING_NAMES, END_NEVER, END_SYNCHRONOUS, EVENT_NAMES, NONE, OP_NAMES, OP_NONE } from '../op-batch.ts'
import { ITER_UNSET } from '../row-rules.ts'
import type { ArrowDictionary } from './dictionaries.ts'
import { flagBits, Meanings, nameId, wordCode } from './meanings.ts'
import type { PlainBatch } from './plain-batch.ts'
import { BAD, copyMeanings } from './plain-indices.ts'
import { copyNumbers, copyRising, isSafe, type NumberBounds, OUT_OF_BOUNDS } from './plain-numbers.ts'
import type { PlainColumn } from './plain-schema.ts'
import type { RowSink } from './row-sink.ts'

/** Stands in the column of backings for an empty cell until the row is finished. */
export const BACKING_NONE = 255

/** Copies a column of a record batch, but the segments, into the batch. */
export interface PlainFiller {
  readonly column: PlainColumn
  /** Rows `from` to `from + count`: what {@link copyMeanings} says of texts and {@link copyNumbers} of numbers; or {@link BAD}. */
  fill(from: number, count: number): number
}

/** What the fillers of a file share. */
export interface PlainFile {
  readonly batch: PlainBatch
  readonly sink: RowSink
  readonly dictionaries: ReadonlyMap<number, ArrowDictionary>
}

/** What fills a column. */
export function plainFiller(file: PlainFile, column: PlainColumn): PlainFiller {
  const { cells, batch } = file.sink
  const number = (out: Float64Array | Int32Array, min: number, max: number, none: number, minusOne: number | null) =>
    new NumberFiller(file, column, out, { min, max, none, minusOne })
  const names = (table: NameTable, out: Int32Array) => {
    const meanings = new Meanings((text) => nameId(file.sink, column.code, table, 0, text))
    return new TextFiller(file, column, meanings, out, NONE)
  }
  const words = (list: readonly string[], out: Uint8Array, none: number) =>
    new TextFiller(file, column, new Meanings((text) => wordCode(list, text)), out, none)
  switch (column.code) {
    case COLUMN_TS:
      return new TimesFiller(file, column)
    case COLUMN_END:
      return number(batch.endNs, 0, INTEGER_MAX, END_SYNCHRONOUS, END_NEVER)
    case COLUMN_MM:
      return number(batch.mm, 0, MM_MAX, 0, null)
    case COLUMN_OFFSET:
      return number(batch.offsetBytes, 0, INTEGER_MAX, NONE, null)
    case COLUMN_LEN:
      return number(batch.lengthBytes, 0, INTEGER_MAX, NONE, null)
    case COLUMN_RESULT:
      return number(batch.resultBytes, -ERRNO_MAX, INTEGER_MAX, Number.NaN, null)
    case COLUMN_PINS_ACQUIRED:
      return number(batch.pinsAcquired, 0, PINS_MAX, NONE, null)
    case COLUMN_PINS_RELEASED:
      return number(batch.pinsReleased, 0, PINS_MAX, NONE, null)
    case COLUMN_EVENT:
      return words(EVENT_NAMES, batch.event, 0)
    case COLUMN_OP:
      return words(OP_NAMES, batch.direction, OP_NONE)
    case COLUMN_ITER:
      return words(ITER_TYPE_NAMES, batch.iterType, ITER_UNSET)
    case COLUMN_BACKING:
      return words(BACKING_NAMES, batch.backing, BACKING_NONE)
    case COLUMN_ID:
      return names(cells.ids, batch.id)
    case COLUMN_CALL:
      return names(cells.calls, batch.call)
    case COLUMN_FILE:
      return names(cells.files, batch.file)
    case COLUMN_CONSUMER:
      return names(cells.consumers, batch.consumer)
    case COLUMN_FLAGS: {
      const cell = new FlagsCell()
      return new TextFiller(file, column, new Meanings((text) => flagBits(cell, text)), batch.flags, 0)
    }
    default:
      return names(cells.stacks, batch.stack)
  }
}

class NumberFiller implements PlainFiller {
  readonly column: PlainColumn
  private readonly file: PlainFile
  private readonly out: Float64Array | Int32Array
  private readonly bounds: NumberBounds

  constructor(file: PlainFile, column: PlainColumn, out: Float64Array | Int32Array, bounds: NumberBounds) {
    this.file = file
    this.column = column
    this.out = out
    this.bounds = bounds
  }

  fill(from: number, count: number): number {
    const highs = copyNumbers(this.file.batch, this.column, from, count, this.out, this.bounds)
    return highs === OUT_OF_BOUNDS ? BAD : highs
  }
}

/** {@link PlainFiller.fill} of the times: they may be out of order, which the rules find out. */
export const UNSORTED = 1 << 30

class TimesFiller implements PlainFiller {
  readonly column: PlainColumn
  private readonly file: PlainFile
  private readonly numbers: NumberFiller

  constructor(file: PlainFile, column: PlainColumn) {
    this.file = file
    this.column = column
    this.numbers = new NumberFiller(file, column, file.sink.batch.tsNs, {
      min: 0,
      max: INTEGER_MAX,
      none: 0,
      minusOne: null,
    })
  }

  fill(from: number, count: number): number {
    const { batch, sink } = this.file
    const { buffer, bits } = this.column
    const { int32, uint32 } = batch.views
    if (bits === 64) {
      const at = (batch.places[buffer + 1]! >> 2) + 2 * from
      const highs = copyRising(int32, uint32, at, count, sink.batch.tsNs, sink.lastTsNs)
      if (isSafe(highs)) return 0
    }
    return this.numbers.fill(from, count) === BAD ? BAD : UNSORTED
  }
}

/** Words, names or flags: numbers into a dictionary. */
class TextFiller implements PlainFiller {
  readonly column: PlainColumn
  private readonly file: PlainFile
  private readonly meanings: Meanings
  private readonly out: Uint8Array | Int32Array
  private readonly none: number

  constructor(file: PlainFile, column: PlainColumn, meanings: Meanings, out: Uint8Array | Int32Array, none: number) {
    this.file = file
    this.column = column
    this.meanings = meanings
    this.out = out
    this.none = none
  }

  fill(from: number, count: number): number {
    const { batch, dictionaries } = this.file
    const dictionary = dictionaries.get(this.column.dictionary!)
    if (dictionary === undefined) return BAD
    const meanings = this.meanings.of(dictionary)
    return copyMeanings(batch, this.column, meanings, dictionary.size, from, count, this.out, this.none)
  }
}
