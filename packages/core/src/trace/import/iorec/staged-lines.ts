import { REORDER_ROWS_MAX } from '../../limits.ts'
import type { Staged } from './staged.ts'

/** Rows that wait, first in first out. */
export class StagedQueue {
  /** Of the lines that wait. */
  bytes = 0
  private items: Staged[] = []
  private from = 0

  get size(): number {
    return this.items.length - this.from
  }

  get first(): Staged {
    return this.items[this.from]!
  }

  push(staged: Staged): void {
    this.items.push(staged)
    this.bytes += staged.bytes
  }

  shift(): Staged {
    const staged = this.items[this.from++]!
    this.bytes -= staged.bytes
    if (this.from > REORDER_ROWS_MAX && 2 * this.from > this.items.length) {
      this.items = this.items.slice(this.from)
      this.from = 0
    }
    return staged
  }
}

/** Rows that wait, the earliest first; the order in which they came where times are equal. A binary heap. */
export class StagedHeap {
  /** Of the lines that wait. */
  bytes = 0
  private readonly items: Staged[] = []
  private count = 0

  get size(): number {
    return this.items.length
  }

  push(staged: Staged): void {
    const { items } = this
    staged.order = this.count++
    this.bytes += staged.bytes
    let at = items.length
    items.push(staged)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(staged, items[parent]!)) break
      items[at] = items[parent]!
      at = parent
    }
    items[at] = staged
  }

  /** Takes the earliest out; there must be one. */
  shift(): Staged {
    const { items } = this
    const first = items[0]!
    const last = items.pop()!
    if (items.length > 0) this.sink(last)
    this.bytes -= first.bytes
    return first
  }

  private sink(staged: Staged): void {
    const { items } = this
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= items.length) break
      if (child + 1 < items.length && isBefore(items[child + 1]!, items[child]!)) child++
      if (!isBefore(items[child]!, staged)) break
      items[at] = items[child]!
      at = child
    }
    items[at] = staged
  }
}

function isBefore(a: Staged, b: Staged): boolean {
  return a.call.tsNs < b.call.tsNs || (a.call.tsNs === b.call.tsNs && a.order < b.order)
}
