import { PAGE_OFFSET_MASK, PAGE_SIZE, type Scatterlists, SG_NONE } from '@pinscope/core'

/**
 * A place in a scatterlist, and how far one step may go from there. A step ends with its entry, and up to 6.12 with the
 * page; since 6.15 it may go over a page end, but is no longer than a page (without highmem, as on every 64-bit machine).
 * @kernel include/crypto/scatterwalk.h: struct scatter_walk, scatterwalk_start, scatterwalk_clamp, scatterwalk_advance.
 *   6.18: taken as 7.3, because the change was in the crypto pull of 6.15.
 */
export class ScatterWalk {
  sg = SG_NONE
  /** From the start of the entry's page. */
  offsetBytes = 0

  private readonly lists: Scatterlists
  private readonly endsAtPages: boolean

  constructor(lists: Scatterlists, endsAtPages: boolean) {
    this.lists = lists
    this.endsAtPages = endsAtPages
  }

  /** To the first byte of a list. */
  start(sgl: number): void {
    this.sg = sgl
    this.offsetBytes = this.lists.offsetBytes[sgl]
  }

  /** Bytes of the next step, at most `bytes`; the list has as many left. */
  clamp(bytes: number): number {
    const rest = this.restOfEntry()
    const limit = this.endsAtPages ? PAGE_SIZE - (this.offsetBytes & PAGE_OFFSET_MASK) : PAGE_SIZE
    return Math.min(bytes, rest, limit)
  }

  /** Moves on by `bytes`, over any number of entries. Rests behind an entry until {@link clamp} is called. */
  advance(bytes: number): void {
    let left = bytes
    while (left > 0) {
      const rest = this.restOfEntry()
      const part = left < rest ? left : rest
      this.offsetBytes += part
      left -= part
    }
  }

  /** Bytes to the end of the current entry, or of the next one that has any. */
  private restOfEntry(): number {
    const { lists } = this
    let end = lists.offsetBytes[this.sg] + lists.lengthBytes[this.sg]
    while (this.offsetBytes >= end) {
      this.start(lists.next(this.sg))
      end = this.offsetBytes + lists.lengthBytes[this.sg]
    }
    return end - this.offsetBytes
  }
}
