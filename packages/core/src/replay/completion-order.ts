import { grown } from '../grown.ts'

/**
 * The order in which operations in flight complete: by completion time, first submitted first where two are equal. Those
 * that complete in the order of submission, as most do, wait in a ring; the others in a binary heap.
 */
export class CompletionOrder {
  /** When the next one completes, ns; infinity while nothing is scheduled. One element, read in place. */
  readonly nextNs = Float64Array.of(Number.POSITIVE_INFINITY)

  /** By slot: completion time, and number of the operation. */
  private endNs = new Float64Array(256)
  private number = new Float64Array(256)
  private ring = new Int32Array(256)
  private ringFirst = 0
  private ringLength = 0
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
    const { endNs, ring } = this
    const end = times[index]
    endNs[slot] = end
    this.number[slot] = numbers[slot]
    if (end < this.nextNs[0]) this.nextNs[0] = end
    const mask = ring.length - 1
    if (this.ringLength > 0 && end < endNs[ring[(this.ringFirst + this.ringLength - 1) & mask]]) this.push(slot)
    else ring[(this.ringFirst + this.ringLength++) & mask] = slot
  }

  /** Takes out the operation that completes first, if it does by `times[index]` ns; 0 when none is due. */
  due(times: Float64Array, index: number): number {
    if (this.nextNs[0] > times[index] || this.ringLength + this.heapLength === 0) return 0
    const first = this.isRingFirst() ? this.shift() : this.pop()
    this.nextNs[0] = this.firstNs()
    return first
  }

  private firstNs(): number {
    if (this.ringLength + this.heapLength === 0) return Number.POSITIVE_INFINITY
    return this.endNs[this.isRingFirst() ? this.ring[this.ringFirst] : this.heap[0]]
  }

  private isRingFirst(): boolean {
    if (this.heapLength === 0) return true
    return this.ringLength > 0 && this.before(this.ring[this.ringFirst], this.heap[0])
  }

  private shift(): number {
    const slot = this.ring[this.ringFirst]
    this.ringFirst = (this.ringFirst + 1) & (this.ring.length - 1)
    this.ringLength--
    return slot
  }

  private push(slot: number): void {
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

  private pop(): number {
    const first = this.heap[0]
    const last = this.heap[--this.heapLength]
    if (this.heapLength > 0) this.sink(last)
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

  /** As many slots are scheduled as there are, at most: neither the ring nor the heap is ever full before. */
  private grow(): void {
    const capacity = this.endNs.length * 2
    const ring = new Int32Array(capacity)
    for (let i = 0; i < this.ringLength; i++) ring[i] = this.ring[(this.ringFirst + i) & (this.ring.length - 1)]
    this.ring = ring
    this.ringFirst = 0
    this.endNs = grown(this.endNs, capacity)
    this.number = grown(this.number, capacity)
    this.heap = grown(this.heap, capacity)
  }
}
