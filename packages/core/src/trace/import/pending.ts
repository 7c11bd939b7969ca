import type { ImportRow } from './import-row.ts'

/** A row that waits; after it was taken its place in the queue stays until it is the first. */
interface Waiting {
  readonly key: string | number
  readonly row: ImportRow
  isTaken: boolean
}

/** Entries at the front of the queue that are left behind before it is made anew. */
const LEFT_BEHIND_MAX = 1024

/** Operations whose completion is awaited, by a key of the importer's: a thread, a request. Oldest first. */
export class Pending {
  private readonly byKey = new Map<string | number, Waiting>()
  /** In the order in which they were opened, from `head` on. */
  private queue: Waiting[] = []
  private head = 0

  get size(): number {
    return this.byKey.size
  }

  /** The one that was opened first. */
  get oldest(): ImportRow | undefined {
    return this.first()?.row
  }

  /** No other one may be open under the key. */
  open(key: string | number, row: ImportRow): void {
    const waiting = { key, row, isTaken: false }
    this.byKey.set(key, waiting)
    this.queue.push(waiting)
  }

  peek(key: string | number): ImportRow | undefined {
    return this.byKey.get(key)?.row
  }

  take(key: string | number): ImportRow | undefined {
    const waiting = this.byKey.get(key)
    if (waiting === undefined) return undefined
    waiting.isTaken = true
    this.byKey.delete(key)
    return waiting.row
  }

  takeOldest(): ImportRow | undefined {
    const first = this.first()
    return first === undefined ? undefined : this.take(first.key)
  }

  private first(): Waiting | undefined {
    while (this.queue[this.head]?.isTaken === true) this.head++
    if (this.head > LEFT_BEHIND_MAX && this.head * 2 > this.queue.length) {
      this.queue = this.queue.slice(this.head)
      this.head = 0
    }
    return this.queue[this.head]
  }
}
