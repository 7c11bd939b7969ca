import type { Consumer } from '../consumer/consumer.ts'
import type { Operation } from '../consumer/operation.ts'
import { PageEvent } from '../consumer/page-event.ts'
import { EVENT_NAMES, type OpBatch } from '../trace/op-batch.ts'
import type { RowPages } from './row-pages.ts'

/** Hands rows about pages to a consumer that has its own idea of what happens then. */
export class PageEvents {
  private readonly event = new PageEvent()
  private readonly io: Operation
  private readonly pages: RowPages

  constructor(io: Operation, pages: RowPages) {
    this.io = io
    this.pages = pages
  }

  /** True where the consumer has done what the row says, or what it does instead. */
  isTaken(consumer: Consumer, batch: OpBatch, row: number): boolean {
    if (consumer.event === undefined) return false
    const { event } = this
    event.name = EVENT_NAMES[batch.event[row]]
    event.row = batch.firstRow + row
    event.mm = batch.mm[row]
    event.file = batch.file[row]
    event.offsetBytes = batch.offsetBytes[row]
    event.lengthBytes = batch.lengthBytes[row]
    event.nowNs[0] = batch.tsNs[row]
    event.flags = batch.flags[row]
    event.id = batch.id[row]
    event.isStore = batch.direction[row] === 0
    event.length = 0
    // Memory that is allocated is there, whether anything has listed it or not.
    if (event.name === 'alloc') this.pages.makeFrames(batch, row)
    if (batch.segmentCount[row] > 0 || batch.file[row] >= 0) {
      this.pages.visit(batch, row, (page, from, end, _file, index) => event.add(page, from, end, index))
    }
    return consumer.event(this.io, event)
  }
}
