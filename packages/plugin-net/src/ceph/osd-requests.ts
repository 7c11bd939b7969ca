import { grown, RowPool } from '@pinscope/core'

const FIRST_CAPACITY = 64

/**
 * Requests to object servers that have no answer yet, as columns, chained by operation. Row 0 is none.
 * @kernel include/linux/ceph/osd_client.h: struct ceph_osd_request
 */
export class OsdRequests {
  /** Bytes of its bvec or page array; 0: none. */
  arrayBytes = new Int32Array(FIRST_CAPACITY)
  /** Pieces in it, and bytes. */
  pieces = new Int32Array(FIRST_CAPACITY)
  bytes = new Int32Array(FIRST_CAPACITY)
  /** Bytes that the reply to a read brings. */
  replyBytes = new Int32Array(FIRST_CAPACITY)
  /** 1: its pages are made dirty when it is over. */
  dirties = new Uint8Array(FIRST_CAPACITY)
  /** Bytes of what an asynchronous operation is remembered in, with one of its requests. */
  aioBytes = new Int32Array(FIRST_CAPACITY)
  /** The pages of its ciphertext. */
  vector = new Int32Array(FIRST_CAPACITY)
  /** rbd: pages that a whole object is copied up through, and bytes of the extents of the parent. @kernel drivers/block/rbd.c: struct rbd_obj_request.copyup_bvecs, img_extents */
  copyup = new Int32Array(FIRST_CAPACITY)
  extentBytes = new Int32Array(FIRST_CAPACITY)
  /** The request before it of the same operation. */
  next = new Int32Array(FIRST_CAPACITY)
  private readonly rows = new RowPool(1)

  take(next: number): number {
    const row = this.rows.take()
    if (row === this.next.length) this.grow()
    this.arrayBytes[row] = 0
    this.pieces[row] = 0
    this.bytes[row] = 0
    this.replyBytes[row] = 0
    this.dirties[row] = 0
    this.aioBytes[row] = 0
    this.vector[row] = 0
    this.copyup[row] = 0
    this.extentBytes[row] = 0
    this.next[row] = next
    return row
  }

  give(row: number): void {
    this.rows.give(row)
  }

  private grow(): void {
    const capacity = 2 * this.next.length
    this.arrayBytes = grown(this.arrayBytes, capacity)
    this.pieces = grown(this.pieces, capacity)
    this.bytes = grown(this.bytes, capacity)
    this.replyBytes = grown(this.replyBytes, capacity)
    this.dirties = grown(this.dirties, capacity)
    this.aioBytes = grown(this.aioBytes, capacity)
    this.vector = grown(this.vector, capacity)
    this.copyup = grown(this.copyup, capacity)
    this.extentBytes = grown(this.extentBytes, capacity)
    this.next = grown(this.next, capacity)
  }
}
