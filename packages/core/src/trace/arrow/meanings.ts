import { NAME_TOO_LONG, type NameTable } from '../dictionary.ts'
import { FAULT_NAME_LONG, FAULT_NAMES_FULL } from '../faults.ts'
import type { FlagsCell } from '../flags-cell.ts'
import { NONE } from '../op-batch.ts'
import type { ArrowDictionary } from './dictionaries.ts'
import type { RowSink } from './row-sink.ts'

const EMPTY = new Uint8Array(0)
const LINE_END = Buffer.from('\n')

/** A text that is no word of the column: an error only where a row has it. */
export const UNKNOWN = -2
/** A text of flags that is read again for each row. */
export const OTHER = -2

/** What each text of a dictionary means in one column: a number, found out once. */
export class Meanings {
  private readonly meaningOf: (text: Uint8Array | null) => number
  private known = new Int32Array(64)
  private size = 0
  private generation = 0

  constructor(meaningOf: (text: Uint8Array | null) => number) {
    this.meaningOf = meaningOf
  }

  /** The meanings of all texts, by their number. */
  of(dictionary: ArrowDictionary): Int32Array {
    if (dictionary.generation !== this.generation) {
      this.generation = dictionary.generation
      this.size = 0
    }
    if (this.size === dictionary.size) return this.known
    if (dictionary.size > this.known.length) {
      const known = new Int32Array(dictionary.size * 2)
      known.set(this.known)
      this.known = known
    }
    dictionary.forEach(this.size, (id, text) => {
      this.known[id] = this.meaningOf(text)
    })
    this.size = dictionary.size
    return this.known
  }
}

/** The id of a name, {@link NONE} where it is empty. `row`: where it stands, for the error. */
export function nameId(sink: RowSink, code: number, table: NameTable, row: number, text: Uint8Array | null): number {
  if (text === null || text.length === 0) return NONE
  const name = storable(text)
  const id = table.intern(name, 0, name.length)
  if (id >= 0) return id
  throw sink.fail(row, id === NAME_TOO_LONG ? FAULT_NAME_LONG : FAULT_NAMES_FULL, code, EMPTY)
}

/** A trace holds neither NUL nor a carriage return: they are written as \0 and \r. */
function storable(name: Uint8Array): Uint8Array {
  if (!name.includes(0) && !name.includes(13)) return name
  const text = Buffer.from(name).toString('latin1').replaceAll('\0', '\\0').replaceAll('\r', '\\r')
  return Buffer.from(text, 'latin1')
}

/** The number of a word; {@link NONE} where it is empty, or {@link UNKNOWN}. */
export function wordCode(words: readonly string[], text: Uint8Array | null): number {
  if (text === null || text.length === 0) return NONE
  const code = words.indexOf(Buffer.from(text).toString('latin1'))
  return code < 0 ? UNKNOWN : code
}

/** The flags of a text, or {@link OTHER} where it says more, or nothing that can be read. */
export function flagBits(cell: FlagsCell, text: Uint8Array | null): number {
  if (text === null || text.length === 0) return 0
  const line = Buffer.concat([text, LINE_END])
  const isPlain = cell.read(line, 0, text.length) >= 0 && cell.order === NONE && cell.hole[1] === NONE
  return isPlain && cell.bits !== 0 ? cell.bits : OTHER
}
