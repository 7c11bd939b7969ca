import { EINVAL } from '../../errno.ts'
import { ITER_DEST } from '../../iter/iter-type.ts'
import { FLAG_DIRECT, FLAG_HOLE } from '../../iter/row-flags.ts'
import { PAGE_SIZE } from '../../units.ts'
import {
  type Consumer,
  type ConsumerEnvironment,
  countersOf,
  type OperationShape,
  SHAPE_PAGES_MAX,
} from '../consumer.ts'
import type { Operation } from '../operation.ts'
import { BIO_COUNTERS, FALLBACK_COUNTERS, MISALIGNED } from './bio-counters.ts'
import { BioFiller } from './bio-filler.ts'
import { BounceWriter } from './bounce-writer.ts'
import { BtrfsDio, endAtFile } from './btrfs-dio.ts'
import { copyRest } from './copy-rest.ts'
import { type DirectPath, directPathOf } from './file-system.ts'
import { IomapDio, MAPPING_UNBOUNDED } from './iomap-dio.ts'

const ALL_COUNTERS = [...BIO_COUNTERS, ...FALLBACK_COUNTERS]
/** Smallest block of btrfs, bytes: the page size, unless it was made with another one. @kernel btrfs_fs_info.sectorsize */
const BTRFS_SECTOR_BYTES = 4096

/**
 * Direct I/O: bios built from an iterator, on a raw block device (block/fops.c) or through iomap (ext4, xfs). What other
 * file systems do with O_DIRECT is in file-system.ts; it concerns rows with the flag `direct`.
 *
 * @kernel block/fops.c: blkdev_direct_IO; fs/iomap/direct-io.c: __iomap_dio_rw
 */
export class BioConsumer implements Consumer {
  /** A position matters for where blocks begin, unless extents end in the file. */
  readonly operationShape?: OperationShape
  private readonly filler: BioFiller
  private readonly iomap: IomapDio
  private readonly bounce: BounceWriter
  private readonly btrfs: BtrfsDio
  private readonly path: DirectPath
  /** Rows with the flag `direct` go another way than bios of all that they name. */
  private readonly isSpecial: boolean
  /** Without a hole everything is one extent. */
  private readonly isPlain: boolean
  private readonly blockMask: number
  private readonly dmaMask: number
  private readonly throughIomap: boolean
  private readonly counts = new Float64Array(ALL_COUNTERS.length)

  constructor(environment: ConsumerEnvironment) {
    const { kernel, options, filesystem } = environment
    const { counts } = this
    const blockBytes = options['logical-block-size']
    this.path = directPathOf(filesystem, kernel)
    this.isSpecial = this.path === 'btrfs' || this.path === 'page-cache' || this.path === 'refused'
    this.isPlain = !this.isSpecial && (filesystem === null || options['extent-bytes'] === 0)
    if (this.isPlain && blockBytes <= PAGE_SIZE) {
      const isOneBio = options['bvec-limit'] >= SHAPE_PAGES_MAX
      this.operationShape = {
        positionAlignmentBytes: blockBytes,
        addressAlignmentBytes: isOneBio ? options['dma-alignment'] : 0,
      }
    }
    this.blockMask = blockBytes - 1
    this.dmaMask = options['dma-alignment'] - 1
    this.throughIomap = filesystem !== null
    const sectorBytes = Math.max(blockBytes, BTRFS_SECTOR_BYTES)
    const extentBytes = this.throughIomap ? options['extent-bytes'] : 0
    this.filler = new BioFiller(environment, counts)
    this.iomap = new IomapDio(this.filler, counts, extentBytes, this.path === 'btrfs' ? sectorBytes : blockBytes)
    this.bounce = new BounceWriter(options['bvec-limit'], sectorBytes, counts)
    this.btrfs = new BtrfsDio(environment, this.iomap, this.bounce, counts, sectorBytes)
  }

  submit(io: Operation): number {
    const result = this.isPlain && (io.flags & FLAG_HOLE) === 0 ? this.submitWhole(io) : this.submitOther(io)
    return io.recordedResult >= 0 && io.recordedResult < result ? io.recordedResult : result
  }

  abort(io: Operation): void {
    this.complete(io)
  }

  /** @kernel block/bio.c: bio_release_pages, bio_check_pages_dirty */
  complete(io: Operation): void {
    io.letGoOfKept()
    if (io.scratch !== 0) this.bounce.complete(io)
  }

  counters(): Readonly<Record<string, number>> {
    return countersOf(this.isSpecial ? ALL_COUNTERS : BIO_COUNTERS, this.counts)
  }

  /** Nearly every operation: kept small, for the sake of what V8 inlines. */
  private submitWhole(io: Operation): number {
    const refused = this.refusal(io)
    if (refused !== 0) return refused
    if (this.throughIomap && io.iter.direction === ITER_DEST) endAtFile(io, this.blockMask + 1)
    return io.iter.countBytes === 0 ? 0 : this.filler.whole(io)
  }

  private submitOther(io: Operation): number {
    if (this.isSpecial && (io.flags & FLAG_DIRECT) !== 0) return this.submitSpecial(io)
    // A hole is one of reads.
    if (io.iter.direction !== ITER_DEST && this.isPlain) return this.submitWhole(io)
    const refused = this.refusal(io)
    if (refused !== 0) return refused
    if (this.throughIomap && io.iter.direction === ITER_DEST) endAtFile(io, this.blockMask + 1)
    const error = this.iomap.run(io, 0, MAPPING_UNBOUNDED, null)
    return error < 0 ? error : this.iomap.sizeBytes
  }

  private submitSpecial(io: Operation): number {
    if (this.path === 'refused') return EINVAL
    return this.path === 'btrfs' ? this.btrfs.submit(io) : copyRest(io, 0, this.counts)
  }

  /**
   * The tests made before any page is touched: position and length on whole blocks, and up to 6.12 the memory's
   * alignment too. @kernel block/fops.c: blkdev_dio_invalid; fs/iomap/direct-io.c: iomap_dio_bio_iter
   */
  private refusal(io: Operation): number {
    // Nothing to do is no error: the system call returns before it gets here.
    if (io.iter.countBytes === 0) return 0
    const position = io.offsetBytes < 0 ? 0 : io.offsetBytes
    if ((position & this.blockMask) !== 0 || (io.iter.countBytes & this.blockMask) !== 0) return EINVAL
    if (this.filler.traits.alignment === 'before' && !io.iter.isAligned(this.dmaMask, this.blockMask)) {
      this.counts[MISALIGNED]++
      return EINVAL
    }
    return 0
  }
}
