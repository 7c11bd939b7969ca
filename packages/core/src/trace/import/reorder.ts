import { ImportRow } from './import-row.ts'

/** Rows that the ring has room for at first: a power of two, as it stays. */
const RING_ROWS = 8192

/**
 * Orders rows by time, then by the order in which they came. Rows that come in order, as most do, wait in a ring; one that is
 * earlier than the last of them waits in a binary heap beside it. Rows are of a pool.
 */
export class Reorder {
  /** `ring[(ringFirst + i) & (ring.length - 1)]` for `i < ringSize`: each not before the one in front of it. */
  private ring: (ImportRow | null)[] = new Array(RING_ROWS).fill(null)
  private ringFirst = 0
  private ringSize = 0
  private readonly heap: ImportRow[] = []
  private readonly pool: ImportRow[] = []

  /** Rows that wait. */
  get size(): number {
    return this.ringSize + this.heap.length
  }

  /** The earliest row, which stays; undefined when none waits. */
  get first(): ImportRow | undefined {
    return this.isHeapFirst() ? this.heap[0] : (this.ring[this.ringFirst] ?? undefined)
  }

  /** An empty row. */
  draft(): ImportRow {
    const row = this.pool.pop()
    if (row === undefined) return new ImportRow()
    row.clear()
    return row
  }

  /** Takes a row back that is not needed any more. */
  recycle(row: ImportRow): void {
    this.pool.push(row)
  }

  /** Takes a row in. Its `sequence` is above that of every row before it. */
  push(row: ImportRow): void {
    if (
      this.ringSize > 0 &&
      row.tsNs < this.ring[(this.ringFirst + this.ringSize - 1) & (this.ring.length - 1)]!.tsNs
    ) {
      this.rise(row)
      return
    }
    if (this.ringSize === this.ring.length) this.growRing()
    this.ring[(this.ringFirst + this.ringSize) & (this.ring.length - 1)] = row
    this.ringSize++
  }

  /** Takes the earliest row out, of which there is one; {@link recycle} it afterwards. */
  pop(): ImportRow {
    if (this.isHeapFirst()) return this.popHeap()
    const row = this.ring[this.ringFirst]!
    this.ring[this.ringFirst] = null
    this.ringFirst = (this.ringFirst + 1) & (this.ring.length - 1)
    this.ringSize--
    return row
  }

  private isHeapFirst(): boolean {
    if (this.heap.length === 0) return false
    return this.ringSize === 0 || isBefore(this.heap[0]!, this.ring[this.ringFirst]!)
  }

  private growRing(): void {
    const { ring, ringFirst } = this
    this.ring = [...ring.slice(ringFirst), ...ring.slice(0, ringFirst), ...new Array(ring.length).fill(null)]
    this.ringFirst = 0
  }

  private rise(row: ImportRow): void {
    const { heap } = this
    let at = heap.length
    heap.push(row)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(row, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = row
  }

  private popHeap(): ImportRow {
    const { heap } = this
    const first = heap[0]!
    const last = heap.pop()!
    if (heap.length > 0) this.sink(last)
    return first
  }

  private sink(row: ImportRow): void {
    const { heap } = this
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, row)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = row
  }
}

function isBefore(a: ImportRow, b: ImportRow): boolean {
  return a.tsNs < b.tsNs || (a.tsNs === b.tsNs && a.sequence < b.sequence)
}
