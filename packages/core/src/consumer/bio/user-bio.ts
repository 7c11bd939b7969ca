import { EFAULT } from '../../errno.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import type { PageStore } from '../../memory/page-store.ts'
import { MAX_RW_COUNT } from '../../units.ts'
import type { Operation } from '../operation.ts'
import type { BioVecs } from './bio-vecs.ts'

/**
 * Fills one bio of at most `vecsMax` bvecs from the iterator, as a layer above a driver does: without what that layer looks
 * at for itself, alignment and whole blocks. What was taken is in `bio.hold`. Returns its bytes; or an errno with nothing taken.
 * @kernel block/bio.c: bio_iov_iter_get_pages
 */
export function fillUserBio(
  io: Operation,
  bio: BioVecs,
  vecsMax: number,
  pages: PageStore,
  ledger: Ledger,
  mergeAcross: boolean,
): number {
  bio.reset()
  while (io.iter.countBytes > 0 && bio.length < vecsMax) {
    const bytes = io.extract(vecsMax - bio.length, MAX_RW_COUNT)
    if (bytes <= 0) {
      if (bio.length === 0) return bytes === 0 ? EFAULT : bytes
      break
    }
    bio.add(io.list, io.hold, bytes, pages, ledger, mergeAcross)
  }
  return bio.sizeBytes
}
