import { holding } from '../../../grown.ts'
import { NameTable } from '../../dictionary.ts'
import { quotedText } from '../../printable.ts'
import type { ImportRows } from '../import-rows.ts'
import type { ImportOption } from '../trace-format.ts'
import { latin1 } from './text.ts'

/** What cells of a column stand for, as integers, by their bytes: each text is looked at once, not for every line. */
export class CellCodes {
  private readonly codeOf: (cell: string) => number
  private readonly known = new NameTable()
  private codes = new Int32Array(64)

  /** `codeOf`: the integer that the cell stands for, always the same. It may throw. */
  constructor(codeOf: (cell: string) => number) {
    this.codeOf = codeOf
  }

  /** What `bytes[from..to)` stands for. */
  of(bytes: Uint8Array, from: number, to: number): number {
    const size = this.known.size
    const index = this.known.intern(bytes, from, to)
    // The table is full, or has no room for a text so long.
    if (index < 0) return this.codeOf(latin1(bytes, from, to))
    if (index === size) {
      this.codes = holding(this.codes, index)
      this.codes[index] = this.codeOf(latin1(bytes, from, to))
    }
    return this.codes[index]!
  }
}

/** Instead of a file: the cell is not one of those that are wanted. */
export const FILE_UNWANTED = -2

/** The files that cells stand for. `nameOf`: a file's name out of the cell. `wanted`: cells to keep; null: all. */
export function fileCodes(
  rows: ImportRows,
  nameOf: (cell: string) => string,
  wanted: ReadonlySet<string> | null = null,
): CellCodes {
  return new CellCodes((cell) => {
    const isWanted = wanted === null || wanted.has(cell)
    return isWanted ? rows.fileName(nameOf(cell)) : FILE_UNWANTED
  })
}

/** Option of a data set whose file holds many devices: which of them to read. */
export function onlyOption(name: string, what: string): ImportOption {
  return { name, summary: `read these ${what} only: ${name}=3, ${name}=3,17`, words: null, default: '' }
}

/** The numbers that {@link onlyOption} was given; null when all are wanted. Throws what `rows.fail` makes. */
export function wantedOf(rows: ImportRows, name: string, value: string): ReadonlySet<string> | null {
  if (value === '') return null
  const numbers = value.split(',')
  if (numbers.every((number) => /^\d{1,16}$/.test(number))) return new Set(numbers)
  throw rows.fail(
    0,
    `input option ${name} is ${quotedText(value)}, expected numbers with commas`,
    `As in ${name}=3,17.`,
  )
}
