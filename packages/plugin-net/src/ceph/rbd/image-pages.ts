import {
  BIO_TRAITS,
  BioVecs,
  type ConsumerEnvironment,
  EFAULT,
  fillUserBio,
  isUserBacked,
  iterateAndAdvance,
  type Ledger,
  type Memory,
  type Operation,
  PAGE_OFFSET_MASK,
  PAGE_SHIFT,
  PAGE_SIZE,
  type PageStore,
} from '@pinscope/core'
import type { PagePieces } from '../page-pieces.ts'

/** @kernel include/linux/bio.h: BIO_MAX_VECS */
const BIO_MAX_VECS = 256

/**
 * The pages of the bios that an operation on the image becomes, in pieces of one page, which is how bios are gone through.
 *
 * User memory is direct I/O of the layer above: what the lane's policy takes on its pages goes to `io.keep`. Kernel memory
 * is pages that the layer above holds, locked or under writeback, and nothing is taken.
 *
 * @kernel block/bio.c: bio_iov_iter_get_pages; include/linux/bio.h: bio_for_each_segment
 */
export class ImagePages {
  /** Pages of user memory. */
  userPages = 0
  private readonly memory: Memory
  private readonly pages: PageStore
  private readonly ledger: Ledger
  private readonly mergeAcross: boolean
  private readonly bio = new BioVecs(BIO_MAX_VECS)

  constructor({ kernel, memory, pages, ledger }: ConsumerEnvironment) {
    this.memory = memory
    this.pages = pages
    this.ledger = ledger
    this.mergeAcross = BIO_TRAITS[kernel].mergeAcross
  }

  /** Bytes, fewer where kernel memory ends, or an errno; what was kept stays kept. */
  fill(io: Operation, pieces: PagePieces): number {
    pieces.clear()
    this.userPages = 0
    if (!isUserBacked(io.iter.type)) return this.fillKernel(io, pieces)
    let bytes = 0
    while (io.iter.countBytes > 0) {
      const filled = this.fillBio(io, pieces)
      if (filled < 0) return filled
      bytes += filled
    }
    return bytes
  }

  private fillKernel({ iter }: Operation, pieces: PagePieces): number {
    const bytes = iterateAndAdvance(iter, this.memory, iter.countBytes, pieces)
    this.ledger.bare(pieces.length)
    return bytes === 0 ? EFAULT : bytes
  }

  private fillBio(io: Operation, pieces: PagePieces): number {
    const { bio, pages, ledger } = this
    const bytes = fillUserBio(io, bio, BIO_MAX_VECS, pages, ledger, this.mergeAcross)
    if (bytes < 0) return bytes
    io.keep(bio.hold)
    this.userPages += bio.pages
    for (let i = 0; i < bio.length; i++) addVec(pieces, bio.page[i], bio.offsetBytes[i], bio.lengthBytes[i])
    return bytes
  }
}

/** A bvec, page by page. @kernel include/linux/bvec.h: bvec_iter_bvec */
function addVec(pieces: PagePieces, page: number, offset: number, length: number): void {
  let from = offset
  for (let left = length; left > 0; ) {
    const part = Math.min(left, PAGE_SIZE - (from & PAGE_OFFSET_MASK))
    pieces.piece(page + (from >> PAGE_SHIFT), from & PAGE_OFFSET_MASK, part)
    left -= part
    from += part
  }
}
