import { type Data, DataType } from 'apache-arrow'
import { ITER_TYPE_NAMES } from '../../iter/iter-type.ts'
import {
  COLUMN_BACKING,
  COLUMN_CALL,
  COLUMN_CONSUMER,
  COLUMN_END,
  COLUMN_EVENT,
  COLUMN_FILE,
  COLUMN_ID,
  COLUMN_ITER,
  COLUMN_LEN,
  COLUMN_MM,
  COLUMN_OFFSET,
  COLUMN_OP,
  COLUMN_PINS_ACQUIRED,
  COLUMN_PINS_RELEASED,
  COLUMN_RESULT,
  COLUMN_STACK,
  COLUMN_TS,
} from '../columns.ts'
import type { NameTable } from '../dictionary.ts'
import { FAULT_FORM, FAULT_LARGE, FAULT_RANGE, FAULT_WORD } from '../faults.ts'
import { ERRNO_MAX, INTEGER_MAX, MM_MAX, PINS_MAX } from '../limits.ts'
import {
  BACKING_NAMES,
  BATCH_ROWS_MAX,
  END_NEVER,
  END_SYNCHRONOUS,
  EVENT_NAMES,
  NONE,
  OP_NAMES,
  OP_NONE,
} from '../op-batch.ts'
import { ITER_UNSET } from '../row-rules.ts'
import type { ArrowDictionary } from './dictionaries.ts'
import { eachNumber, eachText } from './each-value.ts'
import { FlagsFiller } from './flags-filler.ts'
import { Meanings, nameId, UNKNOWN, wordCode } from './meanings.ts'
import type { RowSink } from './row-sink.ts'
import { isNumber, numbersInto, textAt } from './values.ts'

/** Copies a column of a record batch into the batch: rows `from` to `from + count`. */
export interface ColumnFiller {
  fill(data: Data, dictionary: ArrowDictionary | null, from: number, count: number): void
}

/** What fills a column; null for the segments, which come last. */
export function fillerOf(code: number, sink: RowSink): ColumnFiller {
  const { cells, batch } = sink
  const number = (out: Float64Array | Int32Array, bounds: Bounds) => new NumberFiller(code, sink, out, bounds)
  const names = (table: NameTable, out: Int32Array) => new NameFiller(code, sink, table, out)
  const words = (list: readonly string[], out: Uint8Array, none: number) => new WordFiller(code, sink, list, out, none)
  switch (code) {
    case COLUMN_TS:
      return number(batch.tsNs, { min: 0, max: INTEGER_MAX, none: 0 })
    case COLUMN_END:
      return number(batch.endNs, { min: 0, max: INTEGER_MAX, none: END_SYNCHRONOUS })
    case COLUMN_MM:
      return number(batch.mm, { min: 0, max: MM_MAX, none: 0 })
    case COLUMN_OFFSET:
      return number(batch.offsetBytes, { min: 0, max: INTEGER_MAX, none: NONE })
    case COLUMN_LEN:
      return number(batch.lengthBytes, { min: 0, max: INTEGER_MAX, none: NONE })
    case COLUMN_RESULT:
      return number(batch.resultBytes, { min: -ERRNO_MAX, max: INTEGER_MAX, none: Number.NaN })
    case COLUMN_PINS_ACQUIRED:
      return number(batch.pinsAcquired, { min: 0, max: PINS_MAX, none: NONE })
    case COLUMN_PINS_RELEASED:
      return number(batch.pinsReleased, { min: 0, max: PINS_MAX, none: NONE })
    case COLUMN_EVENT:
      return words(EVENT_NAMES, batch.event, 0)
    case COLUMN_OP:
      return words(OP_NAMES, batch.direction, OP_NONE)
    case COLUMN_ITER:
      return words(ITER_TYPE_NAMES, batch.iterType, ITER_UNSET)
    case COLUMN_BACKING:
      return words(BACKING_NAMES, batch.backing, 0)
    case COLUMN_ID:
      return names(cells.ids, batch.id)
    case COLUMN_CALL:
      return names(cells.calls, batch.call)
    case COLUMN_FILE:
      return names(cells.files, batch.file)
    case COLUMN_CONSUMER:
      return names(cells.consumers, batch.consumer)
    case COLUMN_STACK:
      return names(cells.stacks, batch.stack)
    default:
      return new FlagsFiller(sink)
  }
}

interface Bounds {
  readonly min: number
  readonly max: number
  /** What an empty cell is stored as. */
  readonly none: number
}

class NumberFiller implements ColumnFiller {
  private readonly code: number
  private readonly sink: RowSink
  private readonly out: Float64Array | Int32Array
  private readonly bounds: Bounds
  private readonly numbers = new Float64Array(BATCH_ROWS_MAX)

  constructor(code: number, sink: RowSink, out: Float64Array | Int32Array, bounds: Bounds) {
    this.code = code
    this.sink = sink
    this.out = out
    this.bounds = bounds
  }

