import { EFAULT, HOLD_NONE, type Hold, holding, type Operation } from '@pinscope/core'
import { writePages } from './msg-bytes.ts'

/**
 * The pages of the reader's memory that records are opened into, and what was taken on them. Those of the record at work
 * begin at {@link first}; before them are those of records that an asynchronous cipher still works on.
 * @kernel net/tls/tls_sw.c: sgout of tls_decrypt_sg
 */
export class DecryptLists {
  /** Entries of the record at work. */
  entries = 0
  private page = new Int32Array(64)
  private offsetBytes = new Int32Array(64)
  private lengthBytes = new Int32Array(64)
  /** Holds, one for each extraction. */
  private hold = new Int32Array(64)
  private holds = 0
  private first = 0

  /** Another record begins: what the ones before took stays. */
  begin(): void {
    this.entries = 0
    this.first = this.holds
  }

  /**
   * Lists the pages of the iterator's next `bytes`, a segment a call, within a budget of `pagesMax` entries: 0, or
   * -EFAULT with the iterator where it was. What was taken before a failure is for the caller to put.
   * @kernel net/tls/tls_sw.c: tls_setup_from_iter
   */
  setupFromIter(io: Operation, bytes: number, pagesMax: number): number {
    let left = bytes
    while (left > 0) {
      const room = pagesMax - this.entries
      const got = io.fits(this.entries + 1, pagesMax) ? io.extract(room, left) : EFAULT
      if (got <= 0) {
        io.iter.revert(bytes - left)
        return EFAULT
      }
      this.add(io)
      left -= got
    }
    return 0
  }

  private add({ list, hold }: Operation): void {
    for (let i = 0; i < list.length; i++) {
      const entry = this.entries++
      this.page = holding(this.page, entry)
      this.offsetBytes = holding(this.offsetBytes, entry)
      this.lengthBytes = holding(this.lengthBytes, entry)
      this.page[entry] = list.page[i]
      this.offsetBytes[entry] = list.offsetBytes[i]
      this.lengthBytes[entry] = list.lengthBytes[i]
    }
    if (hold === HOLD_NONE) return
    this.hold = holding(this.hold, this.holds)
    this.hold[this.holds++] = hold
  }

  /** Puts the pages of the record at work, the last ones first. @kernel net/tls/tls_sw.c: exit_free_pages of tls_decrypt_sg */
  putLast(io: Operation): void {
    while (this.holds > this.first) io.ledger.letGo(this.hold[--this.holds] as Hold)
  }

  /** Puts the pages of every record, the first ones first. @kernel net/tls/tls_sw.c: tls_decrypt_done */
  putAll(io: Operation): void {
    for (let i = 0; i < this.holds; i++) io.ledger.letGo(this.hold[i] as Hold)
    this.holds = 0
    this.first = 0
  }

  /** Writes into the pages of the record at work, where pages hold bytes. */
  write(io: Operation, bytes: Uint8Array): void {
    let done = 0
    for (let i = 0; i < this.entries; i++) {
      writePages(io, this.page[i], this.offsetBytes[i], bytes.subarray(done, done + this.lengthBytes[i]))
      done += this.lengthBytes[i]
    }
  }

  /** Tells whoever watches the operation which pages the record at work was opened into. */
  tell(io: Operation, bytes: number): void {
    const { observer } = io
    if (observer === null) return
    const { page, offsetBytes, lengthBytes, entries } = this
    observer.listBuilt('sgout', bytes, entries, page, offsetBytes, lengthBytes, 'between the AAD and, in 1.3, the tail')
  }
}
