import {
  type ConsumerEnvironment,
  EFAULT,
  EFBIG,
  EIO,
  ENOMEM,
  FAULT_COPY,
  FAULT_NAMES,
  GUARD_COUNT,
  GUARD_LOCK,
  GUARD_NONE,
  type Guard,
  isHold,
  KIND_FILE,
  type Ledger,
  type Operation,
  PAGE_SIZE,
  type PageCache,
  PageList,
  type PageStore,
  RETAIN_REF,
} from '@pinscope/core'
import { FILLED, LISTINGS, RELOADS } from './afs-counters.ts'
import {
  AFS_READ_BYTES,
  BLOCK_BYTES,
  BLOCKS_PER_PAGE,
  DIR_BYTES_MAX,
  DIR_PAGES_MAX,
  EDIT_BLOCKS_MAX,
  isEditable,
} from './afs-sizes.ts'
import type { Directories } from './directories.ts'
import type { DirectoryPages } from './directory-pages.ts'
import { LISTING_NONE, type Listing, Listings } from './listed-folios.ts'
import { PutByIndex } from './put-by-index.ts'

const FAULT_ALLOC = FAULT_NAMES.indexOf('alloc')

/** Values of the option `way`: what keeps the folios between their listing and their use. */
export const WAYS = ['refs', 'bare', 'locked'] as const
const REFS = WAYS.indexOf('refs')
const LOCKED = WAYS.indexOf('locked')

/**
 * Directories in the page cache: 6.1 and 6.12. Each folio is found, or made where there is a hole, and referenced; then an
 * iterator over the file's xarray names them all, and only then validate_lock is taken. The references are put when the
 * listing is over.
 *
 * What keeps the folios is the references alone: against reclaim, not against whoever takes them out of the cache under
 * validate_lock (afs_zap_data) before the reader has it. `way=bare` is the iterator alone, `way=locked` the locks of all
 * folios, which no version holds across the fetch.
 * @kernel fs/afs/dir.c: afs_read_dir, afs_dir_read_cleanup; fs/afs/dir_edit.c: afs_edit_dir_add
 */
export class CachedPages implements DirectoryPages {
  isFetched = false
  private readonly cache: PageCache
  private readonly pages: PageStore
  private readonly ledger: Ledger
  private readonly directories: Directories
  private readonly counts: Float64Array
  private readonly takesRefs: boolean
  private readonly guard: Guard
  private readonly listings = new Listings()
  private readonly folios = new PageList(DIR_PAGES_MAX)
  private readonly putByIndex: PutByIndex
  /** By directory and page: row of the folio's head at the last listing, -1 for none. */
  private readonly known: Int32Array[] = []

  constructor(environment: ConsumerEnvironment, directories: Directories, counts: Float64Array) {
    const { memory, pages, ledger, options } = environment
    this.cache = memory.cache
    this.pages = pages
    this.ledger = ledger
    this.directories = directories
    this.counts = counts
    this.takesRefs = options.way === REFS
    this.guard = options.way === REFS ? GUARD_COUNT : options.way === LOCKED ? GUARD_LOCK : GUARD_NONE
    this.putByIndex = new PutByIndex(environment, counts)
  }

  list(io: Operation, file: number, directory: number, sizeBytes: number): number {
    this.isFetched = false
    if (!io.allocate(AFS_READ_BYTES)) return ENOMEM
    const listing = this.listings.take(file, directory)
    io.scratch = listing.number
    if (sizeBytes < BLOCK_BYTES) return EIO
    if (sizeBytes > DIR_BYTES_MAX) return EFBIG
    const { directories } = this
    if (!this.isWhole(file, directory) || !directories.isValid(directory, sizeBytes)) directories.invalidate(directory)
    const error = this.fill(io, listing, Math.ceil(sizeBytes / PAGE_SIZE))
    if (error < 0) return error
    this.counts[LISTINGS]++
    return directories.isValid(directory, sizeBytes) ? 0 : this.reload(io, listing, sizeBytes)
  }

  /**
   * An entry in the last block: the first folio stays locked and referenced while those of the other blocks are, one block
   * after the other.
   */
  edit(io: Operation, file: number, directory: number, sizeBytes: number): boolean {
    if (!isEditable(sizeBytes) || !this.isWhole(file, directory)) return false
    const first = this.cache.find(file, 0)
    const meta = io.referencePage(first)
    if (!isHold(meta)) return false
    const blocks = sizeBytes / BLOCK_BYTES
    let isDone = blocks < EDIT_BLOCKS_MAX
    for (let b = BLOCKS_PER_PAGE * 2 ** this.pages.orderOf(first); b < blocks && isDone; b++) {
      isDone = this.touch(io, this.cache.find(file, Math.floor(b / BLOCKS_PER_PAGE)))
    }
    this.ledger.letGo(meta)
    return isDone
  }

