import { type ConsumerEnvironment, EAGAIN, ITER_SOURCE, isSince, type Operation, RETAIN_NONE } from '@pinscope/core'
import { CIFS_COUNTERS, MR_PAGES, MRS, REFUSED } from '../cifs/counters.ts'
import type { Mount } from '../cifs/mount.ts'
import type { Transport } from '../cifs/transport.ts'
import { MemoryRegion } from '../mr/memory-region.ts'
import { MemoryRegions } from '../mr/memory-regions.ts'

/**
 * What registrations with and without a scatterlist have in common: a memory region for each request, from the
 * connection's, given back when the operation is over.
 * @kernel fs/smb/client/smb2pdu.c: smb2_async_writev, smb2_new_read_req, smb2_writev_callback, smb2_readv_callback
 */
export abstract class RegisteredTransport implements Transport {
  protected readonly counts: Float64Array
  /** Pages of a region at most. @kernel max_frmr_depth */
  protected readonly depth: number
  protected readonly list: MemoryRegion
  protected readonly regions: MemoryRegions
  /** Of the request at work. */
  private registrations = 0
  private readonly losesWrites: boolean
  private readonly isMappedForGood: boolean

  /** `counts` has room for CIFS_COUNTERS and, behind them, MR_COUNTERS. */
  constructor(environment: ConsumerEnvironment, counts: Float64Array, mount: Mount, hasScatterlists: boolean) {
    this.counts = counts
    this.depth = mount.segsMax
    this.list = new MemoryRegion(mount.segsMax, mount.device.hasSgGaps)
    this.regions = new MemoryRegions(environment, counts, CIFS_COUNTERS.length, this.list, hasScatterlists)
    this.losesWrites = environment.traits.quirks['smbd-write-mr-lost']
    this.isMappedForGood = !isSince(environment.kernel, '6.18')
  }

  submit(io: Operation, operation: number): number {
    this.registrations = 0
    return this.regions.connect(io) ? this.register(io, operation) : EAGAIN
  }

  complete(io: Operation, operation: number): void {
    this.regions.undoAll(io, operation)
  }

  /**
   * 6.1 undoes the registration with the request. Later versions do for a read only: with the quirk `smbd-write-mr-lost`
   * that of a write stays, and its memory mapped.
   * @kernel fs/smb/client/file.c: cifs_free_subrequest; 6.1: cifs_writedata_release, cifs_readdata_release
   */
  abort(io: Operation, operation: number): void {
    if (this.losesWrites && io.iter.direction === ITER_SOURCE) this.lose(io, operation)
    else this.undo(io, operation)
  }

  close(io: Operation): void {
    this.regions.close(io)
  }

  /** Takes a region and registers the request's memory: bytes, or -errno with nothing of it left. */
  protected abstract register(io: Operation, operation: number): number

  /** So many pages fit into a region. */
  protected fitsRegion(io: Operation, pages: number): boolean {
    if (io.fits(pages, this.depth)) return true
    this.counts[REFUSED]++
    return false
  }

  /** Undoes the registrations of the request at work. */
  protected undo(io: Operation, operation: number): void {
    for (; this.registrations > 0; this.registrations--) this.regions.undoLast(io, operation)
  }

  /** The region taken last cannot be registered. */
  protected fail(operation: number): number {
    this.regions.fail(operation)
    return EAGAIN
  }

  /** The device has the memory: `mapped` entries of it, `bytes` bytes. */
  protected registered(io: Operation, operation: number, mapped: number, bytes: number): number {
    const { list, counts } = this
    this.regions.register(operation, mapped)
    this.registrations++
    io.built(list.entries, list.entryBytes)
    counts[MRS]++
    counts[MR_PAGES] += list.entries
    if (io.observer !== null) io.observer.note(`memory region: ${list.entries} ${list.hasGaps ? 'KLMs' : 'pages'}`)
    return bytes
  }

  private lose(io: Operation, operation: number): void {
    let mapped = 0
    for (; this.registrations > 0; this.registrations--) mapped += this.regions.lose(operation)
    if (mapped === 0 || !this.isMappedForGood) return
    const detail = 'the request of a registered write could not be sent, and nobody undoes the registration'
    io.ledger.violate('dma-map-leak', io.row, RETAIN_NONE, RETAIN_NONE, mapped, detail)
  }
}
