import {
  EIO,
  type Guard,
  type Operation,
  PAGE,
  type PageEvent,
  type Piece,
  since,
  type Twin,
  type World,
} from '../../../core/test/consumer-twin/slow-common.ts'
import { SlowDirectoryCache, type SlowFolio } from './slow-directory-cache.ts'
import { SlowDirectoryQueue } from './slow-directory-queue.ts'

const EFBIG = -27
const BLOCK = 2048
const DIRECTORY_BYTES_MAX = 1024 * BLOCK
const EDIT_BYTES_MAX = 1023 * BLOCK
const WAYS = ['refs', 'bare', 'locked'] as const
const GUARDS: Readonly<Record<(typeof WAYS)[number], Guard>> = { refs: 'count', bare: 'none', locked: 'lock' }

interface Listing {
  readonly directory: Directory
  readonly size: number
  readonly isFetched: boolean
  readonly folios: readonly SlowFolio[]
}

interface Directory {
  readonly file: string
  /** AFS_VNODE_DIR_VALID */
  isValid: boolean
  /** i_size */
  size: number
}

/** fs/afs/dir.c, fs/afs/dir_edit.c. Every folio of the page cache is one page. consumers.md 12.4 */
export class SlowAfsDir implements Twin {
  private readonly world: World
  private readonly directories = new Map<string, Directory>()
  private readonly listings = new Map<number, Listing>()
  private readonly cache: SlowDirectoryCache
  private readonly queue: SlowDirectoryQueue | null
  private readonly way: (typeof WAYS)[number]
  private readonly counts = {
    listings: 0,
    reloads: 0,
    filledFolios: 0,
    edits: 0,
    skippedEdits: 0,
    adjustedSizes: 0,
    lostReferences: 0,
    strayPuts: 0,
    queuedFolios: 0,
  }

  constructor(world: World) {
    this.world = world
    this.cache = new SlowDirectoryCache(world)
    this.queue = since(world.setup.version, '6.18') ? new SlowDirectoryQueue(world) : null
    this.way = WAYS[world.setup.options.way ?? 0]!
    // A truncation takes folios out of the cache besides what the lane says of it.
    const happens = world.happens.bind(world)
    world.happens = (event, pieces) => this.happens(event, pieces, happens)
  }

  counters() {
    return { ...this.counts, queuedFolios: this.queue?.foliosMade ?? 0 }
  }

  submit({ iter, row, number }: Operation): number {
    const { counts } = this
    const isXarray = iter.type === 'xarray'
    const directory = this.find(isXarray ? `f${row.segs[0]![1]}` : (row.file ?? ''))
    if (iter.count === 0) return 0
    if (!iter.isDest) return this.add(directory, iter.count)
    const isSync = row.end === undefined
    const result = row.result ?? 0
    if (isXarray) return this.list(directory, iter.count, iter.count, number, result, isSync)
    const size = Math.min(Math.ceil(iter.count / BLOCK) * BLOCK, DIRECTORY_BYTES_MAX)
    if (size !== iter.count) counts.adjustedSizes++
    return this.list(directory, size, Math.min(iter.count, size), number, result, isSync)
  }

