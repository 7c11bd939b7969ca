import { EAGAIN, EFAULT, EINVAL } from '../../src/errno.ts'
import { SlowFileSystem } from './slow-file-system.ts'
import type { Reference, SlowLedger } from './slow-ledger.ts'
import type { Page, SlowMemory } from './slow-memory.ts'
import { type Entry, extract, type Figures, follows, type SlowOperation, type SlowSetup } from './slow-operation.ts'

const PAGE = 4096
const BIO_SIZE_MAX = 0xffffffff

/** A bvec: bytes of physically contiguous pages, and the references that came with them. */
interface Vec {
  pages: Page[]
  readonly offset: number
  length: number
  references: Reference[]
}

type Range = { from: number; to: number }

/** Direct I/O: reference/iterators.md 7.1 to 7.5, and 0.5 for 6.18. */
export class SlowBio {
  readonly counters = {
    bios: 0,
    biosAdopted: 0,
    bvecs: 0,
    mergedDuplicates: 0,
    trimmedBytes: 0,
    repeatedPages: 0,
    misaligned: 0,
    dirtiedPages: 0,
    holeBytes: 0,
  }
  private readonly fileSystem: SlowFileSystem
  private readonly setup: SlowSetup
  private readonly memory: SlowMemory
  private readonly ledger: SlowLedger
  private readonly figures: Figures
  /** The operation's own. */
  private lengths: number[] = []
  private sawSmall = false

  constructor(setup: SlowSetup, memory: SlowMemory, ledger: SlowLedger, figures: Figures) {
    this.setup = setup
    this.memory = memory
    this.ledger = ledger
    this.figures = figures
    this.fileSystem = new SlowFileSystem(setup, memory, ledger, figures, this)
  }

  /** All counters; those of fallbacks where the file system has some. */
  report(): Record<string, number> {
    return this.fileSystem.isSpecial ? { ...this.counters, ...this.fileSystem.counters } : { ...this.counters }
  }

  /** The operation is over. */
  complete(io: SlowOperation): void {
    this.fileSystem.free(io)
  }

  submit(io: SlowOperation): number {
    const { iter, row } = io
    if (this.fileSystem.isSpecial && row.flags.has('direct')) return this.fileSystem.submit(io)
    if (iter.left === 0) return 0
    const { blockSize } = this.setup
    if (row.offset % blockSize !== 0 || iter.left % blockSize !== 0) return EINVAL
    if (this.checksFirst() && !this.isAligned(io)) {
      this.counters.misaligned++
      return EINVAL
    }
    const done = this.transfer(io)
    return row.result !== null && row.result >= 0 ? Math.min(row.result, done) : done
  }

  /** Entries so far of the operation with that number. */
  private counted = { number: 0, entries: 0 }

  /** The data before the hole, the hole, the data behind it; what ends early or fails ends it all. */
  private transfer(io: SlowOperation): number {
    const end = this.end(io)
    const hole = this.hole(io) ?? { from: end, to: end }
    const before = this.part(io, 0, hole.from)
    if (before < hole.from) return before
    this.counters.holeBytes += hole.to - hole.from
    const behind = this.part(io, hole.to, end)
    return behind < 0 ? behind : hole.to + behind
  }

  /** Extent by extent. */
  private part(io: SlowOperation, from: number, to: number): number {
    for (let at = from; at < to; ) {
      const cut = Math.min(to, this.extentEnd(io, at))
      const got = this.extent(io, at, cut)
      if (got < cut - at) return got < 0 ? got : at + got - from
      at = cut
    }
    return Math.max(to - from, 0)
  }

  /** Where the extent with byte `at` of the operation ends; blocks are `block` bytes. */
  extentEnd({ row }: SlowOperation, at: number, block = this.setup.blockSize): number {
    const { extentBytes = 0, filesystem } = this.setup
    if (extentBytes === 0 || filesystem === null) return Number.POSITIVE_INFINITY
    const size = Math.max(Math.floor(extentBytes / block), 1) * block
    const position = Math.max(row.offset, 0) + at
    return (Math.floor(position / size) + 1) * size - Math.max(row.offset, 0)
  }

