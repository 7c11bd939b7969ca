import {
  BIO_TRAITS,
  BioVecs,
  type ConsumerEnvironment,
  EFAULT,
  fillUserBio,
  GUARD_COUNT,
  GUARD_LOCK,
  type Guard,
  grown,
  type IovIter,
  type IterStep,
  isUserBacked,
  iterateAndAdvance,
  type Ledger,
  type Memory,
  type Operation,
  PAGE_OFFSET_MASK,
  PAGE_SIZE,
  type PageStore,
  pagesSpanned,
  tellIterator,
} from '@pinscope/core'

/**
 * The bios of an operation on the device, as the layer above makes them: bvecs as columns, and where each bio begins.
 *
 * - User memory is direct I/O of that layer: bios of at most `vecsMax` bvecs, with what the lane's policy takes on the
 *   pages, which goes to `io.keep`. What is core's `bio` is not looked at here: alignment, and bios cut to whole blocks.
 * - Kernel memory is pages that the layer above holds, locked or under writeback: a bvec a segment of a BVEC iterator, a
 *   folio of a FOLIOQ or XARRAY. Nothing is taken.
 *
 * @kernel block/bio.c: bio_iov_iter_get_pages, bio_add_folio
 */
export class BioList implements IterStep {
  readonly foll = 0
  readonly allOrNothing = false
  /** Length of each bvec, and its first piece. */
  vecBytes = new Int32Array(256)
  private vecFirstPiece = new Int32Array(256)
  vecs = 0
  /** Pieces in memory that bvecs are made of: one each, or one a page of kernel memory. */
  private piecePage = new Int32Array(256)
  private pieceOffset = new Int32Array(256)
  private pieceBytes = new Int32Array(256)
  private pieces = 0
  /** First bvec of each bio. */
  bioFirstVec = new Int32Array(64)
  bios = 0
  /** Pages of user memory. */
  userPages = 0

  private readonly memory: Memory
  private readonly pages: PageStore
  private readonly ledger: Ledger
  private readonly mergeAcross: boolean
  private readonly vecsMax: number
  private readonly bio: BioVecs
  /** The iterator that is walked, and where it was at the last piece: its segment, or the folio of the page. */
  private iter: IovIter | null = null
  private lastGroup = -1

  constructor({ kernel, memory, pages, ledger }: ConsumerEnvironment, vecsMax: number) {
    this.memory = memory
    this.pages = pages
    this.ledger = ledger
    this.mergeAcross = BIO_TRAITS[kernel].mergeAcross
    this.vecsMax = vecsMax
    this.bio = new BioVecs(vecsMax)
  }

  /** Makes the bios of all that the iterator has: bytes, fewer where kernel memory ends; or an errno, what was kept stays kept. */
  fill(io: Operation): number {
    this.vecs = 0
    this.pieces = 0
    this.bios = 0
    this.userPages = 0
    return isUserBacked(io.iter.type) ? this.fillUser(io) : this.fillKernel(io)
  }

  /** What lists name is in use from now on. */
  borrow(io: Operation): void {
    // Registered buffers are pinned for as long as they are registered.
    const guard: Guard = isUserBacked(io.iter.type) || io.iter.fixed ? GUARD_COUNT : GUARD_LOCK
    for (let i = 0; i < this.pieces; i++) io.borrow(this.piecePage[i], this.pieceOffset[i], this.pieceBytes[i], guard)
    // What loop gives the file below. @kernel drivers/block/loop.c: lo_rw_aio
    tellIterator(io, 'bvec', this.pieces)
  }

  /** Pages, bvec by bvec, of `bytes` bytes from `skip` bytes into bvec `first` on. @kernel include/linux/blk-mq.h: rq_for_each_segment */
  pagesOf(first: number, skip: number, bytes: number): number {
    let pages = 0
    let from = skip
    let left = bytes
    for (let vec = first; left > 0; vec++) {
      const part = Math.min(this.vecBytes[vec] - from, left)
      const offset = this.pieceOffset[this.vecFirstPiece[vec]] + from
      pages += pagesSpanned(offset & PAGE_OFFSET_MASK, part)
      left -= part
      from = 0
    }
    return pages
  }

