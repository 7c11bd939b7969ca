import { grown, RowPool } from '@pinscope/core'
import type { ByteCrypt } from './byte-crypt.ts'
import { NO_ARRAYS } from './page-arrays.ts'

/** Where a request has no buffer. */
export const NO_BUFFER = 0

/** Requests in flight: what each has of its own until it completes. Row 0 is never used. */
export class CryptRequests {
  /** Row of its bounce buffer, or {@link NO_BUFFER}. */
  buffer = new Int32Array(64)
  /** Its page arrays, a chain. */
  arrays = new Int32Array(64)
  /** Crypto blocks to decrypt when the data is there; 0 for a write. */
  blocks = new Int32Array(64)
  /** Where pages hold bytes: what is to be decrypted in place. */
  readonly places = new Map<number, ByteCrypt>()

  private readonly rows = new RowPool(1)

  /** A row with nothing in it. */
  take(): number {
    const row = this.rows.take()
    if (row === this.buffer.length) this.grow()
    this.buffer[row] = NO_BUFFER
    this.arrays[row] = NO_ARRAYS
    this.blocks[row] = 0
    return row
  }

  /** Gives a row back. */
  give(row: number): void {
    if (this.places.size > 0) this.places.delete(row)
    this.rows.give(row)
  }

  private grow(): void {
    this.buffer = grown(this.buffer, 2 * this.buffer.length)
    this.arrays = grown(this.arrays, 2 * this.arrays.length)
    this.blocks = grown(this.blocks, 2 * this.blocks.length)
  }
}
