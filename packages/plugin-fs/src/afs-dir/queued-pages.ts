import {
  EFAULT,
  EFBIG,
  EIO,
  ENOMEM,
  FAULT_COPY,
  FOLIOQ_SLOTS,
  grown,
  type Operation,
  PAGE_SIZE,
  POINTER_BYTES,
} from '@pinscope/core'
import { LISTINGS, QUEUED_FOLIOS, RELOADS } from './afs-counters.ts'
import {
  BLOCK_BYTES,
  DIR_BYTES_MAX,
  EDIT_BLOCKS_MAX,
  FOLIO_ORDER_MAX,
  FOLIO_QUEUE_BYTES,
  isEditable,
  NETFS_REQUEST_BYTES,
  NETFS_SUBREQUEST_BYTES,
} from './afs-sizes.ts'
import type { Directories } from './directories.ts'
import type { DirectoryPages } from './directory-pages.ts'

/** Values of `io.scratch`: no request of netfs; from {@link REQUEST_KEPT} on, one that fetches the directory of that row. */
const NOTHING_KEPT = 0
const REQUEST_KEPT = 1

/**
 * Directories in folio queues of their own, since 6.14: no page of them is in the page cache, and truncating it does
 * nothing to them. A queue is made longer under the exclusive validate_lock, read and walked under the shared one, and freed
 * with the inode: nothing is taken on its folios by a listing.
 * @kernel fs/afs/dir.c: afs_read_dir, afs_do_read_single; fs/afs/dir_edit.c: afs_dir_get_block; fs/netfs/misc.c:
 *   netfs_alloc_folioq_buffer; fs/netfs/read_single.c. 6.18: taken as 7.3
 */
export class QueuedPages implements DirectoryPages {
  isFetched = false
  private readonly directories: Directories
  private readonly counts: Float64Array
  /** By directory: bytes of its buffer. @kernel fs/afs/internal.h: directory_size */
  private bufferBytes = new Int32Array(16)
  /** By directory: folios of its buffer, and their orders in order of allocation. */
  private folios = new Int32Array(16)
  private readonly orders: Uint8Array[] = []

  constructor(directories: Directories, counts: Float64Array) {
    this.directories = directories
    this.counts = counts
  }

  list(io: Operation, _file: number, directory: number, sizeBytes: number): number {
    this.isFetched = false
    // The data goes into folios of the directory's own.
    io.isBounced = true
    if (this.directories.isValid(directory, sizeBytes)) {
      this.counts[LISTINGS]++
      return 0
    }
    this.directories.invalidate(directory)
    if (sizeBytes < BLOCK_BYTES) return EIO
    if (sizeBytes > DIR_BYTES_MAX) return EFBIG
    if (!this.expand(io, directory, sizeBytes)) return ENOMEM
    return this.readSingle(io, directory, sizeBytes)
  }

  /** Its blocks are mapped where they lie. */
  edit(_io: Operation, _file: number, _directory: number, sizeBytes: number): boolean {
    return isEditable(sizeBytes) && sizeBytes < EDIT_BLOCKS_MAX * BLOCK_BYTES
  }

  end(io: Operation): void {
    if (io.scratch === NOTHING_KEPT) return
    if (io.completion < 0) this.directories.fetchFailed(io, io.scratch - REQUEST_KEPT)
    io.scratch = NOTHING_KEPT
    io.free(NETFS_SUBREQUEST_BYTES)
    io.free(NETFS_REQUEST_BYTES)
  }

  /** @kernel fs/netfs/misc.c: netfs_free_folioq_buffer */
  close(io: Operation): void {
    for (let directory = 0; directory < this.orders.length; directory++) {
      for (let k = 0; k < this.folios[directory]; k++) {
        if (k % FOLIOQ_SLOTS === 0) io.free(FOLIO_QUEUE_BYTES)
        io.free(PAGE_SIZE * 2 ** this.orders[directory][k])
      }
      this.folios[directory] = 0
    }
  }

  /** Large folios first, each the largest that the rest asks for; false without memory, with what was made kept. */
  private expand(io: Operation, directory: number, sizeBytes: number): boolean {
    this.grow(directory)
    const size = Math.ceil(sizeBytes / PAGE_SIZE) * PAGE_SIZE
    const before = this.folios[directory]
    while (this.bufferBytes[directory] < size) {
      if (this.folios[directory] % FOLIOQ_SLOTS === 0 && !io.allocate(FOLIO_QUEUE_BYTES)) return false
      if (this.addFolio(io, directory, size - this.bufferBytes[directory])) continue
      // The kernel keeps the empty segment for the next time; here it is taken anew then.
      if (this.folios[directory] % FOLIOQ_SLOTS === 0) io.free(FOLIO_QUEUE_BYTES)
      return false
    }
    io.built(this.folios[directory] - before, POINTER_BYTES)
    return true
  }

  private addFolio(io: Operation, directory: number, wantedBytes: number): boolean {
    const order = Math.min(Math.floor(Math.log2(wantedBytes / PAGE_SIZE)), FOLIO_ORDER_MAX)
    if (io.allocate(PAGE_SIZE * 2 ** order)) return this.keepFolio(directory, order)
    return order > 0 && io.allocate(PAGE_SIZE) && this.keepFolio(directory, 0)
  }

  private keepFolio(directory: number, order: number): boolean {
    this.orders[directory][this.folios[directory]++] = order
    this.bufferBytes[directory] += PAGE_SIZE * 2 ** order
    this.counts[QUEUED_FOLIOS]++
    return true
  }

  /** The whole directory in one request. @kernel fs/netfs/read_single.c: netfs_read_single */
  private readSingle(io: Operation, directory: number, sizeBytes: number): number {
    if (!io.allocate(NETFS_REQUEST_BYTES)) return ENOMEM
    if (!io.allocate(NETFS_SUBREQUEST_BYTES)) {
      io.free(NETFS_REQUEST_BYTES)
      return ENOMEM
    }
    io.scratch = REQUEST_KEPT + directory
    this.counts[LISTINGS]++
    this.counts[RELOADS]++
    this.isFetched = true
    io.audit?.references.iterated('folioq', 'owner', this.bufferBytes[directory] / PAGE_SIZE)
    if (io.faults.fails(FAULT_COPY)) return EFAULT
    if (io.recordedResult < 0) return io.hasEnd ? 0 : io.recordedResult
    this.directories.validate(directory, sizeBytes)
    return 0
  }

  private grow(directory: number): void {
    while (this.orders.length <= directory) this.orders.push(new Uint8Array(DIR_BYTES_MAX / PAGE_SIZE))
    if (directory >= this.folios.length) {
      this.folios = grown(this.folios, 2 * directory)
      this.bufferBytes = grown(this.bufferBytes, 2 * directory)
    }
  }
}
