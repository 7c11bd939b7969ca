import {
  type Consumer,
  type ConsumerEnvironment,
  countersOf,
  EIO,
  ENOMEM,
  grown,
  ITER_DEST,
  isSince,
  isUserBacked,
  type KernelVersion,
  type Operation,
  type OperationShape,
  PAGE_SIZE,
} from '@pinscope/core'
import { Chunks } from './chunks.ts'
import {
  COMMITS,
  COMPOUND_CLEAN,
  DIRTIED_PAGES,
  LOST_ERRORS,
  NFS_DIRECT_COUNTERS,
  RESCHEDULED,
  RPCS,
} from './counters.ts'
import { DirectReqs } from './direct-reqs.ts'
import { type Mount, mountOf } from './mount.ts'
import { PageIo, type PageIoSetup } from './page-io.ts'
import { type ObjectSizes, objectSizes } from './sizes.ts'

/**
 * Direct I/O of the NFS client, in all versions by get_pages: chunks of at most rsize or wsize bytes, for each an array of
 * page pointers, and of each page an nfs_page that takes a reference of its own. Then the references of the iterator go, and
 * the array: one reference a page stays, of a page in two chunks two, until the READ or WRITE is answered. The nfs_page are
 * gathered into READs and WRITEs again, as far as their data lies without gap in a page array.
 *
 * What cannot be had ends the operation with what came before it. An allocation that a request needs gives up the nfs_page
 * that waited for it; where nothing was sent, the operation ends with 0 bytes, since the error reaches nobody (quirk
 * nfs-direct-enomem-lost).
 *
 * A read that went well marks those pages of user memory dirty that it put something into, but none of a large folio; one
 * that failed none. Where netfs dirties all.
 *
 * A write of one request asks for stable storage and is over when it is answered. One of several does not: a COMMIT follows,
 * and the nfs_page keep their pages until its answer; if the server lost the data meanwhile, everything is written again. A
 * trace has only the end of the operation, which is that of the COMMIT, so that the references last until there. (Nor does it
 * tell which requests of a write failed: of one that did, nothing is counted as committed.)
 *
 * How many requests are sent again for short answers is counted; what is below, sunrpc and its copies, is not part of it,
 * and neither are pNFS, with its mirrors, and local I/O.
 *
 * @kernel fs/nfs/direct.c: nfs_direct_read_schedule_iovec, nfs_direct_write_schedule_iovec, nfs_direct_release_pages,
 *   nfs_direct_read_completion, nfs_direct_write_completion, nfs_direct_commit_complete; fs/nfs/pagelist.c:
 *   nfs_page_create_from_page (6.1: nfs_create_request), nfs_clear_request; the same in all versions but for what is said
 *   below. 6.18: taken as 6.12, which it is between.
 */
export class NfsDirect implements Consumer {
  /** Alone only: a short answer makes the writes of its file stable from then on. Chunks end anywhere in a page. */
  readonly operationShape: OperationShape
  private readonly counts = new Float64Array(NFS_DIRECT_COUNTERS.length)
  private readonly reqs = new DirectReqs()
  private readonly mount: Mount
  private readonly sizes: ObjectSizes
  private readonly pageIo: PageIo
  private readonly chunks: Chunks
  private readonly losesErrors: boolean
  private readonly kernel: KernelVersion
  /** 1 by file: a WRITE was answered short, and from then on all ask for stable storage. @kernel NFS_CONTEXT_WRITE_SYNC (7.3) */
  private isSyncFile = new Uint8Array(64)

