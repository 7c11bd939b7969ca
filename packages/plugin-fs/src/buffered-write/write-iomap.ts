import { type ConsumerEnvironment, ENOSPC, isSince, type Operation, PAGE_SIZE } from '@pinscope/core'
import { BufferedWrite } from './buffered-write.ts'
import { CopyLoop } from './copy-loop.ts'
import { FolioCache } from './folio-cache.ts'
import { IomapFolios } from './iomap-folios.ts'
import { FS_CALLS, FS_LOCK_TRIPS, MAPPINGS, MAX_PAGECACHE_ORDER, SPACE_FLUSHES, STALE_BYTES } from './write-counters.ts'
import { HOLE, type WrittenFile } from './written-file.ts'

/** Values of the option `folios`. */
export const FOLIO_SIZES = ['kernel', 'order-0', 'large'] as const
const LARGE = FOLIO_SIZES.indexOf('large')
const BY_KERNEL = FOLIO_SIZES.indexOf('kernel')

/**
 * iomap as XFS uses it: an extent is mapped and reserved at once, its folios are written, and what was reserved and not
 * written is punched. Without space everything dirty is written back once, and the write begins anew.
 * @kernel fs/iomap/buffered-io.c: iomap_file_buffered_write; fs/iomap/iter.c: iomap_iter; fs/xfs/xfs_iomap.c:
 *   xfs_buffered_write_iomap_begin, xfs_buffered_write_iomap_end; fs/xfs/xfs_file.c: xfs_file_buffered_write
 */
export class WriteIomap extends BufferedWrite {
  private readonly loop: CopyLoop
  private readonly folios: IomapFolios
  /** Pages of a hole that are mapped at once; 0: no limit. */
  private readonly holePages: number
  /** A status ends the walk over the extents even where something was written: 7.3. Before, one more is mapped (read: 6.1, 6.12, 7.0). */
  private readonly stopsAtStatus: boolean
  /** End of the extent that was mapped last, in blocks, and whether its space was reserved for it. */
  private end = 0
  private isNew = false

  constructor(environment: ConsumerEnvironment) {
    super(environment)
    const { counts } = this
    const { kernel, options } = environment
    const hasLargeFolios = options.folios === LARGE || (options.folios === BY_KERNEL && isSince(kernel, '6.12'))
    const cache = new FolioCache(environment, counts, false)
    const sparesWholeFolio = isSince(kernel, '6.12')
    const trustsZeroed = !isSince(kernel, 'mainline')
    this.folios = new IomapFolios(cache, counts, { hasLargeFolios, sparesWholeFolio, trustsZeroed })
    const chunkBytes = hasLargeFolios ? PAGE_SIZE * 2 ** MAX_PAGECACHE_ORDER : PAGE_SIZE
    this.loop = new CopyLoop(cache, counts, { chunkBytes, faultsInFirst: true })
    this.holePages = options['hole-pages']
    this.stopsAtStatus = isSince(kernel, 'mainline')
  }

  protected write(io: Operation, file: WrittenFile): number {
    const result = this.extents(io, file)
    if (result !== ENOSPC) return result
    this.counts[SPACE_FLUSHES]++
    return this.extents(io, file)
  }

  /** Extent after extent: bytes, or -errno where nothing was written. */
  private extents(io: Operation, file: WrittenFile): number {
    const { loop, folios, stopsAtStatus } = this
    let written = 0
    let status = 0
    while (io.iter.countBytes > 0) {
      if (!this.begin(io, file)) {
        status = ENOSPC
        break
      }
      const start = file.positionBytes
      const first = file.index
      const bytes = Math.min(io.iter.countBytes, this.end * PAGE_SIZE - start)
      const done = loop.write(io, file, folios, bytes)
      written += done
      this.finish(
        io,
        file,
        done === 0 ? first : Math.ceil((start + done) / PAGE_SIZE),
        Math.ceil((start + bytes) / PAGE_SIZE),
      )
      status = loop.status
      if (done === 0 || (status < 0 && stopsAtStatus)) break
    }
    this.counts[STALE_BYTES] += folios.finish(io, file)
    return written > 0 ? written : status
  }

  /** Maps what lies at the position, and reserves a hole; false without space. @kernel fs/xfs/xfs_iomap.c: xfs_buffered_write_iomap_begin */
  private begin(io: Operation, file: WrittenFile): boolean {
    const { counts, holePages } = this
    const { index: first, positionBytes } = file
    const { countBytes } = io.iter
    counts[FS_CALLS]++
    counts[FS_LOCK_TRIPS]++
    this.isNew = file.space(first) === HOLE
    const bytes = this.isNew && holePages > 0 ? Math.min(countBytes, holePages * PAGE_SIZE) : countBytes
    this.end = this.mappingEnd(file, first, Math.ceil((positionBytes + bytes) / PAGE_SIZE))
    if (this.isNew && !this.space.reserve(io, file, first, this.end - first)) return false
    counts[MAPPINGS]++
    return true
  }

  /** Nothing was written from block `first` on: what begin() reserved of it is given back. @kernel fs/xfs/xfs_iomap.c: xfs_buffered_write_iomap_end */
  private finish(io: Operation, file: WrittenFile, first: number, end: number): void {
    this.counts[FS_CALLS]++
    if (!this.isNew || first >= end) return
    this.counts[FS_LOCK_TRIPS]++
    this.space.punch(io, file, first, end)
  }
}
