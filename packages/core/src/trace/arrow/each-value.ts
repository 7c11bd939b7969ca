import type { Data } from 'apache-arrow'
import { NONE } from '../op-batch.ts'
import { DamagedColumn } from './damaged-column.ts'
import type { ArrowDictionary } from './dictionaries.ts'
import { isThere, textAt, validityOf } from './values.ts'

/** Calls back for each text of a column of texts, or of numbers into a dictionary of texts. */
export function eachText(
  data: Data,
  dictionary: ArrowDictionary | null,
  from: number,
  count: number,
  call: (row: number, text: Uint8Array | null) => void,
): void {
  if (dictionary === null) {
    for (let row = 0; row < count; row++) call(row, textAt(data, from + row))
    return
  }
  const texts = dictionary.texts()
  eachNumber(data, texts.length, from, count, (row, number) => call(row, number === NONE ? null : texts[number]!))
}

/** Calls back for each number of a column into a dictionary of `size` texts; -1 where there is none. */
export function eachNumber(
  data: Data,
  size: number,
  from: number,
  count: number,
  call: (row: number, number: number) => void,
): void {
  const { values } = data
  const validity = validityOf(data)
  for (let row = 0; row < count; row++) {
    if (!isThere(validity, from + row)) {
      call(row, NONE)
      continue
    }
    const number = Number(values[from + row])
    if (!(number >= 0 && number < size)) throw new DamagedColumn(`has number ${number} of ${size} texts`)
    call(row, number)
  }
}
