import { grown, type Operation, RowPool } from '@pinscope/core'

const FIRST_CAPACITY = 64
/** `page` of an entry that is memory, not a page. */
const MEMORY = -1

/**
 * What operations keep of their own until they are over, as columns: pages, and memory that TCP copied into or refers to.
 * An operation is a row; row 0 is never used, nor is entry 0.
 * @kernel include/linux/sunrpc/svc.h: struct svc_rqst (rq_pages); include/linux/sunrpc/xprt.h: struct rpc_rqst (rq_buffer)
 */
export class RequestTable {
  private firstEntry = new Int32Array(FIRST_CAPACITY)
  private readonly rows = new RowPool(1)

  /** By entry: row of the page, or {@link MEMORY}; its references, or the bytes; the next entry of the operation. */
  private page = new Int32Array(FIRST_CAPACITY)
  private amount = new Int32Array(FIRST_CAPACITY)
  private next = new Int32Array(FIRST_CAPACITY)
  private readonly entries = new RowPool(1)

  /** A row with nothing in it. */
  take(): number {
    const row = this.rows.take()
    if (row === this.firstEntry.length) this.firstEntry = grown(this.firstEntry, 2 * row)
    this.firstEntry[row] = 0
    return row
  }

  /** A page of its own, with `references` references that are dropped at the end. */
  addPage(row: number, page: number, references: number): void {
    this.add(row, page, references)
  }

  /** Memory that was allocated, in one piece. */
  addMemory(row: number, bytes: number): void {
    this.add(row, MEMORY, bytes)
  }

  /** The operation is over: drops and frees everything, and gives the row back. */
  release(io: Operation, row: number): void {
    const { page, amount, next } = this
    for (let entry = this.firstEntry[row]; entry !== 0; entry = next[entry]) {
      if (page[entry] === MEMORY) io.free(amount[entry])
      else for (let i = 0; i < amount[entry]; i++) io.owned.put(page[entry])
      this.entries.give(entry)
    }
    this.rows.give(row)
  }

  private add(row: number, page: number, amount: number): void {
    const entry = this.entries.take()
    if (entry === this.page.length) this.grow()
    this.page[entry] = page
    this.amount[entry] = amount
    this.next[entry] = this.firstEntry[row]
    this.firstEntry[row] = entry
  }

  private grow(): void {
    const capacity = 2 * this.page.length
    this.page = grown(this.page, capacity)
    this.amount = grown(this.amount, capacity)
    this.next = grown(this.next, capacity)
  }
}
