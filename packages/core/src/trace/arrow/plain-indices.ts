import { NONE } from '../op-batch.ts'
import { UNKNOWN } from './meanings.ts'
import type { MemoryViews, PlainBatch } from './plain-batch.ts'
import { isSet, noneThere, shiftOf, valuesOf } from './plain-numbers.ts'
import type { PlainColumn } from './plain-schema.ts'

/** {@link copyMeanings}: a number stands for no text, or the text for nothing. */
export const BAD = -1
/** Some cells are empty, some are not: bits above all meanings that are told. */
export const SOME_EMPTY = 1 << 29
export const SOME_THERE = 1 << 30

/**
 * Copies what the texts behind numbers `from` to `from + count` of a column mean, `none` where a cell is empty or its text
 * means {@link NONE}. Returns all meanings, or'ed, with {@link SOME_EMPTY} and {@link SOME_THERE}; or {@link BAD}.
 */
export function copyMeanings(
  batch: PlainBatch,
  column: PlainColumn,
  meanings: Int32Array,
  size: number,
  from: number,
  count: number,
  out: Uint8Array | Int32Array,
  none: number,
): number {
  const { node, buffer, bits, isSigned } = column
  const { views } = batch
  const validity = batch.hasNulls(node, buffer) ? batch.places[buffer]! * 8 + from : -1
  if (validity >= 0 && noneThere(views.uint8, validity, count)) {
    out.fill(none, 0, count)
    return SOME_EMPTY
  }
  if (bits === 64) return BAD
  const at = (batch.places[buffer + 1]! >> shiftOf(bits)) + from
  if (validity < 0 && bits === 8 && out instanceof Uint8Array) {
    const all = copyCodes(views, at, meanings, size, count, out)
    if (all !== BAD) return all | SOME_THERE
  }
  return copyAny(valuesOf(views, bits, isSigned), at, views.uint8, validity, meanings, size, count, out, none)
}

/**
 * As pinscope writes words: a byte each, all of them there, each number the code of its word. Looks at four in a step; false where
 * one may be another.
 */
function copyCodes(
  views: MemoryViews,
  at: number,
  codes: Int32Array,
  size: number,
  count: number,
  out: Uint8Array,
): number {
  for (let number = 0; number < size; number++) if (codes[number] !== number) return BAD
  if (at % 4 !== 0 || count % 4 !== 0) return BAD
  const { int32, uint8 } = views
  let four = 0
  for (let word = at >> 2; word < (at + count) >> 2; word++) four |= int32[word]!
  const all = (four | (four >>> 8) | (four >>> 16) | (four >>> 24)) & 0xff
  if (all >= size) return BAD
  out.set(uint8.subarray(at, at + count))
  return all
}

function copyAny(
  numbers: ReturnType<typeof valuesOf>,
  at: number,
  bytes: Uint8Array,
  validity: number,
  meanings: Int32Array,
  size: number,
  count: number,
  out: Uint8Array | Int32Array,
  none: number,
): number {
  let all = 0
  for (let row = 0; row < count; row++) {
    let meaning = NONE
    if (validity < 0 || isSet(bytes, validity + row)) {
      const number = numbers[at + row]!
      if (number < 0 || number >= size) return BAD
      meaning = meanings[number]!
    }
    if (meaning === UNKNOWN) return BAD
    out[row] = meaning === NONE ? none : meaning
    all |= meaning === NONE ? SOME_EMPTY : meaning | SOME_THERE
  }
  return all
}
