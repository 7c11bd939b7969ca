import { grown } from './grown.ts'

/** Numbers of rows in columns, from `first` on; one given back is used again, last given first. Who has the columns grows them. */
export class RowPool {
  private free = new Int32Array(16)
  private freeCount = 0
  private next: number

  constructor(first = 0) {
    this.next = first
  }

  /** A row that is not in use. */
  take(): number {
    return this.freeCount > 0 ? this.free[--this.freeCount] : this.next++
  }

  /** A row is not used any more. */
  give(row: number): void {
    if (this.freeCount === this.free.length) this.free = grown(this.free, 2 * this.freeCount)
    this.free[this.freeCount++] = row
  }
}
