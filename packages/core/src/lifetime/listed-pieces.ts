import type { PageList } from '../extract/page-list.ts'
import { RETAIN_NONE } from '../extract/retention.ts'
import { holding } from '../grown.ts'

/** What extractions of the operation at work have listed, in the order of its bytes: pieces of pages, taken or bare. */
export class ListedPieces {
  length = 0
  page = new Int32Array(64)
  offsetBytes = new Int32Array(64)
  /** May reach into the pages behind. */
  lengthBytes = new Int32Array(64)
  /** 1: a reference or a pin was taken. */
  isHeld = new Uint8Array(64)
  /** Bytes of all pieces. */
  totalBytes = 0

  clear(): void {
    this.length = 0
    this.totalBytes = 0
  }

  /** Adds what an extraction listed, from byte `positionBytes` of the iterator on (-1: behind the last). What stood there is extracted again. */
  add(list: PageList, positionBytes: number): void {
    if (positionBytes >= 0) this.cut(positionBytes)
    const isHeld = list.retention === RETAIN_NONE ? 0 : 1
    for (let i = 0; i < list.length; i++) {
      this.addPiece(list.pageAt(i), list.offsetBytes[i], list.lengthBytes[i], isHeld)
    }
  }

  /** Adds a piece behind the last. */
  addPiece(page: number, offsetBytes: number, lengthBytes: number, isHeld: 0 | 1): void {
    const at = this.length++
    this.page = holding(this.page, at)
    this.offsetBytes = holding(this.offsetBytes, at)
    this.lengthBytes = holding(this.lengthBytes, at)
    this.isHeld = holding(this.isHeld, at)
    this.page[at] = page
    this.offsetBytes[at] = offsetBytes
    this.lengthBytes[at] = lengthBytes
    this.isHeld[at] = isHeld
    this.totalBytes += lengthBytes
  }

  /** Keeps the first `bytes` bytes: an operation that was cut short. */
  cut(bytes: number): void {
    while (this.totalBytes > bytes) {
      const last = this.length - 1
      const over = this.totalBytes - bytes
      const part = Math.min(over, this.lengthBytes[last])
      this.lengthBytes[last] -= part
      this.totalBytes -= part
      if (this.lengthBytes[last] === 0) this.length--
    }
  }
}
