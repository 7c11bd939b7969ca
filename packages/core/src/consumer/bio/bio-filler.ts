import { EAGAIN, EFAULT, EINVAL } from '../../errno.ts'
import { ITER_BVEC, ITER_DEST, isUserBacked } from '../../iter/iter-type.ts'
import { FLAG_NOWAIT } from '../../iter/row-flags.ts'
import { HOLD_NONE } from '../../ledger/hold.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import type { PageStore } from '../../memory/page-store.ts'
import { BIO_VEC_BYTES, MAX_RW_COUNT } from '../../units.ts'
import type { ConsumerEnvironment } from '../consumer.ts'
import type { Operation } from '../operation.ts'
import { adoptedIsMisaligned, bioIsMisaligned, pieceIsMisaligned } from './bio-alignment.ts'
import {
  BIOS,
  BIOS_ADOPTED,
  BVECS,
  DIRTIED_PAGES,
  MERGED_DUPLICATES,
  MISALIGNED,
  REPEATED_PAGES,
  TRIMMED_BYTES,
} from './bio-counters.ts'
import { BIO_TRAITS, type BioTraits } from './bio-traits.ts'
import { BioVecs } from './bio-vecs.ts'

/**
 * Fills bios from an iterator and submits them. What differs by version is in bio-traits.ts.
 * @kernel block/bio.c: bio_iov_iter_get_pages; block/fops.c: __blkdev_direct_IO_simple, __blkdev_direct_IO;
 *   fs/iomap/direct-io.c: iomap_dio_bio_iter
 */
export class BioFiller {
  readonly traits: BioTraits
  /** Bytes that the last {@link extent} submitted, also where it returned an errno. */
  submittedBytes = 0
  private readonly ledger: Ledger
  private readonly pages: PageStore
  private readonly blockMask: number
  private readonly dmaMask: number
  private readonly vecsMax: number
  /** Through a file system (iomap), which loops over bios; a raw device has a one-bio path. */
  private readonly throughIomap: boolean
  private readonly bio: BioVecs
  /** Quirk bio-align-down-leak. */
  private readonly leaksCut: boolean
  private readonly counts: Float64Array
  /** OR of the lengths of all pieces of the operation: a piece that is not whole blocks shows. */
  private pieceLengths = 0
  private sawSmallFolio = false

  /** `counts`: slots of BIO_COUNTERS. */
  constructor({ kernel, traits, options, filesystem, ledger, pages }: ConsumerEnvironment, counts: Float64Array) {
    this.traits = BIO_TRAITS[kernel]
    this.ledger = ledger
    this.pages = pages
    this.blockMask = options['logical-block-size'] - 1
    this.dmaMask = options['dma-alignment'] - 1
    this.vecsMax = options['bvec-limit']
    this.throughIomap = filesystem !== null
    this.bio = new BioVecs(this.vecsMax)
    this.leaksCut = traits.quirks['bio-align-down-leak']
    this.counts = counts
  }

  /** Submits all of the iterator; returns the bytes, or an errno. */
  whole(io: Operation): number {
    return io.iter.type === ITER_BVEC ? this.adopt(io) : this.fillBios(io)
  }

  /** Submits the next `bytes` of the iterator; returns how many, or an errno. */
  extent(io: Operation, bytes: number): number {
    const { iter } = io
    this.submittedBytes = 0
    const rest = iter.countBytes - bytes
    if (rest > 0) iter.truncate(bytes)
    const submitted = this.whole(io)
    if (rest > 0) iter.reexpand(iter.countBytes + rest)
    return submitted
  }

  /** A BVEC iterator's array becomes the bio's: nothing is extracted, nothing held. @kernel block/bio.c: bio_iov_bvec_set */
  private adopt(io: Operation): number {
    const { iter } = io
    const bytes = iter.countBytes
    const pages = iter.npagesOf(bytes)
    if (adoptedIsMisaligned(iter, pages, this.traits, this.dmaMask)) {
      this.counts[MISALIGNED]++
      return EINVAL
    }
    io.ledger.bare(pages)
    io.reachedInPlace(bytes)
    io.avoided(2 * pages, 2)
    this.counts[BIOS]++
    this.counts[BIOS_ADOPTED]++
    this.counts[BVECS] += iter.segmentsLeft
    iter.advance(bytes)
    this.submittedBytes = bytes
    if (io.observer !== null) io.observer.note("the bio adopts the iterator's bvecs: nothing extracted, nothing held")
    return bytes
  }

  /** Builds and submits bios until the iterator is empty; returns bytes submitted, or an errno. */
  private fillBios(io: Operation): number {
    const { iter } = io
    const vecsWanted = iter.npages(this.vecsMax + 1)
    const several = vecsWanted > this.vecsMax
    const oneBio = !this.throughIomap && !several
    this.pieceLengths = 0
    this.sawSmallFolio = false
    let submitted = 0
    let error = 0
    let bios = 0
    let entries = 0
    while (iter.countBytes > 0) {
      const filled = this.fill(io, bios === 0 && !several ? vecsWanted : iter.npages(this.vecsMax), several)
      if (filled < 0) {
        error = error === 0 ? filled : error
        break
      }
      if (this.refusesNowait(io, oneBio)) {
        // How much went into the first bio depends on what merged in it.
        if (this.traits.mergeAcross && this.sawSmallFolio) io.undetermined = true
        return EAGAIN
      }
      bios++
      entries += this.bio.length
      const status = this.submitBio(io)
      if (status < 0 && error === 0) error = status
      if (status < 0 && this.throughIomap) break
      if (status === 0) submitted += filled
      if (oneBio) break
    }
    this.submittedBytes = submitted
    io.built(entries, BIO_VEC_BYTES)
    if (bios > 1) io.limitHit()
    if (several && this.dependsOnContiguity()) io.undetermined = true
    // The one-bio path of a raw device returns what its bio holds; every other path reports the error.
    return error !== 0 && !(oneBio && submitted > 0) ? error : submitted
  }

