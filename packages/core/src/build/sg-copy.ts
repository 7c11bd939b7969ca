import type { PageBytes } from '../memory/page-bytes.ts'
import type { PageStore } from '../memory/page-store.ts'
import type { Scatterlists } from './scatterlist.ts'
import { SgMiter } from './sg-miter.ts'

/**
 * Copies between lists and buffers. One object serves any number of lists, one after the other.
 * @kernel lib/scatterlist.c: the sg_copy_* functions; the same in all four versions
 */
export class SgCopy {
  private readonly contents: PageBytes
  private readonly miter: SgMiter

  constructor(lists: Scatterlists, pages: PageStore, contents: PageBytes) {
    this.contents = contents
    this.miter = new SgMiter(lists, pages)
  }

  /**
   * Copies between the first `nents` entries, from byte `skipBytes` of them on, and a buffer, as far as both go. Returns
   * the bytes copied; 0 when the list ends before `skipBytes`.
   * @kernel lib/scatterlist.c: sg_copy_buffer
   */
  copyBuffer(sgl: number, nents: number, buffer: Uint8Array, skipBytes: number, toBuffer: boolean): number {
    const { miter } = this
    miter.start(sgl, nents)
    if (!miter.skip(skipBytes)) return 0
    let done = 0
    while (done < buffer.length && miter.next()) {
      const left = buffer.length - done
      const length = miter.lengthBytes < left ? miter.lengthBytes : left
      const bytes = this.contents.bytesOf(miter.page)
      const from = miter.offsetBytes
      if (toBuffer) buffer.set(bytes.subarray(from, from + length), done)
      else bytes.set(buffer.subarray(done, done + length), from)
      done += length
    }
    miter.stop()
    return done
  }

  /** Fills the list from a buffer; returns the bytes copied. @kernel lib/scatterlist.c: sg_copy_from_buffer */
  copyFromBuffer(sgl: number, nents: number, buffer: Uint8Array): number {
    return this.copyBuffer(sgl, nents, buffer, 0, false)
  }

  /** Fills a buffer from the list; returns the bytes copied. @kernel lib/scatterlist.c: sg_copy_to_buffer */
  copyToBuffer(sgl: number, nents: number, buffer: Uint8Array): number {
    return this.copyBuffer(sgl, nents, buffer, 0, true)
  }

  /** {@link copyFromBuffer} behind `skipBytes` of the list. @kernel lib/scatterlist.c: sg_pcopy_from_buffer */
  pcopyFromBuffer(sgl: number, nents: number, buffer: Uint8Array, skipBytes: number): number {
    return this.copyBuffer(sgl, nents, buffer, skipBytes, false)
  }

  /** {@link copyToBuffer} from behind `skipBytes` of the list. @kernel lib/scatterlist.c: sg_pcopy_to_buffer */
  pcopyToBuffer(sgl: number, nents: number, buffer: Uint8Array, skipBytes: number): number {
    return this.copyBuffer(sgl, nents, buffer, skipBytes, true)
  }

  /**
   * Zeroes up to `lengthBytes` bytes from byte `skipBytes` of the list on. Returns the bytes zeroed; 0 when the list ends
   * before `skipBytes`.
   * @kernel lib/scatterlist.c: sg_zero_buffer
   */
  zeroBuffer(sgl: number, nents: number, lengthBytes: number, skipBytes: number): number {
    const { miter } = this
    miter.start(sgl, nents)
    if (!miter.skip(skipBytes)) return 0
    let done = 0
    while (done < lengthBytes && miter.next()) {
      const left = lengthBytes - done
      const length = miter.lengthBytes < left ? miter.lengthBytes : left
      this.contents.bytesOf(miter.page).fill(0, miter.offsetBytes, miter.offsetBytes + length)
      done += length
    }
    miter.stop()
    return done
  }
}
