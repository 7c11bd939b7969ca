import { END_NEVER, END_SYNCHRONOUS } from './op-batch.ts'

/** Counts operations in flight: a heap of the times at which they complete. Operations start in order of time. */
export class InFlight {
  /** Most operations that were in flight at one time. */
  most = 0
  private endsNs = new Float64Array(1024)
  private length = 0
  private neverCompleted = 0

  /** An operation starts: those that ended by then are no longer in flight. */
  start(tsNs: number, endNs: number): void {
    while (this.length > 0 && this.endsNs[0]! <= tsNs) this.pop()
    if (endNs === END_NEVER) this.neverCompleted++
    else this.push(endNs === END_SYNCHRONOUS ? tsNs : endNs)
    this.most = Math.max(this.most, this.length + this.neverCompleted)
  }

  private push(endNs: number): void {
    if (this.length === this.endsNs.length) {
      const grown = new Float64Array(this.endsNs.length * 2)
      grown.set(this.endsNs)
      this.endsNs = grown
    }
    const ends = this.endsNs
    let at = this.length++
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (ends[parent]! <= endNs) break
      ends[at] = ends[parent]!
      at = parent
    }
    ends[at] = endNs
  }

  private pop(): void {
    const ends = this.endsNs
    const last = ends[--this.length]!
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= this.length) break
      if (child + 1 < this.length && ends[child + 1]! < ends[child]!) child++
      if (ends[child]! >= last) break
      ends[at] = ends[child]!
      at = child
    }
    ends[at] = last
  }
}
