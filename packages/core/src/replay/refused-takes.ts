import { NONE, type OpBatch } from '../trace/op-batch.ts'

/**
 * `pin` and `get` rows that the kernel refused as a whole: the program that asked has nothing, and a row that lets go of
 * the same (by its id, or without one by its segments) is no release.
 */
export class RefusedTakes {
  private readonly ids = new Set<number>()
  /** How many, by address space and segments. */
  private readonly unnamed = new Map<string, number>()

  /** Nothing was taken for this row. */
  add(batch: OpBatch, row: number): void {
    const id = batch.id[row]
    if (id !== NONE) {
      this.ids.add(id)
      return
    }
    const key = segmentsOf(batch, row)
    this.unnamed.set(key, (this.unnamed.get(key) ?? 0) + 1)
  }

  /** The id names something that was taken. */
  forget(id: number): void {
    if (this.ids.size > 0) this.ids.delete(id)
  }

  /** A row that lets go lets go of what was refused: then it is no longer remembered. */
  takeOut(batch: OpBatch, row: number): boolean {
    const id = batch.id[row]
    if (id !== NONE) return this.ids.size > 0 && this.ids.delete(id)
    if (this.unnamed.size === 0) return false
    const key = segmentsOf(batch, row)
    const count = this.unnamed.get(key) ?? 0
    if (count > 1) this.unnamed.set(key, count - 1)
    else this.unnamed.delete(key)
    return count > 0
  }
}

function segmentsOf(batch: OpBatch, row: number): string {
  const { addressBytes, lengthBytes } = batch.segments
  const first = batch.segmentFirst[row]
  const parts: number[] = [batch.mm[row], batch.iterType[row]]
  for (let s = first; s < first + batch.segmentCount[row]; s++) parts.push(addressBytes[s], lengthBytes[s])
  return parts.join(' ')
}