  /** afs_read_dir: bytes, or -errno. */
  private list(
    directory: Directory,
    size: number,
    bytes: number,
    number: number,
    result: number,
    isSync: boolean,
  ): number {
    const { world, counts, queue } = this
    const error = size < BLOCK ? EIO : size > DIRECTORY_BYTES_MAX ? EFBIG : 0
    if (error < 0 && queue === null) {
      // struct afs_read
      this.allocateAndFree()
      return error
    }
    // It has grown, which is why it is fetched.
    if (size > directory.size) directory.isValid = false
    if (error < 0 && !directory.isValid) return error
    counts.listings++
    const folios: SlowFolio[] = []
    if (queue === null) {
      world.allocate()
      for (let index = 0; index < Math.ceil(size / PAGE); index++) {
        const { folio, isMade } = this.cache.findOrMake(directory.file, index)
        if (isMade) {
          counts.filledFolios++
          directory.isValid = false
        }
        if (this.way === 'refs') folio.holds.push(world.take('ref', [folio.page]))
        else world.bare++
        folios.push(folio)
      }
      const whole = folios.map(({ page }) => ({ page, offset: 0, length: PAGE }))
      world.borrow(whole, GUARDS[this.way], false)
    }
    const isFetched = !directory.isValid
    this.listings.set(number, { directory, size, isFetched, folios })
    if (!isFetched) {
      world.reachedInPlace(bytes)
      return bytes
    }
    counts.reloads++
    // afs_fetch_data; netfs_read_single
    queue?.fetch(directory.file, size)
    if (result < 0 && isSync) {
      this.end(number)
      return result
    }
    // Whoever comes before it is over waits for validate_lock, and then finds it valid, or not.
    if (result >= 0) {
      directory.isValid = true
      directory.size = size
    }
    world.data.copiedBytes += bytes
    return bytes
  }

  complete({ number }: Operation): void {
    if (this.listings.has(number)) this.end(number)
  }

  /** afs_dir_read_cleanup: what stands at those indices now is put. */
  private end(number: number): void {
    const { directory, isFetched, folios } = this.listings.get(number)!
    this.listings.delete(number)
    if (this.queue !== null) {
      if (isFetched) this.queue.endFetch()
      return
    }
    this.world.free()
    if (this.way !== 'refs') return
    let strays = 0
    for (const [index, folio] of folios.entries()) {
      const now = this.cache.find(directory.file, index)
      const isQuirk = this.world.setup.quirks['afs-dir-put-by-index'] !== false
      if (now === folio || !isQuirk) this.world.drop(folio.holds.pop()!)
      else {
        this.counts.lostReferences++
        if (now !== undefined) strays++
      }
    }
    this.counts.strayPuts += strays
    if (strays > 0) this.world.violations.push('double-release')
  }

  /** afs_edit_dir_add, which finds room in the last block. */
  private add(directory: Directory, bytes: number): number {
    const { counts, cache, world } = this
    const { size, file } = directory
    const isTooLarge = size > EDIT_BYTES_MAX || size % BLOCK !== 0
    if (!directory.isValid || isTooLarge) {
      directory.isValid = false
      counts.skippedEdits++
      return bytes
    }
    const blocks = size / BLOCK
    if (this.queue === null) {
      const first = world.take('ref', [cache.findOrMake(file, 0).folio.page])
      if (size < EDIT_BYTES_MAX) {
        for (let block = PAGE / BLOCK; block < blocks; block++) {
          const { page } = cache.findOrMake(file, Math.floor((block * BLOCK) / PAGE)).folio
          world.drop(world.take('ref', [page]))
        }
      }
      world.drop(first)
    }
    if (size === EDIT_BYTES_MAX) {
      directory.isValid = false
      counts.skippedEdits++
      return bytes
    }
    counts.edits++
    world.reachedInPlace(bytes)
    return bytes
  }

  close(): void {
    this.queue?.free()
  }

  private find(file: string): Directory {
    const known = this.directories.get(file)
    if (known !== undefined) return known
    const directory = { file, isValid: false, size: 0 }
    this.directories.set(file, directory)
    return directory
  }

  private allocateAndFree(): void {
    this.world.allocate()
    this.world.free()
  }

  /** A folio that leaves the cache makes its directory invalid (afs_dir_invalidate_folio). */
  private happens(event: PageEvent, pieces: readonly Piece[], happens: World['happens']): void {
    happens(
      event,
      pieces.map((piece) => ({ ...piece, key: this.cache.keyNow(piece.key) })),
    )
    if (event !== 'truncate' || this.queue !== null) return
    for (const file of this.cache.remove(pieces)) this.find(file).isValid = false
  }
}
