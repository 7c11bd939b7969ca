import {
  ENOMEM,
  FOLIOQ_SLOTS,
  grown,
  ITER_DEST,
  isSince,
  type KernelVersion,
  type Operation,
  PAGE_KINDS,
  PAGE_OFFSET_MASK,
  PAGE_SHIFT,
  PAGE_SIZE,
  POINTER_BYTES,
  RowPool,
  type Scatterlists,
  SG_NONE,
} from '@pinscope/core'

/** Largest order of the folios of such a buffer. @kernel include/linux/pagemap.h: MAX_PAGECACHE_ORDER (x86-64, huge pages on) */
export const FOLIO_ORDER_MAX = 9

const KIND_ANON = PAGE_KINDS.indexOf('anon')
const ROWS_FIRST = 64

/**
 * Buffers of a consumer's own: folios in a folio queue, or (6.1) single pages in an array of pointers. One row a buffer;
 * its folios are entries of a scatterlist, each as long as its folio. What is in them is undefined at first.
 *
 * @kernel fs/netfs/misc.c: netfs_alloc_folioq_buffer, netfs_free_folioq_buffer (mainline); 6.12: fs/smb/client/smb2ops.c:
 *   cifs_alloc_folioq_buffer, cifs_clear_folioq_buffer; 6.1: kmalloc_array() and alloc_page() in smb3_init_transform_rq
 */
export class FolioBuffers {
  readonly lists: Scatterlists
  /** First entry of the buffer's list. */
  sgl = new Int32Array(ROWS_FIRST)
  /** Folios, and so entries in use. */
  folios = new Int32Array(ROWS_FIRST)

  /** Entries taken for the list: the pages that were asked for. */
  private room = new Int32Array(ROWS_FIRST)
  /** Bytes of one header (a queue segment, or the array), and headers allocated. */
  private headerBytes = new Int32Array(ROWS_FIRST)
  private headers = new Int32Array(ROWS_FIRST)
  private readonly rows = new RowPool(1)
  /** @kernel include/linux/folio_queue.h: sizeof(struct folio_queue) */
  private readonly queueBytes: number
  /** Heads of folios that were freed, by order from 1 on: stacks. */
  private readonly heads: Int32Array<ArrayBuffer>[] = []
  private readonly headCount = new Int32Array(FOLIO_ORDER_MAX + 1)

  constructor(lists: Scatterlists, kernel: KernelVersion) {
    this.lists = lists
    // 31 folios, their orders, two links, two marks a folio (up to 6.12 three), two numbers; 6.18: taken as 6.12.
    this.queueBytes = isSince(kernel, 'mainline') ? 328 : 336
    for (let order = 0; order <= FOLIO_ORDER_MAX; order++) this.heads.push(new Int32Array(16))
  }

  /**
   * Allocates `bytes` bytes, rounded up to pages: always the largest folios that fit, up to `orderMax`, and a single page
   * where a larger folio cannot be had. `isArray`: an array of pointers instead of a queue. Returns the buffer's row, or
   * -ENOMEM with everything given back.
   */
  alloc(io: Operation, bytes: number, orderMax: number, isArray: boolean): number {
    const pages = Math.ceil(bytes / PAGE_SIZE)
    const row = this.takeRow()
    this.sgl[row] = this.lists.take(pages)
    this.room[row] = pages
    this.folios[row] = 0
    this.headers[row] = 0
    this.headerBytes[row] = isArray ? POINTER_BYTES * pages : this.queueBytes
    this.lists.initTable(this.sgl[row], pages)
    if (this.fill(io, row, orderMax, isArray ? pages : FOLIOQ_SLOTS)) return row
    this.release(io, row)
    return ENOMEM
  }

  /** Frees a buffer: its folios, and what they are listed in. */
  release(io: Operation, row: number): void {
    const sgl = this.sgl[row]
    for (let i = this.folios[row] - 1; i >= 0; i--) this.freeFolio(io, this.lists.page[sgl + i])
    for (let i = 0; i < this.headers[row]; i++) io.free(this.headerBytes[row])
    this.lists.give(sgl, this.room[row])
    this.sgl[row] = SG_NONE
    this.rows.give(row)
  }

  /**
   * Copies all of the iterator into a buffer or out of it, from byte `skip` of the buffer on, page by page; false when that
   * ends early. What a read brings is not there: of one the copying only counts.
   */
  copy(io: Operation, row: number, skip = 0): boolean {
    const { lists } = this
    const isRead = io.iter.direction === ITER_DEST
    let entry = this.sgl[row]
    let offset = skip
    while (io.iter.countBytes > 0) {
      while (offset >= lists.lengthBytes[entry]) offset -= lists.lengthBytes[entry++]
      const inPage = offset & PAGE_OFFSET_MASK
      const part = Math.min(io.iter.countBytes, PAGE_SIZE - inPage)
      const page = lists.page[entry] + (offset >> PAGE_SHIFT)
      if ((isRead ? io.copy(part) : io.copyPage(page, inPage, part)) < part) return false
      offset += part
    }
    return true
  }

  /** False when something cannot be had; what was had is in the row. */
  private fill(io: Operation, row: number, orderMax: number, foliosPerHeader: number): boolean {
    let left = this.room[row]
    while (left > 0) {
      if (this.folios[row] === this.headers[row] * foliosPerHeader) {
        if (!io.allocate(this.headerBytes[row])) return false
        this.headers[row]++
      }
      const order = Math.min(31 - Math.clz32(left), orderMax)
      const head = this.allocFolio(io, order)
      if (head < 0) return false
      const pages = 1 << io.pages.orderOf(head)
      this.lists.setPage(this.sgl[row] + this.folios[row]++, head, pages * PAGE_SIZE, 0)
      left -= pages
    }
    return true
  }

  /** Head of a folio of that order, or of order 0; -1 for none. @kernel include/linux/gfp.h: folio_alloc */
  private allocFolio(io: Operation, order: number): number {
    if (order === 0 || !io.allocate(PAGE_SIZE << order)) return io.owned.alloc()
    const count = this.headCount[order]
    const isKnown = count > 0
    const head = isKnown ? this.heads[order][count - 1] : io.pages.allocateFolio(order, KIND_ANON)
    if (isKnown) this.headCount[order]--
    const { bytes } = io.memory
    if (bytes !== null) for (let i = 0; i < 1 << order; i++) bytes.keep(head + i)
    return head
  }

  private freeFolio(io: Operation, head: number): void {
    const order = io.pages.orderOf(head)
    if (order === 0) {
      io.owned.put(head)
      return
    }
    io.free(PAGE_SIZE << order)
    const { bytes } = io.memory
    if (bytes !== null) for (let i = 0; i < 1 << order; i++) bytes.drop(head + i)
    const count = this.headCount[order]++
    if (count === this.heads[order].length) this.heads[order] = grown(this.heads[order], 2 * this.heads[order].length)
    this.heads[order][count] = head
  }

  private takeRow(): number {
    const row = this.rows.take()
    if (row === this.sgl.length) this.grow()
    return row
  }

  private grow(): void {
    this.sgl = grown(this.sgl, 2 * this.sgl.length)
    this.folios = grown(this.folios, 2 * this.folios.length)
    this.room = grown(this.room, 2 * this.room.length)
    this.headerBytes = grown(this.headerBytes, 2 * this.headerBytes.length)
    this.headers = grown(this.headers, 2 * this.headers.length)
  }
}
