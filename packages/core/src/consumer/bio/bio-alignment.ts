import type { IovIter } from '../../iter/iov-iter.ts'
import { iovLength } from '../../iter/iter-pages.ts'
import { ITER_IOVEC, ITER_KVEC } from '../../iter/iter-type.ts'
import { PAGE_SIZE } from '../../units.ts'
import type { BioTraits } from './bio-traits.ts'
import type { BioVecs } from './bio-vecs.ts'

/**
 * A bio built from extracted pages, as the device looks at it on 6.18: every bvec's offset and length, but nothing when
 * the bio is a single bvec inside one page.
 * @kernel block/blk-merge.c: bio_split_io_at; block/blk.h: bio_may_need_split
 */
export function bioIsMisaligned(bio: BioVecs, dmaMask: number): boolean {
  if (((bio.offsetBits | bio.lengthBits) & dmaMask) === 0) return false
  if (bio.length === 1 && bio.offsetBytes[0] + bio.lengthBytes[0] <= PAGE_SIZE) return false
  for (let i = 0; i < bio.length; i++) {
    if (((bio.offsetBytes[i] | bio.lengthBytes[i]) & dmaMask) !== 0) return true
  }
  return false
}

/**
 * A bio that took over an iterator's bvecs, `pages` pages in all. Up to 6.12 the iterator was looked at before; 6.18
 * looks at each bvec, unless one page holds it all; mainline at the first one's offset, later bvecs beginning at a page.
 * @kernel block/bio.c: bio_iov_bvec_set
 */
export function adoptedIsMisaligned(iter: IovIter, pages: number, traits: BioTraits, dmaMask: number): boolean {
  if (traits.alignment === 'before') return false
  if (traits.alignment === 'at-submit') return pages > 1 && !iter.isAligned(dmaMask, dmaMask)
  return (iter.currentStartBytes() & dmaMask) !== 0
}

/**
 * What mainline looks at before it extracts: an entry of an IOVEC or KVEC as it stands, be it empty or longer than the
 * count; of any other type all that is left.
 * @kernel lib/iov_iter.c: iov_iter_extract_bvecs with a mem_align_mask (7.3)
 */
export function pieceIsMisaligned(iter: IovIter, dmaMask: number): boolean {
  const isVector = iter.type === ITER_IOVEC || iter.type === ITER_KVEC
  const length = isVector ? iovLength(iter) : iter.countBytes
  return (iter.currentStartBytes() & dmaMask) !== 0 || (length & dmaMask) !== 0
}
