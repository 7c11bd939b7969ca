import { grown } from '../grown.ts'

/**
 * Generations of what folios hold: in memory, in the writeback that is under way or was the last, on disk. By head page.
 * A store makes a new generation in memory; a folio of which nothing was told has generation 0 everywhere.
 */
export class FolioContents {
  private inMemory = new Int32Array(1024)
  private inWriteback = new Int32Array(1024)
  private onDisk = new Int32Array(1024)

  /** The folio was written to. */
  store(head: number): void {
    while (head >= this.inMemory.length) this.grow()
    this.inMemory[head]++
  }

  /** What is in memory now goes out with the writeback that follows. */
  capture(head: number): void {
    if (head < this.inMemory.length) this.inWriteback[head] = this.inMemory[head]
  }

  /** What was captured has arrived. */
  save(head: number): void {
    if (head < this.inMemory.length) this.onDisk[head] = Math.max(this.onDisk[head], this.inWriteback[head])
  }

  /** What was captured has not arrived, and is in no writeback any more. */
  fail(head: number): void {
    if (head < this.inMemory.length) this.inWriteback[head] = this.onDisk[head]
  }

  /** The folio is freed: what it held is read from disk the next time. */
  lose(head: number): void {
    if (head >= this.inMemory.length) return
    this.inMemory[head] = this.onDisk[head]
    this.inWriteback[head] = this.onDisk[head]
  }

  /** What is in memory is not on disk. */
  isUnsaved(head: number): boolean {
    return head < this.inMemory.length && this.inMemory[head] > this.onDisk[head]
  }

  /** What is in memory is in no writeback either. */
  isAheadOfWriteback(head: number): boolean {
    return head < this.inMemory.length && this.inMemory[head] > this.inWriteback[head]
  }

  private grow(): void {
    const capacity = this.inMemory.length * 2
    this.inMemory = grown(this.inMemory, capacity)
    this.inWriteback = grown(this.inWriteback, capacity)
    this.onDisk = grown(this.onDisk, capacity)
  }
}
