import { grown, type Operation } from '@pinscope/core'

/** Directories by the number of their file, a row each: what is known of their contents. */
export class Directories {
  /** 1: what is cached is what the server has. @kernel fs/afs/internal.h: AFS_VNODE_DIR_VALID */
  valid = new Uint8Array(16)
  /** Bytes that were read. */
  sizeBytes = new Int32Array(16)
  length = 0
  private readonly rowOf = new Map<number, number>()

  /** Row of a directory, made at its first use. */
  find(file: number): number {
    const known = this.rowOf.get(file)
    if (known !== undefined) return known
    const row = this.length++
    if (row === this.valid.length) {
      this.valid = grown(this.valid, 2 * row)
      this.sizeBytes = grown(this.sizeBytes, 2 * row)
    }
    this.rowOf.set(file, row)
    return row
  }

  /** What is cached is valid, and as long as `sizeBytes`. */
  isValid(row: number, sizeBytes: number): boolean {
    return this.valid[row] === 1 && this.sizeBytes[row] >= sizeBytes
  }

  /** The directory was fetched. */
  validate(row: number, sizeBytes: number): void {
    this.valid[row] = 1
    this.sizeBytes[row] = sizeBytes
  }

  /** A fetch that was recorded as failed had not validated it: whoever waited for it has fetched it since. */
  fetchFailed(io: Operation, row: number): void {
    if (!(io.recordedResult < 0)) this.invalidate(row)
  }

  invalidate(row: number): void {
    this.valid[row] = 0
  }
}