  /** A raw device's loop gives up when IOCB_NOWAIT would need a second bio. @kernel block/fops.c: __blkdev_direct_IO */
  private refusesNowait(io: Operation, oneBio: boolean): boolean {
    if ((io.flags & FLAG_NOWAIT) === 0 || this.throughIomap || oneBio || io.iter.countBytes === 0) return false
    io.ledger.letGo(this.bio.hold)
    return true
  }

  /** Fills one bio of at most `vecs` bvecs; `several`: one may not do. Returns its bytes, or an errno with everything of it let go. */
  private fill(io: Operation, vecs: number, several: boolean): number {
    const { iter } = io
    const { bio, traits } = this
    bio.reset()
    while (iter.countBytes > 0 && bio.length < vecs) {
      if (traits.alignment === 'each-piece' && pieceIsMisaligned(iter, this.dmaMask)) return this.fillFailed(io, EINVAL)
      // A bio may hold UINT_MAX bytes, which no system call reaches.
      const bytes = io.extract(vecs - bio.length, MAX_RW_COUNT)
      if (bytes <= 0) {
        if (bio.length === 0) return bytes === 0 ? EFAULT : bytes
        break
      }
      const kept = traits.trim === 'each-call' ? this.trimCall(io, bytes) : bytes
      if (kept === 0) break
      if (several && !this.sawSmallFolio) this.noteFolios(io)
      bio.add(io.list, io.hold, kept, this.pages, this.ledger, traits.mergeAcross)
    }
    if (bio.duplicates > 0) this.counts[MERGED_DUPLICATES] += bio.duplicates
    this.pieceLengths |= bio.lengthBits
    const trim = bio.sizeBytes & this.blockMask
    if (trim !== 0 && traits.trim === 'at-end') this.trimBio(io, trim)
    if (bio.length === 0) return this.fillFailed(io, EFAULT)
    return bio.sizeBytes
  }

  private fillFailed(io: Operation, errno: number): number {
    if (errno === EINVAL) this.counts[MISALIGNED]++
    io.ledger.letGo(this.bio.hold)
    this.bio.reset()
    return errno
  }

  /**
   * Cuts what one call extracted to whole blocks, letting the pages behind go; returns the bytes left.
   * @kernel block/bio.c: __bio_iov_iter_get_pages (6.1, 6.12)
   */
  private trimCall(io: Operation, bytes: number): number {
    const trim = bytes & this.blockMask
    if (trim === 0) return bytes
    const { list } = io
    this.giveBack(io, trim)
    const dropped = list.trim(trim)
    if (dropped > 0 && io.hold !== HOLD_NONE) this.ledger.letGo(this.ledger.split(io.hold, dropped))
    if (list.length > 0) return bytes - trim
    this.ledger.letGo(io.hold)
    return 0
  }

  /** Cuts the whole bio to whole blocks. @kernel block/bio.c: bio_iov_iter_align_down (6.18, mainline) */
  private trimBio(io: Operation, trim: number): void {
    this.giveBack(io, trim)
    this.bio.alignDown(trim, this.ledger, this.leaksCut)
  }

  /** The iterator gets back what is cut off, to be extracted again. */
  private giveBack({ iter }: Operation, trim: number): void {
    iter.revert(trim)
    this.counts[TRIMMED_BYTES] += trim
    this.counts[REPEATED_PAGES] += iter.npagesOf(trim)
  }

  private noteFolios({ list }: Operation): void {
    for (let i = 0; i < list.length; i++) {
      const row = list.page[i]
      if (this.pages.orderOf(row) === 0 && this.pages.frameOf(row) < 0) this.sawSmallFolio = true
    }
  }

  /**
   * A bio of scattered pages is full sooner than one whose pages merge. Where more than one may be needed, small pages
   * of unknown frames are in it, and some piece is not whole blocks, where a bio ends decides what is trimmed and pinned
   * again, and the trace does not tell. Where folios never share a bvec it makes no difference.
   */
  private dependsOnContiguity(): boolean {
    return this.traits.mergeAcross && this.sawSmallFolio && (this.pieceLengths & this.blockMask) !== 0
  }

  /**
   * Hands the bio to the device. Since 6.18 memory alignment is looked at only here, and not at all for a single bvec
   * that stays within a page. Returns 0, or -EINVAL with its pages let go.
   * @kernel block/blk-merge.c: bio_split_rw, bio_split_io_at; block/blk.h: bio_may_need_split
   */
  private submitBio(io: Operation): number {
    const { bio } = this
    if (io.observer !== null) bio.tell(io.observer)
    if (this.traits.alignment === 'at-submit' && bioIsMisaligned(bio, this.dmaMask)) {
      this.counts[MISALIGNED]++
      if (io.observer !== null) io.observer.note('misaligned memory: the bio ends with -EINVAL, its pages are let go')
      io.ledger.letGo(bio.hold)
      return EINVAL
    }
    this.counts[BIOS]++
    this.counts[BVECS] += bio.length
    if (io.iter.direction === ITER_DEST && isUserBacked(io.iter.type)) this.counts[DIRTIED_PAGES] += bio.pages
    io.reachedInPlace(bio.sizeBytes)
    io.avoided(2 * bio.pages, 2)
    io.keep(bio.hold)
    return 0
  }
}
