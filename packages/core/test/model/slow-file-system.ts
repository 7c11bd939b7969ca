import { EAGAIN, EFAULT, EINVAL, ENOMEM } from '../../src/errno.ts'
import { USER_ADDRESS_END } from '../../src/iter/import-iovec.ts'
import type { SlowBio } from './slow-bio.ts'
import type { SlowLedger } from './slow-ledger.ts'
import type { SlowMemory } from './slow-memory.ts'
import { type Figures, release, type SlowOperation, type SlowSetup } from './slow-operation.ts'

const MIB = 2 ** 20

/** File systems whose direct I/O is other than bios: fs/btrfs/direct-io.c and fs/iomap, mm/shmem.c, fs/open.c. */
export class SlowFileSystem {
  readonly counters = { buffered: 0, bufferedBytes: 0, bouncedBytes: 0, faultRetries: 0 }
  readonly isSpecial: boolean
  private readonly setup: SlowSetup
  private readonly memory: SlowMemory
  private readonly ledger: SlowLedger
  private readonly figures: Figures
  private readonly bio: SlowBio

  constructor(setup: SlowSetup, memory: SlowMemory, ledger: SlowLedger, figures: Figures, bio: SlowBio) {
    this.setup = setup
    this.memory = memory
    this.ledger = ledger
    this.figures = figures
    this.bio = bio
    this.isSpecial = ['btrfs', 'tmpfs', 'devtmpfs', ...WITHOUT].includes(setup.filesystem ?? '')
  }

  submit(io: SlowOperation): number {
    const { filesystem, kernel } = this.setup
    const isShmem = filesystem === 'tmpfs' || filesystem === 'devtmpfs'
    if (filesystem !== 'btrfs' && !(isShmem && kernel !== '6.1')) return EINVAL
    const done = isShmem ? this.copyRest(io, 0) : this.btrfs(io)
    return io.row.result !== null && io.row.result >= 0 ? Math.min(io.row.result, done) : done
  }

  /** The operation is over: what was copied into goes. */
  free(io: SlowOperation): void {
    for (const bytes of io.folios) this.giveFolio(bytes)
    io.folios = []
  }

  private get sector(): number {
    return Math.max(4096, this.setup.blockSize)
  }

  private btrfs(io: SlowOperation): number {
    const { iter, row } = io
    if (iter.left === 0) return 0
    const isNowait = row.flags.has('nowait')
    const isAligned = this.isAligned(io)
    const isTwice = row.isRead && iter.type === 'iovec' && hasRepeats(row.segments.map(({ base }) => base))
    if (row.isRead && row.result !== null && row.result >= 0 && row.result < iter.end) {
      iter.end = Math.min(iter.end, Math.ceil(row.result / this.sector) * this.sector)
    }
    const goesDirect = isAligned && !isTwice && (row.isRead || this.checksummed() !== 'copied')
    const { end } = iter
    const done = goesDirect ? this.retrying(io, isNowait) : 0
    iter.end = end
    if (done < 0 || done === end) return done
    iter.position = done
    return isNowait && !row.isRead ? EAGAIN : this.copyRest(io, done)
  }

  /** check_direct_IO: position, addresses and lengths on whole sectors; empty vectors do not count, empty bvecs do. */
  private isAligned({ iter, row }: SlowOperation): boolean {
    if (Math.max(row.offset, 0) % this.sector !== 0) return false
    const parts =
      iter.type === 'xarray'
        ? [{ start: iter.segments[0]!.base, length: iter.left }]
        : iter.segmentParts().filter(({ length }) => length > 0 || iter.isByFrame)
    return parts.every(({ start, length }) => start % this.sector === 0 && length % this.sector === 0)
  }

  /** What becomes of a write to a file with checksums. */
  private checksummed(): 'direct' | 'copied' | 'bounced' {
    const { kernel, hasNoChecksums } = this.setup
    if (hasNoChecksums === true || kernel === '6.1') return 'direct'
    return kernel === 'mainline' ? 'bounced' : 'copied'
  }

  /** btrfs_direct_read, btrfs_direct_write: bytes done, which may be short, or an errno. */
  private retrying(io: SlowOperation, isNowait: boolean): number {
    const { iter, row } = io
    const { kernel } = this.setup
    const { end } = iter
    const isBounced = !row.isRead && this.checksummed() === 'bounced'
    const isSplit = this.bio.extentEnd(io, 0, this.sector) < end
    if (isNowait && (isBounced || isSplit || (row.isRead && iter.left > 4096))) return EAGAIN
    let done = 0
    let before = -1
    for (;;) {
      const { error, isOfHole } = this.attempt(io, done, end, isBounced)
      const moved = iter.position - done
      // Since 6.15 the error of a mapping without progress is lost; a hole has none to lose.
      const isLost = !isOfHole && (kernel === '6.18' || kernel === 'mainline')
      if (error < 0 && error !== EFAULT && !isLost) return error
      done = iter.position
      if (done === end) return done
      if (moved === 0 && isLost && (row.isRead || kernel !== 'mainline')) return done
      release(io, this.ledger)
      this.free(io)
      if (done === before) return done
      iter.end = end
      this.reach(io, end - done, false)
      this.counters.faultRetries++
      before = done
    }
  }

