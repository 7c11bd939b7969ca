import { grown } from '../grown.ts'
import { invariant } from '../invariant.ts'
import { IN_FLIGHT_MAX } from './in-flight.ts'

/**
 * Operations in flight that are only counted, as long as they complete in the order in which they were submitted: a ring of
 * shapes. All that their completion does is to let pins go.
 */
export class HeldShapes {
  /** The columns have a power of two elements: operation 0 is at `first`, and the ring goes on at their begin. */
  length = 0
  first = 0
  shape = new Int32Array(256)
  /** Number of the operation, and when it completes, ns. */
  number = new Float64Array(256)
  endNs = new Float64Array(256)

  /** An operation that completes at `times[index]` ns completes after all that are here. */
  isLast(times: Float64Array, index: number): boolean {
    if (this.length === 0) return true
    return times[index] >= this.endNs[(this.first + this.length - 1) & (this.endNs.length - 1)]
  }

  push(shape: number, number: number, times: Float64Array, index: number): void {
    if (this.length === this.endNs.length) this.grow()
    const at = (this.first + this.length++) & (this.endNs.length - 1)
    this.shape[at] = shape
    this.number[at] = number
    this.endNs[at] = times[index]
  }

  /** The first one completes by `times[index]` ns. */
  isDue(times: Float64Array, index: number): boolean {
    return this.length > 0 && this.endNs[this.first] <= times[index]
  }

  /** The first one completes before operation `numbers[slot]`, which does at `times[slot]` ns. */
  isBefore(times: Float64Array, numbers: Float64Array, slot: number): boolean {
    if (!this.isDue(times, slot)) return false
    return this.endNs[this.first] < times[slot] || this.number[this.first] < numbers[slot]
  }

  /** Takes the first one out: its shape. Notes when it completed, where that is later than `lastNs[0]`. */
  shift(lastNs: Float64Array): number {
    const { first } = this
    if (this.endNs[first] > lastNs[0]) lastNs[0] = this.endNs[first]
    this.first = (first + 1) & (this.endNs.length - 1)
    this.length--
    return this.shape[first]
  }

  private grow(): void {
    const before = this.endNs.length
    const capacity = before * 2
    invariant(capacity <= IN_FLIGHT_MAX, 'more operations are in flight at one time than IN_FLIGHT_MAX')
    this.shape = grown(this.shape, capacity)
    this.number = grown(this.number, capacity)
    this.endNs = grown(this.endNs, capacity)
    // What had gone round to the front goes behind what was there.
    for (const column of [this.shape, this.number, this.endNs]) column.copyWithin(before, 0, this.first)
  }
}
