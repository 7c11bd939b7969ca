import { grown } from '@pinscope/core'

/** The hash sockets of a lane, one for each file of the trace. @kernel crypto/algif_hash.c: struct hash_ctx */
export class HashSockets {
  /** More data of the message is to come. @kernel hash_ctx.more */
  more = new Uint8Array(16)
  /** A buffer for the digest is allocated. @kernel hash_ctx.result */
  hasResult = new Uint8Array(16)
  /** Rows in use: every one below this. */
  length = 0

  /** Row of the socket with that file id, -1 included. */
  rowOf(file: number): number {
    const row = file + 1
    while (row >= this.more.length) {
      const capacity = this.more.length * 2
      this.more = grown(this.more, capacity)
      this.hasResult = grown(this.hasResult, capacity)
    }
    if (row >= this.length) this.length = row + 1
    return row
  }
}