  /** Tells an observer of `bytes` bytes from `skip` bytes into bvec `first` on. */
  tell(observer: NonNullable<Operation['observer']>, first: number, skip: number, bytes: number): void {
    const page: number[] = []
    const offset: number[] = []
    const length: number[] = []
    let from = skip
    let left = bytes
    for (let i = this.vecFirstPiece[first]; left > 0; i++) {
      const part = Math.min(this.pieceBytes[i] - from, left)
      if (part > 0) {
        page.push(this.piecePage[i])
        offset.push(this.pieceOffset[i] + from)
        length.push(part)
        left -= part
      }
      from = Math.max(0, from - this.pieceBytes[i])
    }
    observer.listBuilt(
      'bvecs',
      bytes,
      page.length,
      Int32Array.from(page),
      Int32Array.from(offset),
      Int32Array.from(length),
      '',
    )
  }

  /** A piece of kernel memory. */
  piece(page: number, offset: number, length: number): number {
    const { iter } = this
    const group = iter?.isByFrame() ? iter.segment : this.pages.headOf(page)
    if (group === this.lastGroup) this.vecBytes[this.vecs - 1] += length
    else this.addVec(length)
    this.lastGroup = group
    this.addPiece(page, offset, length)
    return 0
  }

  private fillUser(io: Operation): number {
    let bytes = 0
    while (io.iter.countBytes > 0) {
      const filled = this.fillBio(io)
      if (filled < 0) return filled
      bytes += filled
    }
    return bytes
  }

  /** @kernel block/bio.c: bio_iov_iter_get_pages (7.3: bio_iov_iter_set) */
  private fillBio(io: Operation): number {
    const { bio, pages, ledger, vecsMax } = this
    const bytes = fillUserBio(io, bio, vecsMax, pages, ledger, this.mergeAcross)
    if (bytes < 0) return bytes
    io.keep(bio.hold)
    this.userPages += bio.pages
    this.beginBio()
    for (let i = 0; i < bio.length; i++) {
      this.addVec(bio.lengthBytes[i])
      this.addPiece(bio.page[i], bio.offsetBytes[i], bio.lengthBytes[i])
    }
    return bytes
  }

  private fillKernel(io: Operation): number {
    const { iter } = io
    this.iter = iter
    this.lastGroup = -1
    const bytes = iterateAndAdvance(iter, this.memory, iter.countBytes, this)
    if (bytes === 0) return EFAULT
    for (let first = 0; first < this.vecs; first += this.vecsMax) this.beginBio(first)
    this.ledger.bare(this.pagesOf(0, 0, bytes))
    return bytes
  }

  private beginBio(firstVec = this.vecs): void {
    if (this.bios === this.bioFirstVec.length) this.bioFirstVec = grown(this.bioFirstVec, 2 * this.bios)
    this.bioFirstVec[this.bios++] = firstVec
  }

  private addVec(bytes: number): void {
    if (this.vecs === this.vecBytes.length) {
      this.vecBytes = grown(this.vecBytes, 2 * this.vecs)
      this.vecFirstPiece = grown(this.vecFirstPiece, 2 * this.vecs)
    }
    this.vecBytes[this.vecs] = bytes
    this.vecFirstPiece[this.vecs++] = this.pieces
  }

  /** Pieces that go on in the next row of the same bvec are one. */
  private addPiece(page: number, offset: number, length: number): void {
    const last = this.pieces - 1
    if (last >= 0 && last >= this.vecFirstPiece[this.vecs - 1]) {
      const end = this.pieceOffset[last] + this.pieceBytes[last]
      if (page * PAGE_SIZE + offset === this.piecePage[last] * PAGE_SIZE + end) {
        this.pieceBytes[last] += length
        return
      }
    }
    if (this.pieces === this.piecePage.length) {
      this.piecePage = grown(this.piecePage, 2 * this.pieces)
      this.pieceOffset = grown(this.pieceOffset, 2 * this.pieces)
      this.pieceBytes = grown(this.pieceBytes, 2 * this.pieces)
    }
    this.piecePage[this.pieces] = page
    this.pieceOffset[this.pieces] = offset
    this.pieceBytes[this.pieces++] = length
  }
}
