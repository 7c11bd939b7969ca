import { grown, type Operation, RowPool, SCATTERLIST_BYTES } from '@pinscope/core'

const FIRST_CAPACITY = 64
/** No entry. */
const ENTRY_NONE = -1

/**
 * Messages that are not acknowledged yet, as columns, and the pages of those that were copied, chained. Row 0 is never
 * used.
 * @kernel net/rds/rds.h: struct rds_message
 */
export class RdsMessages {
  /** Row of its socket. @kernel m_rs */
  socket = new Int32Array(FIRST_CAPACITY)
  /** Payload. @kernel m_inc.i_hdr.h_len */
  lengthBytes = new Int32Array(FIRST_CAPACITY)
  /** Entries of its scatterlist that are filled. @kernel data.op_nents */
  nents = new Int32Array(FIRST_CAPACITY)
  /** 1: it has a notifier, and its pages are the caller's. @kernel data.op_mmp_znotifier */
  isZcopy = new Uint8Array(FIRST_CAPACITY)
  /** Pages charged for it. @kernel znotif.z_mmp.num_pg */
  accountedPages = new Int32Array(FIRST_CAPACITY)
  /** Entries mapped for the device. @kernel data.op_count */
  mappedEntries = new Int32Array(FIRST_CAPACITY)
  private bytes = new Int32Array(FIRST_CAPACITY)
  private firstEntry = new Int32Array(FIRST_CAPACITY)
  private readonly rows = new RowPool(1)

  /** By entry: the page, and the entry before it in the message. */
  private page = new Int32Array(FIRST_CAPACITY)
  private previous = new Int32Array(FIRST_CAPACITY)
  private readonly entries = new RowPool()

  private readonly messageBytes: number

  constructor(messageBytes: number) {
    this.messageBytes = messageBytes
  }

  /** A message with room for `sgs` entries, none filled; 0 when there is no memory. @kernel net/rds/message.c: rds_message_alloc */
  alloc(io: Operation, sgs: number): number {
    const bytes = this.messageBytes + sgs * SCATTERLIST_BYTES
    if (!io.allocate(bytes)) return 0
    const row = this.rows.take()
    if (row === this.socket.length) this.grow()
    this.bytes[row] = bytes
    this.nents[row] = 0
    this.lengthBytes[row] = 0
    this.isZcopy[row] = 0
    this.accountedPages[row] = 0
    this.mappedEntries[row] = 0
    this.firstEntry[row] = ENTRY_NONE
    return row
  }

  /** The next entry is on a page that the message has a reference on. */
  addPage(row: number, page: number): void {
    const entry = this.entries.take()
    if (entry === this.page.length) {
      this.page = grown(this.page, 2 * entry)
      this.previous = grown(this.previous, 2 * entry)
    }
    this.page[entry] = page
    this.previous[entry] = this.firstEntry[row]
    this.firstEntry[row] = entry
    this.nents[row]++
  }

  /** Drops the references of its entries. @kernel net/rds/message.c: rds_message_purge (__free_page) */
  freePages(io: Operation, row: number): void {
    for (let entry = this.firstEntry[row]; entry !== ENTRY_NONE; entry = this.previous[entry]) {
      io.owned.put(this.page[entry])
      this.entries.give(entry)
    }
    this.firstEntry[row] = ENTRY_NONE
  }

  /** @kernel net/rds/message.c: rds_message_put (kfree) */
  free(io: Operation, row: number): void {
    io.free(this.bytes[row])
    this.rows.give(row)
  }

  private grow(): void {
    const capacity = 2 * this.socket.length
    this.socket = grown(this.socket, capacity)
    this.lengthBytes = grown(this.lengthBytes, capacity)
    this.nents = grown(this.nents, capacity)
    this.isZcopy = grown(this.isZcopy, capacity)
    this.accountedPages = grown(this.accountedPages, capacity)
    this.mappedEntries = grown(this.mappedEntries, capacity)
    this.bytes = grown(this.bytes, capacity)
    this.firstEntry = grown(this.firstEntry, capacity)
  }
}
