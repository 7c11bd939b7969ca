import { ITER_DEST, ITER_SOURCE } from '../../../iter/iter-type.ts'
import { FLAG_NAMES, type FlagName } from '../../../iter/row-flags.ts'
import { closestWord } from '../../did-you-mean.ts'
import { COLUMNS_MAX } from '../../limits.ts'
import { quotedText } from '../../printable.ts'
import { TIME_FILETIME, TIME_MS, TIME_NS, TIME_SECONDS, TIME_US } from '../text/decimal-time.ts'
import { SIZE_UNITS } from '../text/size-units.ts'

/** Units of time by the name that `--columns` takes. */
export const TIME_UNITS: ReadonlyMap<string, number> = new Map([
  ['s', TIME_SECONDS],
  ['ms', TIME_MS],
  ['us', TIME_US],
  ['ns', TIME_NS],
  ['filetime', TIME_FILETIME],
])

/** What a word of the op column stands for besides a direction: rows with it are passed over. */
export const OP_SKIPPED = 2
/** A word of the op column that nothing was said about. */
export const OP_UNKNOWN = 3

const OP_MEANINGS: ReadonlyMap<string, number> = new Map([
  ['read', ITER_DEST],
  ['write', ITER_SOURCE],
  ['skip', OP_SKIPPED],
])

/** A column, from 0, and its unit: `TIME_*`, or bytes. */
export interface UnitColumn {
  readonly column: number
  readonly unit: number
  readonly unitName: string
}

/** The op column: what its words stand for; null: what read and write are usually called. */
export interface OpColumn {
  readonly column: number
  readonly words: ReadonlyMap<string, number> | null
}

const COUNTED_HINT = 'Columns are counted from 1, from the left, or named as the header has them.'

/** What is wrong with the text of `--columns`. `at`: the character, from 0. */
export class ColumnsFault extends Error {
  readonly at: number
  readonly hint: string

  constructor(at: number, problem: string, hint: string) {
    super(problem)
    this.at = at
    this.hint = hint
  }
}

/** What stands behind `NAME=`: a column, and after a colon what its cells are. */
export class ColumnPart {
  /** Where its name stands. */
  readonly nameAt: number
  /** The column that it names, from 0; -1 when it names none. */
  columnUsed = -1
  /** It names it by a name of the header. */
  isNamed = false
  private readonly key: string
  private readonly at: number
  private readonly value: string
  private readonly unitAt: number
  /** What stands behind the colon; null when there is none. */
  private readonly unit: string | null

  private readonly names: readonly string[]

  /** `at`: where `text` stands. `names`: those of the header. */
  constructor(key: string, text: string, at: number, names: readonly string[]) {
    this.names = names
    const colon = text.indexOf(':')
    this.key = key
    this.at = at
    this.nameAt = at - key.length - 1
    this.value = colon < 0 ? text : text.slice(0, colon)
    this.unit = colon < 0 ? null : text.slice(colon + 1)
    this.unitAt = at + this.value.length + 1
  }

  /** A column without a unit. */
  column(): number {
    if (this.unit !== null) throw new ColumnsFault(this.unitAt, `${this.key} has no unit`, `As in ${this.key}=3.`)
    return this.number()
  }

  /** A column of times. */
  time(): UnitColumn {
    const unit = this.unit === null ? undefined : TIME_UNITS.get(this.unit)
    if (unit !== undefined) return { column: this.number(), unit, unitName: this.unit! }
    const hint = `Units of time: ${[...TIME_UNITS.keys()].join(', ')}. As in ${this.key}=3:us.`
    if (this.unit === null) throw new ColumnsFault(this.at, `${this.key} needs its unit`, hint)
    throw new ColumnsFault(this.unitAt, `there is no unit of time ${quotedText(this.unit)}`, hint)
  }

  /** A column of sizes or positions. */
  size(): UnitColumn {
    const unitName = this.unit ?? 'B'
    const unit = SIZE_UNITS.get(unitName) ?? (/^[1-9]\d{0,8}$/.test(unitName) ? Number(unitName) : undefined)
    if (unit !== undefined) return { column: this.number(), unit, unitName }
    const meant = closestWord(unitName, [...SIZE_UNITS.keys()])
    const units = `Units of size: ${[...SIZE_UNITS.keys()].join(', ')}, or bytes: ${this.key}=3:520.`
    const hint = meant === null ? units : `Did you mean ${meant}? ${units}`
    throw new ColumnsFault(this.unitAt, `there is no unit of size ${quotedText(unitName)}`, hint)
  }

  /** A column of directions, or the direction of every row. */
  op(): OpColumn | number {
    const constant = OP_MEANINGS.get(this.value)
    if (constant === undefined || constant === OP_SKIPPED) return { column: this.number(), words: this.words() }
    if (this.unit === null) return constant
    const problem = 'op is the same for every row, and has no words'
    throw new ColumnsFault(this.unitAt, problem, 'As in op=read, or op=5:R=read/W=write.')
  }

  /** A column of flag words, or the flags of every row: `direct+nowait`. */
  flags(): number | readonly FlagName[] {
    if (/^\d/.test(this.value) || this.names.includes(this.value)) return this.column()
    let at = this.at
    return this.value.split('+').map((word) => {
      const flag = FLAG_NAMES.find((name) => name === word)
      if (flag === undefined) {
        throw new ColumnsFault(at, `there is no flag ${quotedText(word)}`, 'As in flags=direct, or flags=7.')
      }
      at += word.length + 1
      return flag
    })
  }

  private number(): number {
    const named = this.names.indexOf(this.value)
    const counted = /^[1-9]\d{0,3}$/.test(this.value) ? Number(this.value) - 1 : -1
    const column = counted < 0 ? named : counted
    if (column >= 0 && column < COLUMNS_MAX) {
      this.isNamed = counted < 0
      this.columnUsed = column
      return column
    }
    const isNumber = this.names.length === 0 || /^-?\d/.test(this.value)
    const expected = `expected a number from 1 to ${COLUMNS_MAX}${isNumber ? '' : ', or a name of the header'}`
    const hint = isNumber ? COUNTED_HINT : `The header: ${quotedText(this.names.join(', '))}.`
    throw new ColumnsFault(this.at, `${this.key} is column ${quotedText(this.value)}, ${expected}`, hint)
  }

  private words(): Map<string, number> | null {
    if (this.unit === null) return null
    const words = new Map<string, number>()
    let at = this.unitAt
    for (const item of this.unit.split('/')) {
      const equals = item.indexOf('=')
      const meaning = OP_MEANINGS.get(item.slice(equals + 1))
      if (equals < 0 || meaning === undefined) {
        const problem = `${quotedText(item)} is not WORD=read, WORD=write or WORD=skip`
        throw new ColumnsFault(at, problem, `As in op=${this.value}:0=read/1=write.`)
      }
      // Cells are compared as bytes.
      words.set(Buffer.from(item.slice(0, equals)).toString('latin1'), meaning)
      at += item.length + 1
    }
    return words
  }
}
