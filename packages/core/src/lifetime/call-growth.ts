import type { Audit } from './audit.ts'

/** A call that writes, and has not returned. Bytes. */
interface WritingCall {
  readonly task: number
  file: number
  /** Where it copied first. */
  startBytes: number
  /** End of the file that it grew last; 0: it did not. */
  grownEnd: number
}

/**
 * How far files grow under the calls that write to them: the rows of a task between `init` of a data source and its `return`.
 * One call has a write for each mapping of the file. Where an address space is in several such calls at once, nobody tells
 * whose a row is.
 * @kernel fs/read_write.c: new_sync_write, vfs_iter_write
 */
export class CallGrowth {
  private readonly byIterator = new Map<number, WritingCall>()
  private readonly byTask = new Map<number, WritingCall[]>()
  private readonly audit: Audit

  constructor(audit: Audit) {
    this.audit = audit
  }

  /** A call of the task at work was given an iterator. What consumers do is an operation, and no call of the trace. */
  began(iterator: number): void {
    const { bus, iterators } = this.audit
    if (bus.operation !== 0 || !iterators.of(iterator).isSource) return
    const call = { task: bus.task, file: -1, startBytes: 0, grownEnd: 0 }
    this.byIterator.set(iterator, call)
    const calls = this.byTask.get(bus.task)
    if (calls === undefined) this.byTask.set(bus.task, [call])
    else calls.push(call)
  }

  /** Data is copied into a file: the first place that it writes to. */
  copied(file: number, positionBytes: number): void {
    const call = this.atWork()
    if (call === undefined || call.file >= 0) return
    call.file = file
    call.startBytes = positionBytes
  }

  /** The file grew over what it copied. */
  grew(file: number, size: number): void {
    const call = this.atWork()
    if (call?.file === file) call.grownEnd = size
  }

  /** The end of a write told of the growth so far. */
  told(): void {
    const call = this.atWork()
    if (call !== undefined) call.grownEnd = 0
  }

  /** The call returns bytes: by how many more its file grew, 0 where that was taken back. */
  returned(iterator: number, bytes: number): number {
    const call = this.byIterator.get(iterator)
    if (call === undefined) return 0
    this.byIterator.delete(iterator)
    const calls = this.byTask.get(call.task)
    calls?.splice(calls.indexOf(call), 1)
    const size = this.audit.space.sizeBytes(call.file) ?? 0
    if (call.grownEnd === 0 || call.grownEnd > size) return 0
    return Math.max(call.grownEnd - (call.startBytes + bytes), 0)
  }

  private atWork(): WritingCall | undefined {
    const calls = this.byTask.get(this.audit.bus.task)
    return calls?.length === 1 ? calls[0] : undefined
  }
}
