import { grown } from '../grown.ts'

/**
 * References that are taken and dropped one page at a time, by nobody's hold: how many each folio has more than it had, and
 * since which row. @kernel include/linux/mm.h: get_page, put_page
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

  got(head: number, row: number, line: number): void {
    while (head >= this.net.length) this.grow()
    if (head >= this.end) this.end = head + 1
    if (this.net[head]++ > 0) return
    this.row[head] = row
    this.line[head] = line
    this.drops[head] = 0
  }

  dropped(head: number): void {
    while (head >= this.net.length) this.grow()
    if (head >= this.end) this.end = head + 1
    this.net[head]--
    this.drops[head]++
  }

  /** Tells of each folio that has more than were dropped; `drops`: how many were since it had none. */
  eachOwed(tell: (head: number, owed: number, drops: number, row: number, line: number) => void): void {
    for (let head = 0; head < this.end; head++) {
      if (this.net[head] > 0) tell(head, this.net[head], this.drops[head], this.row[head], this.line[head])
    }
  }

  private grow(): void {
    const capacity = this.net.length * 2
    this.net = grown(this.net, capacity)
    this.drops = grown(this.drops, capacity)
    this.row = grown(this.row, capacity)
    this.line = grown(this.line, capacity)
  }
}