  constructor({ kernel, options, traits }: ConsumerEnvironment) {
    const { counts, reqs } = this
    this.kernel = kernel
    this.mount = mountOf(options)
    this.sizes = objectSizes(kernel)
    this.losesErrors = traits.quirks['nfs-direct-enomem-lost']
    const { mount, sizes } = this
    const alignedPagesMax = Math.floor(Math.min(mount.rsize, mount.wsize) / PAGE_SIZE)
    this.operationShape = { positionAlignmentBytes: 1, addressAlignmentBytes: 1, alignedPagesMax, aloneOnly: true }
    const setup: PageIoSetup = { counts, reqs, mount, sizes, splitsSamePage: kernel === '6.1' }
    this.pageIo = new PageIo(setup)
    this.chunks = new Chunks(setup, this.pageIo, isSince(kernel, '6.12'))
  }

  submit(io: Operation): number {
    const { iter } = io
    const { chunks, pageIo } = this
    const bytes = iter.countBytes
    if (bytes === 0) return 0
    if (!io.allocate(this.sizes.directReq)) return ENOMEM
    io.scratch = this.reqs.take()
    const isRead = iter.direction === ITER_DEST
    const endBytes = io.recordedResult >= 0 && io.recordedResult < bytes ? io.recordedResult | 0 : bytes
    const isStable = !isRead && this.isSync(io.file)
    pageIo.begin(isRead, isUserBacked(iter.type), endBytes, isStable, io.recordedResult < 0)
    const error = chunks.schedule(io, isRead)
    if (chunks.requestedBytes === 0) return error < 0 ? error : EIO
    if (pageIo.sentBytes === 0) return this.withoutRequest()
    this.reqs.isUnstable[io.scratch] = pageIo.isUnstable ? 1 : 0
    if (pageIo.isShort && !isRead) this.makeSync(io.file)
    const done = Math.min(pageIo.sentBytes, endBytes)
    io.reachedInPlace(done)
    return done
  }

  /** Nothing was sent. */
  abort(io: Operation): void {
    this.finish(io)
  }

  /** The last request is answered, and the COMMIT. */
  complete(io: Operation): void {
    const req = io.scratch
    if (req === 0) return
    const { counts, reqs } = this
    if (io.completion >= 0) {
      counts[DIRTIED_PAGES] += reqs.dirty[req]
      counts[COMPOUND_CLEAN] += reqs.clean[req]
      if (reqs.isUnstable[req] === 1) this.commit(io, req)
    }
    this.finish(io)
  }

  counters(): Readonly<Record<string, number>> {
    return countersOf(NFS_DIRECT_COUNTERS, this.counts)
  }

  /** There are nfs_page, but not the memory for a request. @kernel nfs_direct_wait: dreq->count, dreq->error */
  private withoutRequest(): number {
    if (!this.losesErrors) return ENOMEM
    this.counts[LOST_ERRORS]++
    return 0
  }

  /** @kernel fs/nfs/direct.c: nfs_direct_commit_schedule, nfs_direct_write_reschedule; write.c: nfs_commitdata_alloc, with a reserve */
  private commit(io: Operation, req: number): void {
    const { counts, mount, reqs, sizes } = this
    const hasData = io.allocate(sizes.commit) || io.allocate(sizes.commit)
    if (hasData) {
      counts[COMMITS]++
      io.free(sizes.commit)
    }
    if (hasData && !mount.restarts) return
    // All of it again, for stable storage: the same nfs_page, and so the same references.
    counts[RESCHEDULED] += reqs.nfsPages[req]
    counts[RPCS] += reqs.rpcs[req]
  }

  private finish(io: Operation): void {
    if (io.scratch === 0) return
    io.letGoOfKept()
    this.reqs.give(io, io.scratch, this.sizes.header)
    io.free(this.sizes.directReq)
    io.scratch = 0
  }

  private isSync(file: number): boolean {
    return file >= 0 && file < this.isSyncFile.length && this.isSyncFile[file] === 1
  }

  private makeSync(file: number): void {
    if (file < 0 || this.kernel !== 'mainline') return
    if (file >= this.isSyncFile.length) this.isSyncFile = grown(this.isSyncFile, 2 * file)
    this.isSyncFile[file] = 1
  }
}
