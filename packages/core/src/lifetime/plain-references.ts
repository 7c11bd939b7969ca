import { grown } from '../grown.ts'

/**
 * References that are taken and dropped one page at a time, by nobody's hold: how many each folio has more than it had, and
 * since which row; and apart from them what the counter of a tail page itself was raised by, which its folio does not know.
 * @kernel include/linux/mm.h: get_page, put_page (page_folio); include/linux/page_ref.h: page_ref_inc, page_ref_dec
 */
export class PlainReferences {
  /** By head page. */
  private net = new Int32Array(1024)
  private drops = new Int32Array(1024)
  /** Row and line of the first reference since the balance was zero. */
  private row = new Float64Array(1024)
  private line = new Float64Array(1024)
  /** No folio behind it ever had one. */
  private end = 0
  /** By tail page; and the row and line that moved it last. */
  private own = new Int32Array(0)
  private ownRow = new Float64Array(0)
  private ownLine = new Float64Array(0)

  got(head: number, row: number, line: number): void {
    while (head >= this.net.length) this.grow()
    if (head >= this.end) this.end = head + 1
    if (this.net[head]++ > 0) return
    this.row[head] = row
    this.line[head] = line
    this.drops[head] = 0
  }

  /** One that nobody took leaves the balance at zero. */
  dropped(head: number): void {
    while (head >= this.net.length) this.grow()
    if (head >= this.end) this.end = head + 1
    if (this.net[head] > 0) this.net[head]--
    this.drops[head]++
  }

  /** The counter of a tail page itself moves by `by`. */
  movedOwn(page: number, by: number, row: number, line: number): void {
    if (page >= this.own.length) this.growOwn(Math.max(page + 1, this.own.length * 2))
    this.own[page] += by
    this.ownRow[page] = row
    this.ownLine[page] = line
  }

  /** References that a folio has of those taken so. */
  owed(head: number): number {
    return head < this.end ? this.net[head] : 0
  }

  /** What the counter of a tail page itself was raised by. */
  ownOf(page: number): number {
    return page < this.own.length ? this.own[page] : 0
  }

  /** Tells of each folio that has more than were dropped; `drops`: how many were since it had none. */
  eachOwed(tell: (head: number, owed: number, drops: number, row: number, line: number) => void): void {
    for (let head = 0; head < this.end; head++) {
      if (this.net[head] > 0) tell(head, this.net[head], this.drops[head], this.row[head], this.line[head])
    }
  }

  /** Tells of each tail page whose own counter is not where it was. */
  eachOwn(tell: (page: number, by: number, row: number, line: number) => void): void {
    for (let page = 0; page < this.own.length; page++) {
      if (this.own[page] !== 0) tell(page, this.own[page], this.ownRow[page], this.ownLine[page])
    }
  }

  private growOwn(capacity: number): void {
    this.own = grown(this.own, capacity)
    this.ownRow = grown(this.ownRow, capacity)
    this.ownLine = grown(this.ownLine, capacity)
  }

  private grow(): void {
    const capacity = this.net.length * 2
    this.net = grown(this.net, capacity)
    this.drops = grown(this.drops, capacity)
    this.row = grown(this.row, capacity)
    this.line = grown(this.line, capacity)
  }
}