  /** Bios of the bytes from `from` to `to`: how many, or an errno. The iterator is behind what was submitted. */
  extent(io: SlowOperation, from: number, to: number): number {
    io.iter.position = from
    io.iter.end = to
    return io.isBvec ? this.adopt(io) : this.fillBios(io)
  }

  private checksFirst(): boolean {
    return this.setup.kernel === '6.1' || this.setup.kernel === '6.12'
  }

  /** iov_iter_is_aligned: addresses on the DMA alignment, lengths on whole blocks. */
  private isAligned({ iter }: SlowOperation): boolean {
    const { dmaAlignment, blockSize } = this.setup
    return iter.segmentParts().every(({ start, length }) => start % dmaAlignment === 0 && length % blockSize === 0)
  }

  /** Where the data ends: the operation's end, and on a file not behind the file's. */
  private end({ row, iter }: SlowOperation): number {
    const { filesystem, blockSize } = this.setup
    const isShort = filesystem !== null && row.isRead && row.result !== null && row.result >= 0 && row.result < iter.end
    return isShort ? Math.min(iter.end, Math.ceil(row.result! / blockSize) * blockSize) : iter.end
  }

  /** Only a read finds a hole: a write allocates. */
  hole(io: SlowOperation, end = this.end(io)): Range | null {
    const { row } = io
    if (row.hole === null || !row.isRead) return null
    return { from: Math.min(row.hole.offset, end), to: Math.min(row.hole.offset + row.hole.length, end) }
  }

  /** bio_iov_bvec_set: the iterator's array becomes the bio's. */
  private adopt({ iter }: SlowOperation): number {
    const pages = iter.pageCount()
    if (this.adoptedIsMisaligned(iter.segmentParts(), pages)) {
      this.counters.misaligned++
      return EINVAL
    }
    this.figures.barePages += pages
    this.figures.zeroCopyBytes += iter.left
    this.figures.avoidedEntries += 2 * pages
    this.figures.avoidedAllocations += 2
    this.counters.bios++
    this.counters.biosAdopted++
    this.counters.bvecs += iter.segmentsLeft()
    const bytes = iter.left
    iter.position = iter.end
    return bytes
  }

  /** 6.18 looks at every bvec, unless all of it is in one page; mainline at the first one's offset. */
  private adoptedIsMisaligned(parts: readonly { start: number; length: number }[], pages: number): boolean {
    const { kernel, dmaAlignment } = this.setup
    if (kernel === 'mainline') return parts[0]!.start % dmaAlignment !== 0
    const isOdd = parts.some(({ start, length }) => start % dmaAlignment !== 0 || length % dmaAlignment !== 0)
    return kernel === '6.18' && pages > 1 && isOdd
  }

  private fillBios(io: SlowOperation): number {
    const { bvecLimit, filesystem } = this.setup
    const pages = io.iter.pageCount()
    const isOneBio = filesystem === null && pages <= bvecLimit
    const built: number[] = []
    let done = 0
    let error = 0
    this.lengths = []
    this.sawSmall = false
    while (io.iter.left > 0) {
      const vecs = this.fill(io, Math.min(io.iter.pageCount(), bvecLimit))
      if (typeof vecs === 'number') {
        error ||= vecs
        break
      }
      if (io.row.flags.has('nowait') && filesystem === null && !isOneBio && io.iter.left > 0) {
        this.letGo(vecs)
        return EAGAIN
      }
      built.push(vecs.length)
      const bytes = this.send(io, vecs)
      if (bytes > 0) done += bytes
      else error ||= bytes
      if (isOneBio || (bytes < 0 && filesystem !== null)) break
    }
    this.countLists(io, built)
    const isSplit = this.lengths.some((length) => length % this.setup.blockSize !== 0)
    // Mainline never merges two folios, adjacent or not.
    if (this.setup.kernel !== 'mainline' && pages > bvecLimit && this.sawSmall && isSplit) io.undetermined = true
    return error < 0 ? error : done
  }

