import { DamagedColumn } from './damaged-column.ts'
import type { Texts } from './dictionaries.ts'
import type { ArrowMessage } from './message-reader.ts'
import { PlainBatch } from './plain-batch.ts'
import { isSet } from './plain-numbers.ts'

const OFFSET_BYTES = 4

/** The texts that a dictionary message of UTF-8 brings; null where that is for others to say. */
export function plainTexts(message: ArrowMessage): Texts | null {
  const batch = new PlainBatch(1, 3)
  if (!batch.open(message)) return null
  const length = batch.lengths[0]!
  if (length !== message.facts.rows || !batch.holds(0, 0, length, OFFSET_BYTES)) return null
  if (batch.bytes[1]! < (length + 1) * OFFSET_BYTES && length > 0) return null
  return new PlainTexts(batch, length)
}

class PlainTexts implements Texts {
  readonly length: number
  private readonly batch: PlainBatch

  constructor(batch: PlainBatch, length: number) {
    this.batch = batch
    this.length = length
  }

  at(index: number): Uint8Array | null {
    const { views, places, bytes } = this.batch
    if (this.batch.hasNulls(0, 0) && !isSet(views.uint8, places[0]! * 8 + index)) return null
    const offset = (places[1]! >> 2) + index
    const start = views.int32[offset]!
    const end = views.int32[offset + 1]!
    const length = bytes[2]!
    if (!(start >= 0 && start <= end && end <= length)) {
      throw new DamagedColumn(`has a value from ${start} to ${end} of ${length}`)
    }
    return views.uint8.subarray(places[2]! + start, places[2]! + end)
  }
}
