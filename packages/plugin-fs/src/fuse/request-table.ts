import { grown, type Operation, RowPool } from '@pinscope/core'

/** No request: the end of a chain. */
export const REQUEST_NONE = 0

/** Requests on their way to the server, a row each; those of one operation are chained. */
export class RequestTable {
  next = new Int32Array(64)
  /** Pages that are made dirty when they are let go. */
  dirtyPages = new Int32Array(64)
  /** Bytes of the page array and its descriptors. */
  arrayBytes = new Int32Array(64)
  /** 1: the next one was sent before this one was answered. */
  isAsync = new Uint8Array(64)
  private readonly rows = new RowPool(REQUEST_NONE + 1)

  /** One more request of the operation, whose chain begins with `io.scratch`. */
  add(io: Operation, arrayBytes: number, dirtyPages: number, isAsync: boolean): void {
    const row = this.rows.take()
    if (row === this.next.length) this.grow()
    this.next[row] = io.scratch
    this.arrayBytes[row] = arrayBytes
    this.dirtyPages[row] = dirtyPages
    this.isAsync[row] = isAsync ? 1 : 0
    io.scratch = row
  }

  give(row: number): void {
    this.rows.give(row)
  }

  private grow(): void {
    const capacity = 2 * this.next.length
    this.next = grown(this.next, capacity)
    this.arrayBytes = grown(this.arrayBytes, capacity)
    this.dirtyPages = grown(this.dirtyPages, capacity)
    this.isAsync = grown(this.isAsync, capacity)
  }
}
