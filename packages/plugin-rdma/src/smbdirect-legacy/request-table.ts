import { grown, type Operation, POINTER_BYTES, RowPool } from '@pinscope/core'
import { NO_PAGE, PageChains } from './page-chains.ts'
import type { RegisterMr } from './register-mr.ts'

/** No request: the end of a chain. */
export const NO_REQUEST = 0

const ROWS_FIRST = 64

/**
 * Requests that are not answered yet: what is freed with each. Those of one operation are a chain, in the order of the data.
 * @kernel fs/smb/client/cifsglob.h: struct cifs_writedata, struct cifs_readdata (6.1)
 */
export class RequestTable {
  /** Payload. @kernel bytes */
  bytes = new Int32Array(ROWS_FIRST)
  /** Pointers in the page array: those that room was allocated for. @kernel pages */
  pointers = new Int32Array(ROWS_FIRST)
  /** 1: its pages are registered. @kernel mr */
  hasMr = new Uint8Array(ROWS_FIRST)
  /** Pages of cifs itself, a chain; NO_PAGE where the pages are others'. */
  ownPages = new Int32Array(ROWS_FIRST)
  /** On the first request of an operation: bvecs of its context. @kernel struct cifs_aio_ctx: bv */
  bvecs = new Int32Array(ROWS_FIRST)
  /** On the first request of an operation: pages of user memory that get dirty by a read. @kernel struct cifs_aio_ctx: should_dirty */
  dirtyPages = new Int32Array(ROWS_FIRST)
  /** The next request of the operation. */
  next = new Int32Array(ROWS_FIRST)

  readonly chains = new PageChains()
  private readonly registrations: RegisterMr
  private readonly rows = new RowPool(1)
  /** The request appended last. */
  private last = NO_REQUEST

  constructor(registrations: RegisterMr) {
    this.registrations = registrations
  }

  /** A request of `bytes` bytes whose page array has room for `pointers` pages. */
  take(pointers: number, bytes: number): number {
    const row = this.rows.take()
    if (row === this.bytes.length) this.grow()
    this.bytes[row] = bytes
    this.pointers[row] = pointers
    this.hasMr[row] = 0
    this.ownPages[row] = NO_PAGE
    this.bvecs[row] = 0
    this.dirtyPages[row] = 0
    this.next[row] = NO_REQUEST
    return row
  }

  /** Makes it the last request of the operation. */
  append(io: Operation, row: number): void {
    if (io.scratch === NO_REQUEST) io.scratch = row
    else this.next[this.last] = row
    this.last = row
  }

  /**
   * Nobody needs the request any more: its memory registration, its own pages and its page array go.
   * @kernel fs/smb/client/file.c: cifs_uncached_writedata_release, cifs_writedata_release, cifs_uncached_readdata_release (6.1)
   */
  release(io: Operation, row: number): void {
    if (this.hasMr[row] === 1) this.registrations.deregister(io, row)
    this.chains.freeAll(io, this.ownPages[row])
    if (this.pointers[row] > 0) io.free(POINTER_BYTES * this.pointers[row])
    this.rows.give(row)
  }

  private grow(): void {
    const capacity = 2 * this.bytes.length
    this.bytes = grown(this.bytes, capacity)
    this.pointers = grown(this.pointers, capacity)
    this.hasMr = grown(this.hasMr, capacity)
    this.ownPages = grown(this.ownPages, capacity)
    this.bvecs = grown(this.bvecs, capacity)
    this.dirtyPages = grown(this.dirtyPages, capacity)
    this.next = grown(this.next, capacity)
  }
}
