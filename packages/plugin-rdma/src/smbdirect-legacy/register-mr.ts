import { type ConsumerEnvironment, type Operation, PAGE_SIZE, SCATTERLIST_BYTES } from '@pinscope/core'
import { MAP_FAILURES, MR_PAGES, MRS, REFUSED, SG_ENTRIES } from '../cifs/counters.ts'
import type { Mount } from '../cifs/mount.ts'
import { DmaEntries } from '../mr/dma-entries.ts'
import { mapMrSg } from '../mr/map-mr-sg.ts'
import { MemoryRegion } from '../mr/memory-region.ts'
import { MemoryRegions } from '../mr/memory-regions.ts'
import type { Pieces } from '../payload/pieces.ts'
import { LEGACY_MR_COUNTERS } from './counters.ts'

/**
 * Registration of a page array: an entry a page in the scatterlist that the memory registration was made with, mapped in one
 * call, and from it the page list. Takes nothing on the pages. All operations share one connection here.
 *
 * Only the list of the last registration is kept: what is looked at later is how many entries are mapped.
 * @kernel fs/smb/client/smbdirect.c: smbd_register_mr, smbd_deregister_mr (6.1)
 */
export class RegisterMr {
  private readonly counts: Float64Array
  private readonly depth: number
  private readonly entries = new DmaEntries()
  private readonly mr: MemoryRegion
  private readonly regions: MemoryRegions

  constructor(environment: ConsumerEnvironment, counts: Float64Array, mount: Mount) {
    this.counts = counts
    this.depth = mount.segsMax
    this.mr = new MemoryRegion(mount.segsMax, mount.device.hasSgGaps)
    this.regions = new MemoryRegions(environment, counts, LEGACY_MR_COUNTERS, this.mr, true)
  }

  /** Registers the page array of the request in a row; false when it cannot be had: nothing stays then. */
  register(io: Operation, row: number, array: Pieces): boolean {
    const { counts, entries, mr, regions } = this
    const pages = array.length
    if (!io.fits(pages, this.depth)) {
      counts[REFUSED]++
      return false
    }
    if (!regions.connect(io)) return false
    regions.take(io, row)
    this.fill(io, array)
    if (!io.mapDma(pages)) {
      counts[MAP_FAILURES]++
      regions.fail(row)
      return false
    }
    if (mapMrSg(mr, entries, 0, pages, 0, PAGE_SIZE) !== pages) {
      io.unmapDma(pages)
      regions.fail(row)
      return false
    }
    regions.register(row, pages)
    io.built(mr.entries, mr.entryBytes)
    counts[MRS]++
    counts[MR_PAGES] += mr.entries
    return true
  }

  /** The answer is there, and the server can reach the memory of the request no more. */
  deregister(io: Operation, row: number): void {
    this.regions.undoLast(io, row)
  }

  /** The connection ends with the trace. */
  close(io: Operation): void {
    this.regions.close(io)
  }

  private fill(io: Operation, array: Pieces): void {
    const { entries } = this
    entries.clear()
    entries.addPieces(io.pages, array, 0, array.length)
    const last = array.length - 1
    // A last page without data is registered whole: a length of 0 stands for that.
    if (last > 0 && array.lengthBytes[last] === 0) entries.lengthBytes[last] = PAGE_SIZE
    io.built(array.length, SCATTERLIST_BYTES)
    this.counts[SG_ENTRIES] += array.length
    const { page, offsetBytes, lengthBytes, length, bytes } = array
    io.observer?.listBuilt('scatterlist', bytes, length, page, offsetBytes, lengthBytes, 'of the registration')
  }
}
