import type { OpBatch } from '../trace/op-batch.ts'

/** Bytes of the file that a row about a range of it names: from `offset` on, and without a `len` to the end. */
export function rangeOf(batch: OpBatch, row: number): { readonly position: number; readonly length: number } {
  const position = Math.max(batch.offsetBytes[row], 0)
  const length = batch.lengthBytes[row]
  return { position, length: length < 0 ? Number.MAX_SAFE_INTEGER - position : length }
}