  end(io: Operation): void {
    if (io.scratch === LISTING_NONE) return
    const listing = this.listings.at(io.scratch)
    io.scratch = LISTING_NONE
    if (io.completion < 0 && listing.isFetched) this.directories.fetchFailed(io, listing.directory)
    this.putByIndex.put(io, listing)
    this.listings.give(listing)
    io.free(AFS_READ_BYTES)
  }

  /** The page cache keeps them. */
  close(): void {}

  /** Every folio of the file's first `pages` pages, with a reference each. @kernel fs/afs/dir.c: afs_read_dir, from `expand` on */
  private fill(io: Operation, listing: Listing, pages: number): number {
    const { folios, ledger, pages: store } = this
    const known = this.knownOf(listing.directory)
    for (let index = 0; index < pages; ) {
      const page = this.findOrMake(io, listing.file, index)
      if (page < 0) return ENOMEM
      // The columns may be other ones by now: a page was made.
      const first = store.headOf(page)
      if (known[index] !== first) {
        known[index] = first
        this.counts[FILLED]++
        this.directories.invalidate(listing.directory)
      }
      listing.head[listing.count] = first
      listing.index[listing.count++] = index
      index += 2 ** store.orderOf(first) - (page - first)
    }
    if (!this.takesRefs) {
      ledger.bare(pages)
      this.borrow(io, listing, pages)
      return 0
    }
    for (let k = 0; k < listing.count; k++) folios.page[k] = listing.head[k]
    folios.describe(listing.count, 0, listing.count * PAGE_SIZE)
    folios.retention = RETAIN_REF
    const hold = ledger.acquire(folios)
    if (!isHold(hold)) return hold
    listing.hold = hold
    io.keep(hold)
    this.borrow(io, listing, pages)
    return 0
  }

  /** The iterator names every page, whole. */
  private borrow(io: Operation, { file }: Listing, pages: number): void {
    for (let index = 0; index < pages; index++) io.borrow(this.cache.find(file, index), 0, PAGE_SIZE, this.guard)
  }

  /** Row of the page at an index; a small folio is made where there is a hole. -1 without memory. @kernel mm/filemap.c: __filemap_get_folio (FGP_CREAT) */
  private findOrMake(io: Operation, file: number, index: number): number {
    const page = this.cache.find(file, index)
    if (page >= 0) return page
    if (io.faults.fails(FAULT_ALLOC)) return -1
    const made = this.pages.allocateFolio(0, KIND_FILE)
    this.cache.add(file, index, made)
    return made
  }

  /** The server's packets are copied into the folios. @kernel fs/afs/file.c: afs_fetch_data; fs/afs/fsclient.c: afs_deliver_fs_fetch_data */
  private reload(io: Operation, listing: Listing, sizeBytes: number): number {
    this.counts[RELOADS]++
    this.isFetched = true
    listing.isFetched = true
    if (io.faults.fails(FAULT_COPY)) return EFAULT
    if (io.recordedResult < 0) return io.hasEnd ? 0 : io.recordedResult
    this.directories.validate(listing.directory, sizeBytes)
    return 0
  }

  /** No folio has left the cache since the last listing: the directory is invalid when one does. @kernel fs/afs/dir.c: afs_dir_release_folio, afs_dir_invalidate_folio */
  private isWhole(file: number, directory: number): boolean {
    const known = this.knownOf(directory)
    for (let index = 0; index < DIR_PAGES_MAX && known[index] >= 0; index += 2 ** this.pages.orderOf(known[index])) {
      const page = this.cache.find(file, index)
      if (page >= 0 && this.pages.headOf(page) === known[index]) continue
      known.fill(-1, index)
      return false
    }
    return true
  }

  /** Finds the folio of a page, and lets go of it. @kernel fs/afs/dir_edit.c: afs_dir_get_folio */
  private touch(io: Operation, page: number): boolean {
    const hold = io.referencePage(page)
    if (!isHold(hold)) return false
    this.ledger.letGo(hold)
    return true
  }

  private knownOf(directory: number): Int32Array {
    while (this.known.length <= directory) this.known.push(new Int32Array(DIR_PAGES_MAX).fill(-1))
    return this.known[directory]
  }
}
