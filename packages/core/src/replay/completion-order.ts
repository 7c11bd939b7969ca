import { grown } from '../grown.ts'

/**
 * The order in which operations in flight complete: a binary heap by completion time, first submitted first where two are
 * equal.
 */
export class CompletionOrder {
  /** When the next one completes, ns; infinity while nothing is scheduled. One element, read in place. */
  readonly nextNs = Float64Array.of(Number.POSITIVE_INFINITY)

  /** By slot: completion time, and number of the operation. */
  private endNs = new Float64Array(256)
  private number = new Float64Array(256)
  private heap = new Int32Array(256)
  private heapLength = 0

  /** Completion time of each slot, ns. */
  get completionNs(): Float64Array {
    return this.endNs
  }

  /**
   * Completion of `slot`, which is operation `numbers[slot]`, is due at `times[index]` ns: columns and indices, since V8
   * allocates for a double argument wherever it does not inline the call.
   */
  schedule(slot: number, numbers: Float64Array, times: Float64Array, index: number): void {
    while (slot >= this.endNs.length) this.grow()
    const end = times[index]
    this.endNs[slot] = end
    this.number[slot] = numbers[slot]
    if (end < this.nextNs[0]) this.nextNs[0] = end
    let at = this.heapLength++
    const { heap } = this
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.before(slot, heap[parent])) break
      heap[at] = heap[parent]
      at = parent
    }
    heap[at] = slot
  }

  /** Takes out the operation that completes first, if it does by `times[index]` ns; 0 when none is due. */
  due(times: Float64Array, index: number): number {
    if (this.heapLength === 0 || this.nextNs[0] > times[index]) return 0
    const first = this.heap[0]
    const last = this.heap[--this.heapLength]
    if (this.heapLength > 0) this.sink(last)
    this.nextNs[0] = this.heapLength > 0 ? this.endNs[this.heap[0]] : Number.POSITIVE_INFINITY
    return first
  }

  private sink(slot: number): void {
    const { heap, heapLength } = this
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heapLength) break
      if (child + 1 < heapLength && this.before(heap[child + 1], heap[child])) child++
      if (!this.before(heap[child], slot)) break
      heap[at] = heap[child]
      at = child
    }
    heap[at] = slot
  }

  private before(a: number, b: number): boolean {
    const { endNs, number } = this
    return endNs[a] < endNs[b] || (endNs[a] === endNs[b] && number[a] < number[b])
  }

  /** As many slots are scheduled as there are, at most: the heap is never full before. */
  private grow(): void {
    const capacity = this.endNs.length * 2
    this.endNs = grown(this.endNs, capacity)
    this.number = grown(this.number, capacity)
    this.heap = grown(this.heap, capacity)
  }
}
