import { holding } from '../grown.ts'

/**
 * A row about pages, files or leases that is no operation, as a consumer sees it that has its own idea of what happens
 * then: the event's name, the row's cells, and the pages that it names, as columns. One object for all rows.
 */
export class PageEvent {
  /** Name of the event in the trace: `writeback`, `reflink`, `lease`, … */
  name = ''
  row = 0
  mm = 0
  /** Id of the `file` cell, -1 where it is empty. Below: -1 where a cell is empty. */
  file = -1
  offsetBytes = -1
  lengthBytes = -1
  /** The row's time, ns. */
  readonly nowNs = new Float64Array(1)
  /** Bits of FLAG_NAMES. */
  flags = 0
  /** Id of the `id` cell, -1 where it is empty. */
  id = -1
  /** Of a `dma` row: the device stores; else it loads. */
  isStore = false
  /** Pages that the row names. */
  length = 0
  page = new Int32Array(256)
  /** Of each page: the bytes from `fromBytes` to `endBytes`, and its index in the file (-1 where no file names it). */
  fromBytes = new Int32Array(256)
  endBytes = new Int32Array(256)
  index = new Float64Array(256)

  /** One more page that the row names. */
  add(page: number, fromBytes: number, endBytes: number, index: number): void {
    const at = this.length++
    this.page = holding(this.page, at)
    this.fromBytes = holding(this.fromBytes, at)
    this.endBytes = holding(this.endBytes, at)
    this.index = holding(this.index, at)
    this.page[at] = page
    this.fromBytes[at] = fromBytes
    this.endBytes[at] = endBytes
    this.index[at] = index
  }
}