  /** An operation with a hole in its middle builds lists twice. */
  private countLists(io: SlowOperation, built: readonly number[]): void {
    this.countEntries(
      io,
      built.reduce((sum, one) => sum + one, 0),
    )
    if (built.length > 1) this.figures.limitHits++
  }

  countEntries({ number }: SlowOperation, entries: number): void {
    const { figures } = this
    figures.built += entries
    const before = this.counted.number === number ? this.counted.entries : 0
    this.counted = { number, entries: before + entries }
    figures.perOperationMax = Math.max(figures.perOperationMax, before + entries)
  }

  /** One bio of at most `vecsMax` bvecs, or an errno with nothing of it held. */
  private fill(io: SlowOperation, vecsMax: number): Vec[] | number {
    const vecs: Vec[] = []
    while (io.iter.left > 0 && vecs.length < vecsMax) {
      if (this.setup.kernel === 'mainline' && this.pieceIsMisaligned(io)) {
        this.counters.misaligned++
        this.letGo(vecs)
        return EINVAL
      }
      const rest = BIO_SIZE_MAX - sizeOf(vecs)
      const got = extract(io, this.setup, this.memory, this.ledger, this.figures, vecsMax - vecs.length, rest)
      if (typeof got === 'number') {
        if (vecs.length === 0) return got === 0 ? EFAULT : got
        break
      }
      if (this.checksFirst()) this.trimCall(io, got)
      if (got.entries.length === 0) break
      this.add(vecs, got.entries, got.references)
    }
    if (!this.checksFirst()) this.trimBio(io, vecs)
    return vecs.length > 0 ? vecs : EFAULT
  }

  /** Mainline looks at an entry of an array as it stands, empty or longer than the count; else at all that is left. */
  private pieceIsMisaligned({ iter }: SlowOperation): boolean {
    const { dmaAlignment } = this.setup
    const isArray = iter.type === 'iovec' || iter.type === 'kvec'
    const { start, length } = isArray ? iter.entryHere() : iter.segmentParts()[0]!
    return start % dmaAlignment !== 0 || length % dmaAlignment !== 0
  }

  /** 6.1, 6.12: what one call listed ends on a whole block; references to the pages behind are dropped. */
  private trimCall(io: SlowOperation, got: { entries: Entry[]; references: Reference[]; bytes: number }): void {
    let trim = got.bytes % this.setup.blockSize
    this.countTrim(io, trim)
    while (trim > 0) {
      const last = got.entries.pop()!
      if (last.length > trim) {
        got.entries.push(shortened(last, trim))
        return
      }
      trim -= last.length
      this.ledger.drop(got.references.splice(got.entries.length))
    }
  }

  /** Moves the iterator back by what is cut off. */
  private countTrim({ iter }: SlowOperation, trim: number): void {
    if (trim === 0) return
    iter.position -= trim
    this.counters.trimmedBytes += trim
    this.counters.repeatedPages += iter.pageCount(iter.position, iter.position + trim)
  }

  /** 6.18, mainline: the whole bio ends on a whole block; what the kernel does not unpin is lost. */
  private trimBio(io: SlowOperation, vecs: Vec[]): void {
    let trim = sizeOf(vecs) % this.setup.blockSize
    this.countTrim(io, trim)
    while (trim > 0) {
      const last = vecs.at(-1)!
      if (last.length > trim) {
        last.length -= trim
        this.lengths.push(last.length)
        const kept = last.pages.slice(0, Math.ceil((last.offset + last.length) / PAGE))
        const isCut = ({ pages }: Reference) => !kept.includes(pages[0]!)
        for (const reference of last.references) if (isCut(reference)) reference.why = 'lost'
        last.references = last.references.filter((reference) => !isCut(reference))
        last.pages = kept
        return
      }
      trim -= last.length
      vecs.pop()
      this.ledger.drop(last.references.slice(0, 1))
      for (const reference of last.references.slice(1)) reference.why = 'lost'
    }
  }

