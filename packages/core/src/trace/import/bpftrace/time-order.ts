/** Something that happened at a time: ns since the first time of the file. */
export interface TimedEvent {
  readonly tsNs: number
}

interface Waiting<E> {
  readonly event: E
  /** Order in which events of the same time came. */
  readonly sequence: number
}

/** Events that wait to be taken in order of time: a binary heap. */
export class TimeOrder<E extends TimedEvent> {
  private readonly heap: Waiting<E>[] = []
  private sequence = 0

  /** Events that wait. */
  get size(): number {
    return this.heap.length
  }

  push(event: E): void {
    const { heap } = this
    const added = { event, sequence: this.sequence++ }
    let at = heap.length
    heap.push(added)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(added, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = added
  }

  /** Takes the earliest event out; undefined when none waits. */
  take(): E | undefined {
    const { heap } = this
    const first = heap[0]?.event
    const last = heap.pop()
    if (last !== undefined && heap.length > 0) this.sink(last)
    return first
  }

  private sink(moved: Waiting<E>): void {
    const { heap } = this
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, moved)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = moved
  }
}

function isBefore<E extends TimedEvent>(a: Waiting<E>, b: Waiting<E>): boolean {
  return a.event.tsNs < b.event.tsNs || (a.event.tsNs === b.event.tsNs && a.sequence < b.sequence)
}
