import {
  type Consumer,
  type ConsumerEnvironment,
  countersOf,
  ITER_SOURCE,
  ITER_XARRAY,
  isSince,
  type Operation,
} from '@pinscope/core'
import { AFS_COUNTERS, EDITS, EDITS_SKIPPED, SIZES_ADJUSTED } from './afs-counters.ts'
import { BLOCK_BYTES, DIR_BYTES_MAX } from './afs-sizes.ts'
import { CachedPages } from './cached-pages.ts'
import { Directories } from './directories.ts'
import type { DirectoryPages } from './directory-pages.ts'
import { QueuedPages } from './queued-pages.ts'

/**
 * Directories of AFS. A `read` row lists one: the range of its XARRAY iterator, from the file's start on, is the directory.
 * A row of any other iterator lists a directory as long as it is, in whole blocks of at most 2 MiB; its own memory is not
 * looked at. A `write` row adds an entry to the directory, in place, which the kernel does only while it is valid.
 *
 * The question is what keeps the pages between their listing and their use. In 6.1 and 6.12 it is a reference on each
 * folio; validate_lock is taken after that, and protects the contents. Since 6.14 directories are not in the page cache.
 * @kernel fs/afs/dir.c: afs_read_dir, afs_dir_iterate; fs/afs/dir_edit.c: afs_edit_dir_add
 */
export class AfsDir implements Consumer {
  private readonly counts = new Float64Array(AFS_COUNTERS.length)
  private readonly directories = new Directories()
  private readonly pages: DirectoryPages

  constructor(environment: ConsumerEnvironment) {
    const { directories, counts } = this
    this.pages = isSince(environment.kernel, '6.18')
      ? new QueuedPages(directories, counts)
      : new CachedPages(environment, directories, counts)
  }

  submit(io: Operation): number {
    const { iter } = io
    const isFile = iter.type === ITER_XARRAY && iter.segmentsLeft > 0
    const file = isFile ? iter.table.offsetBytes[iter.segment] : io.file
    const directory = this.directories.find(file)
    if (iter.direction === ITER_SOURCE) return this.addEntry(io, file, directory)
    const sizeBytes = isFile ? endOf(io) : this.sizeOf(iter.countBytes)
    const bytes = iter.countBytes < sizeBytes ? iter.countBytes : sizeBytes
    const error = this.pages.list(io, file, directory, sizeBytes)
    if (error < 0) return error
    if (this.pages.isFetched) io.copied(bytes)
    else io.reachedInPlace(bytes)
    return bytes
  }

  abort(io: Operation): void {
    this.pages.end(io)
  }

  complete(io: Operation): void {
    this.pages.end(io)
  }

  close(io: Operation): void {
    this.pages.close(io)
  }

  counters(): Readonly<Record<string, number>> {
    return countersOf(AFS_COUNTERS, this.counts)
  }

  private sizeOf(bytes: number): number {
    const blocks = Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES
    const size = Math.min(Math.max(blocks, BLOCK_BYTES), DIR_BYTES_MAX)
    if (size !== bytes) this.counts[SIZES_ADJUSTED]++
    return size
  }

  /** What the server did to the directory is done to the copy. That it cannot be is no error: it is fetched again. */
  private addEntry(io: Operation, file: number, directory: number): number {
    const { directories, counts } = this
    const { countBytes } = io.iter
    const size = directories.sizeBytes[directory]
    if (directories.valid[directory] === 1 && this.pages.edit(io, file, directory, size)) {
      counts[EDITS]++
      io.reachedInPlace(countBytes)
    } else {
      counts[EDITS_SKIPPED]++
      directories.invalidate(directory)
    }
    return countBytes
  }
}

/** Where the range of an XARRAY iterator ends: the directory's size. One that is too large is only one byte too large. */
function endOf({ iter }: Operation): number {
  return Math.min(iter.table.addressBytes[iter.segment] + iter.countBytes, DIR_BYTES_MAX + 1)
}