  private add(vecs: Vec[], entries: readonly Entry[], references: readonly Reference[]): void {
    const before = vecs.length
    entries.forEach((entry, i) => {
      const reference = references.slice(i, i + 1)
      this.lengths.push(entry.length)
      if (entry.pages.some(({ folio, frame }) => folio.order === 0 && frame === null)) this.sawSmall = true
      const last = vecs.at(-1)
      const joins = last === undefined ? 'no' : this.joins(last, entry, vecs.length > before)
      if (last === undefined || joins === 'no') {
        vecs.push({ pages: [...entry.pages], offset: entry.offset, length: entry.length, references: reference })
        return
      }
      last.length += entry.length
      if (joins === 'same page') {
        if (reference.length > 0) this.counters.mergedDuplicates++
        this.ledger.drop(reference)
        last.pages.push(...entry.pages.slice(1))
      } else {
        last.pages.push(...entry.pages)
        last.references.push(...reference)
      }
    })
  }

  /** bvec_try_merge_page; in mainline only pages of one folio that one call listed share a bvec. */
  private joins(last: Vec, entry: Entry, isOfThisCall: boolean): 'no' | 'same page' | 'next page' {
    const end = (last.offset + last.length) % PAGE
    const lastPage = last.pages.at(-1)!
    const page = entry.pages[0]!
    if (entry.offset !== end) return 'no'
    if (this.setup.kernel === 'mainline')
      return isOfThisCall && end === 0 && follows(lastPage, page) ? 'next page' : 'no'
    if (end !== 0) return page === lastPage ? 'same page' : 'no'
    return this.isAdjacent(lastPage, page) ? 'next page' : 'no'
  }

  private isAdjacent(before: Page, after: Page): boolean {
    if (follows(before, after)) return true
    if (before.frame !== null && after.frame !== null) return after.frame === before.frame + 1
    return this.setup.adjacent?.(before, after) ?? false
  }

  /** Hands the bio over. From 6.18 on misaligned memory is refused here, but for a single bvec inside one page. */
  private send(io: SlowOperation, vecs: readonly Vec[]): number {
    const { dmaAlignment, kernel } = this.setup
    const isOdd = vecs.some(({ offset, length }) => offset % dmaAlignment !== 0 || length % dmaAlignment !== 0)
    const isSmall = vecs.length === 1 && vecs[0]!.offset + vecs[0]!.length <= PAGE
    if (kernel === '6.18' && isOdd && !isSmall) {
      this.counters.misaligned++
      this.letGo(vecs)
      return EINVAL
    }
    const pages = vecs.reduce((sum, { offset, length }) => sum + Math.ceil((offset + length) / PAGE), 0)
    this.counters.bios++
    this.counters.bvecs += vecs.length
    if (io.row.isRead && io.isUserBacked) this.counters.dirtiedPages += pages
    this.figures.zeroCopyBytes += sizeOf(vecs)
    this.figures.avoidedEntries += 2 * pages
    this.figures.avoidedAllocations += 2
    const references = vecs.flatMap((vec) => vec.references)
    if (references.length > 0) io.kept.push(references)
    return sizeOf(vecs)
  }

  private letGo(vecs: readonly Vec[]): void {
    for (const { references } of vecs) this.ledger.drop(references)
  }
}

function sizeOf(vecs: readonly Vec[]): number {
  return vecs.reduce((sum, { length }) => sum + length, 0)
}

function shortened(entry: Entry, bytes: number): Entry {
  const length = entry.length - bytes
  return { ...entry, length, pages: entry.pages.slice(0, Math.ceil((entry.offset + length) / PAGE)) }
}
