import { EVENT_NAMES, OP_NAMES, type OpBatch } from '@pinscope/core'

const EVENT_IO = EVENT_NAMES.indexOf('io')
const OP_WRITE = OP_NAMES.indexOf('write')

/** What a trace is made of, in a line or two. */
export interface TraceMix {
  readonly reads: number
  readonly writes: number
  /** Rows of any other event. */
  readonly otherRows: number
  readonly bytesRead: number
  readonly bytesWritten: number
  /** From the first to the last time, ns. */
  readonly spanNs: number
}

/** Counts while a trace is written. */
export class TraceTally {
  private readonly operations = [0, 0]
  private readonly bytes = [0, 0]
  private otherRows = 0
  private firstNs = Number.NaN
  private lastNs = 0

  add(batch: OpBatch): void {
    for (let row = 0; row < batch.length; row++) {
      this.lastNs = Math.max(this.lastNs, batch.tsNs[row]!, batch.endNs[row]!)
      if (batch.event[row] !== EVENT_IO) {
        this.otherRows++
        continue
      }
      const op = batch.direction[row] === OP_WRITE ? 1 : 0
      this.operations[op]! += 1
      this.bytes[op]! += Math.max(0, batch.lengthBytes[row]!)
    }
    if (Number.isNaN(this.firstNs) && batch.length > 0) this.firstNs = batch.tsNs[0]!
  }

  result(): TraceMix {
    const [reads, writes] = this.operations as [number, number]
    const [bytesRead, bytesWritten] = this.bytes as [number, number]
    const spanNs = Number.isNaN(this.firstNs) ? 0 : this.lastNs - this.firstNs
    return { reads, writes, otherRows: this.otherRows, bytesRead, bytesWritten, spanNs }
  }
}