  fill(data: Data, dictionary: ArrowDictionary | null, from: number, count: number): void {
    if (DataType.isNull(data.type)) this.out.fill(this.bounds.none, 0, count)
    else if (isNumber(data.type)) this.numbersOf(data, from, count)
    else {
      // An empty text leaves what was there.
      this.out.fill(this.bounds.none, 0, count)
      eachText(data, dictionary, from, count, (row, text) => this.sink.readCell(this.code, row, text ?? EMPTY))
    }
  }

  private numbersOf(data: Data, from: number, count: number): void {
    const bad = numbersInto(data, from, count, this.numbers, Number.NaN)
    if (bad >= 0) throw this.fail(data, from, bad)
    const { numbers, out, code } = this
    const { present } = this.sink
    const { min, max, none } = this.bounds
    const bit = 1 << code
    for (let row = 0; row < count; row++) {
      const value = numbers[row]!
      if (value >= min && value <= max) {
        out[row] = value
        present[row]! |= bit
      } else if (Number.isNaN(value)) out[row] = none
      else if (code === COLUMN_END && value === -1) {
        out[row] = END_NEVER
        present[row]! |= bit
      } else throw this.fail(data, from, row)
    }
  }

  private fail(data: Data, from: number, row: number) {
    const value = data.values[from + row]
    const isLarge = value > INTEGER_MAX
    const code = isLarge ? FAULT_LARGE : value >= 0 && this.bounds.max < INTEGER_MAX ? FAULT_RANGE : FAULT_FORM
    return this.sink.fail(row, code, this.code, Buffer.from(String(value)))
  }
}

const EMPTY = new Uint8Array(0)

export class NameFiller implements ColumnFiller {
  private readonly code: number
  private readonly sink: RowSink
  private readonly table: NameTable
  private readonly out: Int32Array
  private readonly meanings = new Meanings((text) => this.idOf(0, text))

  constructor(code: number, sink: RowSink, table: NameTable, out: Int32Array) {
    this.code = code
    this.sink = sink
    this.table = table
    this.out = out
  }

  fill(data: Data, dictionary: ArrowDictionary | null, from: number, count: number): void {
    const { out, code } = this
    const { present } = this.sink
    this.idsInto(data, dictionary, from, count, out)
    for (let row = 0; row < count; row++) if (out[row] !== NONE) present[row]! |= 1 << code
  }

  /** The name ids of a column of names, wherever it is. */
  idsInto(data: Data, dictionary: ArrowDictionary | null, from: number, count: number, out: Int32Array): void {
    if (DataType.isNull(data.type)) out.fill(NONE, 0, count)
    else if (dictionary === null) {
      for (let row = 0; row < count; row++) out[row] = this.idOf(row, textAt(data, from + row))
    } else {
      const ids = this.meanings.of(dictionary)
      eachNumber(data, dictionary.size, from, count, (row, number) => {
        out[row] = number === NONE ? NONE : ids[number]!
      })
    }
  }

  private idOf(row: number, text: Uint8Array | null): number {
    return nameId(this.sink, this.code, this.table, row, text)
  }
}

/** A filler of names for other places than their own column. */
export function nameIds(sink: RowSink): NameFiller {
  return new NameFiller(COLUMN_FILE, sink, sink.cells.files, new Int32Array(0))
}

class WordFiller implements ColumnFiller {
  private readonly code: number
  private readonly sink: RowSink
  private readonly out: Uint8Array
  private readonly none: number
  private readonly meanings: Meanings

  constructor(code: number, sink: RowSink, words: readonly string[], out: Uint8Array, none: number) {
    this.code = code
    this.sink = sink
    this.out = out
    this.none = none
    this.meanings = new Meanings((text) => wordCode(words, text))
  }

  fill(data: Data, dictionary: ArrowDictionary | null, from: number, count: number): void {
    this.out.fill(this.none, 0, count)
    if (DataType.isNull(data.type)) return
    if (dictionary !== null) this.numbersOf(data, dictionary, from, count)
    else eachText(data, null, from, count, (row, text) => this.sink.readCell(this.code, row, text ?? EMPTY))
  }

  private numbersOf(data: Data, dictionary: ArrowDictionary, from: number, count: number): void {
    const { out, code, sink } = this
    const codes = this.meanings.of(dictionary)
    const { present } = sink
    eachNumber(data, dictionary.size, from, count, (row, number) => {
      const word = number === NONE ? NONE : codes[number]!
      if (word === UNKNOWN) throw this.unknown(row, dictionary, number)
      if (word === NONE) return
      out[row] = word
      present[row]! |= 1 << code
    })
  }

  private unknown(row: number, dictionary: ArrowDictionary, index: number) {
    return this.sink.fail(row, FAULT_WORD, this.code, dictionary.texts()[index] ?? EMPTY)
  }
}