  /** iomap_dio_rw with faults disabled: 0, or the error at which it ended. */
  private attempt(io: SlowOperation, from: number, end: number, isBounced: boolean) {
    const { iter, row } = io
    const hole = this.bio.hole(io, end) ?? { from: end, to: end }
    io.noFault = true
    for (iter.position = from; iter.position < end; ) {
      const at = iter.position
      iter.end = end
      if (hole.from <= at && at < hole.to) {
        const zeroed = this.reach(io, hole.to - at, true)
        iter.position = at + zeroed
        this.bio.counters.holeBytes += zeroed
        if (zeroed > 0) continue
        io.noFault = false
        return { error: EFAULT, isOfHole: true }
      }
      const most = row.isRead ? at + 256 * this.sector : Number.POSITIVE_INFINITY
      const to = Math.min(end, at < hole.from ? hole.from : end, most, this.bio.extentEnd(io, at, this.sector))
      const got = isBounced ? this.bounce(io, at, to) : this.bio.extent(io, at, to)
      if (got >= 0) continue
      io.noFault = false
      return { error: got, isOfHole: false }
    }
    io.noFault = false
    return { error: 0, isOfHole: false }
  }

  /** bio_iov_iter_bounce_write: bios of folios, each a power of two long. */
  private bounce(io: SlowOperation, from: number, to: number): number {
    const { iter } = io
    iter.position = from
    iter.end = to
    while (iter.position < to) {
      const start = iter.position
      const most = Math.min(iter.pageCount(start, to), this.setup.bvecLimit)
      const folios: number[] = []
      while (iter.position < to && folios.length < most) {
        const left = Math.min(to - iter.position, MIB)
        const bytes = left > 2 * this.sector ? 2 ** Math.floor(Math.log2(left)) : left
        folios.push(bytes)
        this.takeFolio(bytes)
        if (this.reach(io, bytes, true) < bytes) {
          for (const one of folios) this.giveFolio(one)
          iter.position = start
          return EFAULT
        }
        iter.position += bytes
        this.figures.copiedBytes += bytes
      }
      if (folios.length === 0) return ENOMEM
      io.folios.push(...folios)
      this.bio.counters.bios++
      this.bio.counters.bvecs += folios.length
      this.counters.bouncedBytes += iter.position - start
      this.bio.countEntries(io, folios.length)
    }
    return to - from
  }

  /** filemap_read, generic_perform_write. */
  private copyRest(io: SlowOperation, done: number): number {
    const { iter, row } = io
    const left = iter.end - done
    const wanted = row.result !== null && row.result >= 0 ? Math.min(left, row.result - done) : left
    if (wanted <= 0) return done
    iter.position = done
    const copied = this.reach(io, wanted, false)
    this.figures.copiedBytes += copied
    this.counters.buffered++
    this.counters.bufferedBytes += copied
    if (copied > 0) return done + copied
    return row.isRead && done > 0 ? done : EFAULT
  }

  /** Of the next `bytes` bytes those that the CPU reaches, segment by segment up to the first page that it does not. */
  private reach(io: SlowOperation, bytes: number, noFault: boolean): number {
    const { iter, row, isUserBacked } = io
    if (!isUserBacked) return bytes
    const to = iter.position + bytes
    const pieces = iter.range(iter.position, to)
    let done = 0
    for (const [i, { segment, page, offset, length }] of pieces.entries()) {
      const isFirst = i === 0 || pieces[i - 1]!.segment !== segment
      const ofSegment = pieces.filter((piece) => piece.segment === segment).reduce((sum, one) => sum + one.length, 0)
      // A read of what reaches beyond user addresses is refused as a whole.
      if (!row.isRead && isFirst && page * 4096 + offset + ofSegment > USER_ADDRESS_END) return done
      if (typeof this.memory.walk(iter.space, page, 1, { write: row.isRead, noFault }) === 'number') return done
      done += length
    }
    return done
  }

  private takeFolio(bytes: number): void {
    const { allocations } = this.figures
    allocations.made++
    allocations.bytes += bytes
    allocations.openBytes += bytes
    allocations.peakBytes = Math.max(allocations.peakBytes, allocations.openBytes)
  }

  private giveFolio(bytes: number): void {
    this.figures.allocations.freed++
    this.figures.allocations.openBytes -= bytes
  }
}

/** O_DIRECT is refused by open(2). */
const WITHOUT = ['ramfs', 'squashfs', 'cramfs', 'romfs', 'iso9660', 'hugetlbfs']

function hasRepeats(list: readonly number[]): boolean {
  return new Set(list).size < list.length
}
