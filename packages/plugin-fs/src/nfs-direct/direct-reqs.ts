import { grown, type Operation, RowPool } from '@pinscope/core'
import { NFS_PAGE_BYTES } from './sizes.ts'

const FIRST_CAPACITY = 64

/**
 * Direct requests that are under way, and the headers of their READs and WRITEs, as columns. Row 0 of both is never used.
 * @kernel fs/nfs/internal.h: struct nfs_direct_req; include/linux/nfs_xdr.h: struct nfs_pgio_header
 */
export class DirectReqs {
  /** nfs_page that are allocated. */
  nfsPages = new Int32Array(FIRST_CAPACITY)
  /** Of a read of user memory: those that are marked dirty when it goes well, and those that are filled and are not. */
  dirty = new Int32Array(FIRST_CAPACITY)
  clean = new Int32Array(FIRST_CAPACITY)
  /** 1: what was written waits for a COMMIT. */
  isUnstable = new Uint8Array(FIRST_CAPACITY)
  /** READs and WRITEs that were sent. */
  rpcs = new Int32Array(FIRST_CAPACITY)
  /** Headers: bytes of the page array, 0 for none, and the next header of the request. */
  private firstHeader = new Int32Array(FIRST_CAPACITY)
  private arrayBytes = new Int32Array(FIRST_CAPACITY)
  private nextHeader = new Int32Array(FIRST_CAPACITY)
  private readonly rows = new RowPool(1)
  private readonly headers = new RowPool(1)

  /** A request with nothing in it. */
  take(): number {
    const row = this.rows.take()
    if (row === this.nfsPages.length) this.growRows()
    this.nfsPages[row] = 0
    this.dirty[row] = 0
    this.clean[row] = 0
    this.isUnstable[row] = 0
    this.rpcs[row] = 0
    this.firstHeader[row] = 0
    return row
  }

  /** A header is sent. */
  addHeader(row: number, arrayBytes: number): void {
    const header = this.headers.take()
    if (header === this.arrayBytes.length) this.growHeaders()
    this.arrayBytes[header] = arrayBytes
    this.nextHeader[header] = this.firstHeader[row]
    this.firstHeader[row] = header
    this.rpcs[row]++
  }

  /** Frees headers and nfs_page of a request, and gives up its row. */
  give(io: Operation, row: number, headerBytes: number): void {
    for (let header = this.firstHeader[row]; header !== 0; header = this.nextHeader[header]) {
      if (this.arrayBytes[header] > 0) io.free(this.arrayBytes[header])
      io.free(headerBytes)
      this.headers.give(header)
    }
    this.freePages(io, row, this.nfsPages[row])
    this.rows.give(row)
  }

  /** Frees `count` of a request's nfs_page. */
  freePages(io: Operation, row: number, count: number): void {
    for (let n = count; n > 0; n--) io.free(NFS_PAGE_BYTES)
    this.nfsPages[row] -= count
  }

  private growRows(): void {
    const capacity = 2 * this.nfsPages.length
    this.nfsPages = grown(this.nfsPages, capacity)
    this.dirty = grown(this.dirty, capacity)
    this.clean = grown(this.clean, capacity)
    this.isUnstable = grown(this.isUnstable, capacity)
    this.rpcs = grown(this.rpcs, capacity)
    this.firstHeader = grown(this.firstHeader, capacity)
  }

  private growHeaders(): void {
    const capacity = 2 * this.arrayBytes.length
    this.arrayBytes = grown(this.arrayBytes, capacity)
    this.nextHeader = grown(this.nextHeader, capacity)
  }
}
