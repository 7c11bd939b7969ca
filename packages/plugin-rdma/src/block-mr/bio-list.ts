import {
  type ConsumerEnvironment,
  EFAULT,
  EINVAL,
  HOLD_NONE,
  type Hold,
  type IovIter,
  ITER_BVEC,
  ITER_IOVEC,
  ITER_KVEC,
  ITER_UBUF,
  iovLength,
  type Ledger,
  MAX_RW_COUNT,
  type Operation,
  PAGE_OFFSET_MASK,
  PAGE_SHIFT,
  type PageStore,
} from '@pinscope/core'
import { Payload } from '../payload/payload.ts'
import { Pieces } from '../payload/pieces.ts'
import type { BlockTraits, QueueLimits } from './queue-limits.ts'

/** bvecs of a bio. @kernel include/linux/bio.h: BIO_MAX_VECS */
export const BIO_MAX_VECS = 256

const VECS_UNLIMITED = 0x7fffffff

/**
 * The bvecs of an operation, bio by bio: of at most 256 bvecs each, but that a BVEC iterator's are taken over as they are.
 * What a bio holds on its pages goes to `io.keep`.
 *
 * This is core's `bio` without what only changes counts of pages for a moment: where a bio ends inside a logical block,
 * the pages that are cut off are let go at once, or, if several extractions are cut, when the operation is over. Nothing
 * of them is lost: the quirk `bio-align-down-leak` is not looked at.
 *
 * @kernel block/bio.c: bio_iov_iter_get_pages, bio_iov_bvec_set, bio_iov_iter_align_down; lib/iov_iter.c:
 *   iov_iter_extract_bvecs (mainline)
 */
export class BioList {
  readonly vecs = new Pieces()
  /** First bvec of the last bio. */
  first = 0
  /** The bvecs are the iterator's. */
  isAdopted = false
  private readonly pages: PageStore
  private readonly ledger: Ledger
  private readonly payload: Payload
  private readonly traits: BlockTraits
  private readonly limits: QueueLimits
  /** Frame and offset of the byte after the last bvec. */
  private endFrame = 0
  private endOffset = 0
  /** Of the last extraction. */
  private lastBytes = 0

  constructor(environment: ConsumerEnvironment, traits: BlockTraits, limits: QueueLimits) {
    this.pages = environment.pages
    this.ledger = environment.ledger
    this.payload = new Payload(environment)
    this.traits = traits
    this.limits = limits
  }

  clear(): void {
    this.vecs.clear()
    this.first = 0
    this.isAdopted = false
  }

  /** Fills the next bio; its bytes, or an errno. What was kept stays kept. */
  fill(io: Operation): number {
    const { iter } = io
    const { vecs } = this
    this.first = vecs.length
    if (iter.type === ITER_BVEC) return this.adopt(io)
    const before = vecs.bytes
    let hold: Hold = HOLD_NONE
    while (iter.countBytes > 0 && vecs.length - this.first < BIO_MAX_VECS) {
      if (this.traits.checksPieces && this.isMisaligned(iter)) return EINVAL
      const bytes = io.extract(BIO_MAX_VECS - (vecs.length - this.first), MAX_RW_COUNT)
      if (bytes <= 0) {
        if (vecs.length === this.first) return bytes === 0 ? EFAULT : bytes
        break
      }
      io.keep(hold)
      this.add(io, bytes)
      hold = io.hold
    }
    io.keep(this.alignDown(io, hold, (vecs.bytes - before) & this.limits.blockMask))
    return vecs.bytes > before ? vecs.bytes - before : EFAULT
  }

  /**
   * Of a vector, the whole of it that is left; of any other type all that the iterator has left.
   * @kernel lib/iov_iter.c: iov_iter_extract_bvecs (mainline: mem_align_mask)
   */
  private isMisaligned(iter: IovIter): boolean {
    const isVector = iter.type === ITER_UBUF || iter.type === ITER_IOVEC || iter.type === ITER_KVEC
    const length = isVector ? iovLength(iter) : iter.countBytes
    return ((iter.currentStartBytes() | length) & this.limits.dmaMask) !== 0
  }

  /** The iterator's array becomes the bio's. @kernel block/bio.c: bio_iov_bvec_set (7.3: bio_iov_iter_set) */
  private adopt(io: Operation): number {
    this.isAdopted = true
    const bytes = this.payload.list(io, this.vecs, io.iter.countBytes, VECS_UNLIMITED)
    return bytes === 0 ? EFAULT : bytes
  }

  /** Adds what one extraction listed. */
  private add(io: Operation, bytes: number): void {
    const { list } = io
    this.lastBytes = bytes
    const { vecs, pages, traits } = this
    const mergeFrom = traits.mergesAcross ? this.first : vecs.length
    if (traits.mergesAcross && this.continuesPage(io)) this.dropDuplicate(io)
    for (let i = 0; i < list.length; i++) {
      const row = list.page[i]
      const offset = list.offsetBytes[i]
      const last = vecs.length - 1
      const isAdjacent = last >= mergeFrom && pages.frameOf(row) === this.endFrame && offset === this.endOffset
      if (isAdjacent && (traits.mergesAcross || pages.headOf(row) === pages.headOf(vecs.page[last]))) {
        vecs.lengthBytes[last] += list.lengthBytes[i]
        vecs.bytes += list.lengthBytes[i]
      } else vecs.add(row, offset, list.lengthBytes[i])
      this.endFrame = pages.frameOf(row) + ((offset + list.lengthBytes[i]) >> PAGE_SHIFT)
      this.endOffset = (offset + list.lengthBytes[i]) & PAGE_OFFSET_MASK
    }
  }

  /** The list goes on inside the page with which the last bvec ends. */
  private continuesPage({ list }: Operation): boolean {
    if (this.vecs.length === this.first || this.endOffset === 0) return false
    return this.pages.frameOf(list.page[0]) === this.endFrame && list.offsetBytes[0] === this.endOffset
  }

  /** A page that a merge has already is let go of. @kernel block/bio.c: bio_iov_add_page (same_page) */
  private dropDuplicate(io: Operation): void {
    if (io.hold === HOLD_NONE) return
    this.ledger.releaseFirst(io.hold)
    if (this.ledger.entriesHeld(io.hold) > 0) return
    this.ledger.letGo(io.hold)
    io.hold = HOLD_NONE
  }

  /**
   * Takes the last `bytes` bytes off the bio; the iterator has them again. `hold`: of the last extraction that succeeded,
   * whose pages are the current list's unless another one failed since. Returns what is left of it.
   */
  private alignDown(io: Operation, hold: Hold, bytes: number): Hold {
    if (bytes === 0) return hold
    const { vecs } = this
    io.iter.revert(bytes)
    vecs.bytes -= bytes
    let left = bytes
    while (left > 0 && vecs.lengthBytes[vecs.length - 1] <= left) left -= vecs.lengthBytes[--vecs.length]
    if (left > 0) vecs.lengthBytes[vecs.length - 1] -= left
    return io.list.length > 0 && hold !== HOLD_NONE ? this.letGoOfTail(io, hold, bytes) : hold
  }

  private letGoOfTail({ list }: Operation, hold: Hold, bytes: number): Hold {
    const { ledger } = this
    const entries = ledger.entriesHeld(hold)
    const dropped = bytes < this.lastBytes ? list.trim(bytes) : entries
    if (dropped === 0) return hold
    if (dropped < entries) {
      ledger.letGo(ledger.split(hold, dropped))
      return hold
    }
    ledger.letGo(hold)
    return HOLD_NONE
  }
}
