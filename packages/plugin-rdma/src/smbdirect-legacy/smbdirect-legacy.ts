import {
  type Consumer,
  type ConsumerEnvironment,
  countersOf,
  EAGAIN,
  FLAG_DIRECT,
  ITER_BVEC,
  ITER_DEST,
  ITER_FOLIOQ,
  ITER_KVEC,
  ITER_XARRAY,
  type Kernel,
  type Operation,
  type OperationShape,
} from '@pinscope/core'
import { DIRTIED_PAGES } from '../cifs/counters.ts'
import { type Mount, mountOf } from '../cifs/mount.ts'
import { BareIo } from './bare-io.ts'
import { CopiedIo } from './copied-io.ts'
import { LEGACY_COUNTERS } from './counters.ts'
import { DirectIo } from './direct-io.ts'
import { PageCacheIo } from './page-cache-io.ts'
import { NO_PAGE } from './page-chains.ts'
import { NO_REQUEST } from './request-table.ts'
import { Smb2Requests } from './smb2-requests.ts'

/** The option that sends user memory the way of `cifs_user_writev` and `cifs_user_readv`. */
export const NON_DIRECT = 'non-direct'

/**
 * cifs over SMB Direct as 6.1 has it, in every lane: page arrays above, a scatterlist for each packet or registration below.
 *
 * - User memory: direct I/O, a reference a page. With the option `non-direct`: copied through pages of its own.
 * - KVEC: always copied.
 * - FOLIOQ, XARRAY, BVEC: the page cache, which 6.1 hands down page by page; with the flag `direct` on the row, or in a
 *   registered buffer, direct I/O of another part of the kernel.
 *
 * @kernel fs/smb/client/file.c, misc.c, smb2pdu.c, smb2ops.c, smbdirect.c (6.1)
 */
export class SmbdirectLegacy implements Consumer {
  /** Alone only: memory regions are few, and operations in flight share them. */
  readonly operationShape: OperationShape = { positionAlignmentBytes: 1, addressAlignmentBytes: 0, aloneOnly: true }
  private readonly counts = new Float64Array(LEGACY_COUNTERS.length)
  private readonly mount: Mount
  private readonly requests: Smb2Requests
  private readonly direct: DirectIo
  private readonly pageCache: PageCacheIo
  private readonly copied: CopiedIo
  private readonly bare: BareIo
  private readonly copiesUserMemory: boolean
  private readonly traits: Kernel
  /** {@link traits} with folio queues: of the page cache. */
  private readonly cacheTraits: Kernel

  constructor(environment: ConsumerEnvironment) {
    const { counts } = this
    const { kernel, traits, options } = environment
    this.mount = mountOf(options, kernel)
    this.requests = new Smb2Requests(environment, counts, this.mount)
    this.direct = new DirectIo(this.requests, this.mount, counts, traits)
    this.pageCache = new PageCacheIo(this.requests, this.mount, counts)
    this.copied = new CopiedIo(this.requests, this.mount, counts, traits)
    this.bare = new BareIo(this.requests, this.mount)
    this.copiesUserMemory = options[NON_DIRECT] !== 0
    this.traits = traits
    this.cacheTraits = { ...traits, hasFolioq: true }
  }

  submit(io: Operation): number {
    io.scratch = NO_REQUEST
    const { countBytes, direction } = io.iter
    if (countBytes === 0) return 0
    // A device with too few entries for a packet: the share cannot be mounted.
    if (!this.mount.isConnected) return EAGAIN
    const done = this.transfer(io, direction === ITER_DEST)
    this.requests.transport.finish(io)
    return io.recordedResult >= 0 && io.recordedResult < done ? io.recordedResult : done
  }

  /** Nothing was sent, and nothing kept. */
  abort(): void {}

  /** Every request was answered, in the order of the data: all that it had goes. @kernel collect_uncached_write_data, collect_uncached_read_data */
  complete(io: Operation): void {
    const { table } = this.requests
    const isRead = io.iter.direction === ITER_DEST
    const first = io.scratch
    io.scratch = NO_REQUEST
    if (first === NO_REQUEST) return
    const room = table.bvecs[first]
    this.counts[DIRTIED_PAGES] += table.dirtyPages[first]
    let left = io.completion < 0 ? 0 : io.recordedResult >= 0 ? io.recordedResult : Number.MAX_SAFE_INTEGER
    for (let row = first; row !== NO_REQUEST; ) {
      const next = table.next[row]
      const bytes = Math.min(table.bytes[row], left)
      if (isRead) this.receive(io, row, bytes)
      left -= bytes
      table.release(io, row)
      row = next
    }
    io.letGoOfKept()
    this.copied.context.free(io, room)
  }

  close(io: Operation): void {
    this.requests.close(io)
  }

  counters(): Readonly<Record<string, number>> {
    return countersOf(LEGACY_COUNTERS, this.counts)
  }

  private transfer(io: Operation, isRead: boolean): number {
    const { iter } = io
    if (this.mount.isTransportOnly) return this.bare.transfer(io, isRead)
    switch (iter.type) {
      case ITER_KVEC:
        return this.copied.transfer(io, isRead)
      case ITER_BVEC:
      case ITER_XARRAY:
      case ITER_FOLIOQ:
        if (!iter.fixed && (io.flags & FLAG_DIRECT) === 0) return this.transferCached(io, isRead)
        break
    }
    return this.copiesUserMemory ? this.copied.transfer(io, isRead) : this.direct.transfer(io, isRead)
  }

  /** A kernel without folio queues has the same pages in its page cache: the row says which. */
  private transferCached(io: Operation, isRead: boolean): number {
    io.iter.kernel = this.cacheTraits
    const done = this.pageCache.transfer(io, isRead)
    io.iter.kernel = this.traits
    return done
  }

  /** The answer to a read brought `bytes` bytes. What came in packets is copied out of them; and from pages of cifs to the caller. */
  private receive(io: Operation, row: number, bytes: number): void {
    const { table, transform } = this.requests
    if (bytes === 0) return
    const isInPlace = table.hasMr[row] === 1
    if (!isInPlace && this.mount.isEncrypted) {
      if (!transform.receive(io, bytes)) return
    } else if (!isInPlace) io.copied(bytes)
    if (table.ownPages[row] !== NO_PAGE) io.copied(bytes)
  }
}
