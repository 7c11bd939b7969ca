import { FOLL_NOFAULT, FOLL_WRITE } from '../memory/foll.ts'
import type { PageBytes } from '../memory/page-bytes.ts'
import type { InternetChecksum } from './checksum.ts'
import type { IterStep } from './iterate.ts'

/** What the copy functions do to each piece of an iterator's memory. */

/** Out of a buffer into the iterator; summed on the way where a checksum is given, and then user memory counts whole or not at all. */
export class CopyIn implements IterStep {
  readonly foll = FOLL_WRITE
  readonly allOrNothing: boolean
  private readonly bytes: PageBytes
  private readonly from: Uint8Array
  private readonly sum: InternetChecksum | null

  constructor(bytes: PageBytes, from: Uint8Array, sum: InternetChecksum | null = null) {
    this.bytes = bytes
    this.from = from
    this.sum = sum
    this.allOrNothing = sum !== null
  }

  piece(page: number, offset: number, length: number, progress: number): number {
    const piece = this.from.subarray(progress, progress + length)
    this.bytes.bytesOf(page).set(piece, offset)
    if (this.sum !== null) this.sum.add(piece)
    return 0
  }
}

/** Out of the iterator into a buffer; see {@link CopyIn} for the checksum. */
export class CopyOut implements IterStep {
  readonly foll = 0
  readonly allOrNothing: boolean
  private readonly bytes: PageBytes
  private readonly to: Uint8Array
  private readonly sum: InternetChecksum | null

  constructor(bytes: PageBytes, to: Uint8Array, sum: InternetChecksum | null = null) {
    this.bytes = bytes
    this.to = to
    this.sum = sum
    this.allOrNothing = sum !== null
  }

  piece(page: number, offset: number, length: number, progress: number): number {
    const piece = this.bytes.bytesOf(page).subarray(offset, offset + length)
    this.to.set(piece, progress)
    if (this.sum !== null) this.sum.add(piece)
    return 0
  }
}

/** Into a folio, whose pages follow each other, from `start` bytes after a page of it on; without faults. */
export class CopyOutToFolio implements IterStep {
  readonly foll = FOLL_NOFAULT
  readonly allOrNothing = false
  private readonly bytes: PageBytes
  private readonly page: number
  private readonly start: number

  constructor(bytes: PageBytes, page: number, start: number) {
    this.bytes = bytes
    this.page = page
    this.start = start
  }

  piece(page: number, offset: number, length: number, progress: number): number {
    const from = this.bytes.bytesOf(page)
    for (let done = 0; done < length; ) {
      const to = this.bytes.piece(this.page, this.start + progress + done, length - done)
      to.set(from.subarray(offset + done, offset + done + to.length))
      done += to.length
    }
    return 0
  }
}

export class Zero implements IterStep {
  readonly foll = FOLL_WRITE
  readonly allOrNothing = false
  private readonly bytes: PageBytes

  constructor(bytes: PageBytes) {
    this.bytes = bytes
  }

  piece(page: number, offset: number, length: number): number {
    this.bytes.bytesOf(page).fill(0, offset, offset + length)
    return 0
  }
}
