import { grown } from '@pinscope/core'

const FIRST_CAPACITY = 64

/** Read subrequests of the operation at work, in order, as columns. @kernel include/linux/netfs.h: struct netfs_io_subrequest */
export class Subrequests {
  length = 0
  /** Bytes asked for. @kernel len */
  lengthBytes = new Int32Array(FIRST_CAPACITY)
  /** Of those, what the file has: behind it is its end. @kernel NETFS_SREQ_HIT_EOF */
  fileBytes = new Int32Array(FIRST_CAPACITY)
  /** Bytes that have come. @kernel transferred */
  transferredBytes = new Int32Array(FIRST_CAPACITY)
  /** 1: given up. @kernel NETFS_SREQ_FAILED */
  isFailed = new Uint8Array(FIRST_CAPACITY)

  clear(): void {
    this.length = 0
  }

  add(lengthBytes: number, fileBytes: number): void {
    if (this.length === this.isFailed.length) this.grow()
    const at = this.length++
    this.lengthBytes[at] = lengthBytes
    this.fileBytes[at] = fileBytes
    this.transferredBytes[at] = 0
    this.isFailed[at] = 0
  }

  /** An answer came that brings at most `bytesMax` bytes. */
  answer(at: number, bytesMax: number): void {
    const left = this.fileBytes[at] - this.transferredBytes[at]
    this.transferredBytes[at] += Math.min(left, bytesMax)
  }

  /** Its answers were short, and not because the file ends. @kernel NETFS_SREQ_NEED_RETRY */
  needsRetry(at: number): boolean {
    return this.isFailed[at] === 0 && this.transferredBytes[at] < this.fileBytes[at]
  }

  /** Everything that it asked for has come. */
  isFull(at: number): boolean {
    return this.transferredBytes[at] === this.lengthBytes[at]
  }

  /** The first one that is not complete was given up. @kernel fs/netfs/read_collect.c: netfs_rreq_assess_dio (6.12) */
  isFirstLost(): boolean {
    let at = 0
    while (at < this.length && this.isFull(at)) at++
    return at < this.length && this.isFailed[at] === 1
  }

  /** The first one at or behind `from` that needs a retry; the length when none does. */
  firstShort(from: number): number {
    let at = from
    while (at < this.length && !this.needsRetry(at)) at++
    return at
  }

  private grow(): void {
    const capacity = 2 * this.isFailed.length
    this.lengthBytes = grown(this.lengthBytes, capacity)
    this.fileBytes = grown(this.fileBytes, capacity)
    this.transferredBytes = grown(this.transferredBytes, capacity)
    this.isFailed = grown(this.isFailed, capacity)
  }
}
