import {
  type ConsumerEnvironment,
  EFAULT,
  ENOMEM,
  EXTRACT,
  extractPages,
  HOLD_NONE,
  type Hold,
  ITER_KVEC,
  isSince,
  type Ledger,
  type Operation,
  PAGE_LIST_MAX,
  POINTER_BYTES,
  singleSegCount,
} from '@pinscope/core'
import { POINTER_REQUESTS } from './fuse-counters.ts'
import { PAGE_AND_DESC_BYTES } from './fuse-sizes.ts'
import { RequestPages } from './request-pages.ts'

/**
 * Memory of one request. A KVEC is a pointer in the request, up to the end of its segment, with nothing listed or taken;
 * over virtio-fs, since 6.12, it is pages as everything else is. Pages are extracted until the request is full, and a
 * page that cannot be had makes the request shorter: an error only where it is the first.
 *
 * Since 6.13 requests have folios: the pages go through an array that is allocated for the extraction, and freed after it.
 * @kernel fs/fuse/file.c: fuse_get_user_pages. 6.18: taken as 7.3.
 */
export class UserPages {
  /** What was taken on {@link pages}, and the errno with which the extraction ended. */
  hold: Hold = HOLD_NONE
  error = 0
  readonly pages = new RequestPages()
  private readonly ledger: Ledger
  private readonly counts: Float64Array
  private readonly usesPages: boolean
  private readonly hasFolios: boolean
  private isPointer = false

  constructor({ kernel, options, ledger }: ConsumerEnvironment, counts: Float64Array) {
    this.ledger = ledger
    this.counts = counts
    this.usesPages = options['virtio-fs'] === 1 && isSince(kernel, '6.12')
    this.hasFolios = isSince(kernel, '6.18')
  }

  /** At most `bytesMax` bytes in `pagesMax` pages. Returns the bytes; 0 with {@link error}, and nothing taken. */
  get(io: Operation, bytesMax: number, pagesMax: number): number {
    this.hold = HOLD_NONE
    this.error = 0
    this.pages.clear()
    this.isPointer = io.iter.type === ITER_KVEC && !this.usesPages
    if (this.isPointer) return this.point(io, bytesMax)
    if (!this.hasFolios) return this.extract(io, bytesMax, pagesMax)
    if (!io.allocate(pagesMax * POINTER_BYTES)) {
      this.error = ENOMEM
      return 0
    }
    const bytes = this.extract(io, bytesMax, pagesMax)
    io.built(this.pages.length, POINTER_BYTES)
    io.free(pagesMax * POINTER_BYTES)
    return bytes
  }

  /** The request has all the pages that it can have; a pointer knows no such limit. */
  isFull(pagesMax: number): boolean {
    return !this.isPointer && this.pages.pages >= pagesMax
  }

  letGo(): void {
    this.ledger.letGo(this.hold)
    this.hold = HOLD_NONE
  }

  private extract(io: Operation, bytesMax: number, pagesMax: number): number {
    const { pages, ledger } = this
    let bytes = 0
    while (bytes < bytesMax && pages.pages < pagesMax) {
      const part = io.extract(pagesMax - pages.pages, bytesMax - bytes)
      if (part <= 0) {
        // A hole of the page cache gives nothing: the kernel would ask again for ever.
        this.error = part === 0 ? EFAULT : part
        break
      }
      pages.addList(io)
      this.hold = ledger.join(this.hold, io.hold)
      bytes += part
    }
    io.built(pages.length, PAGE_AND_DESC_BYTES)
    pages.tell(io, 'fuse pages', bytes)
    return bytes
  }

  /** The pages behind the pointer are found for those who watch, and for what happens to them; nothing is counted. */
  private point(io: Operation, bytesMax: number): number {
    const { iter, list, memory } = io
    const { pages } = this
    // Steps over segments that are empty.
    iter.advance(0)
    const segmentBytes = singleSegCount(iter)
    const bytes = segmentBytes < bytesMax ? segmentBytes : bytesMax
    if (bytes === 0) {
      this.error = EFAULT
      return 0
    }
    let left = bytes
    while (left > 0) {
      const part = extractPages(iter, EXTRACT, memory, list, PAGE_LIST_MAX, left)
      if (part <= 0) break
      pages.addList(io)
      left -= part
    }
    iter.advance(left)
    this.counts[POINTER_REQUESTS]++
    io.avoided(pages.pages, 0)
    pages.tell(io, 'fuse pointer', bytes)
    return bytes
  }
}
