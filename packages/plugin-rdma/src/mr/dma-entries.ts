import { grown, InvariantError, PAGE_SIZE, type PageStore, type Scatterlists, SG_NONE } from '@pinscope/core'
import type { Pieces } from '../payload/pieces.ts'

/** Most entries: two for each page of MAX_RW_COUNT bytes. */
const ENTRIES_MAX = 1 << 20

/**
 * A list that is mapped for a device, as columns. There is no IOMMU here: the address of an entry is that of its page, and
 * two entries are contiguous where their memory is, so mapping never makes the list shorter.
 * @kernel include/linux/scatterlist.h: struct scatterlist (dma_address, dma_length); include/linux/dma-mapping.h: dma_map_sg
 */
export class DmaEntries {
  /** @kernel sg_dma_address */
  addressBytes = new Float64Array(256)
  /** @kernel sg_dma_len */
  lengthBytes = new Float64Array(256)
  length = 0

  clear(): void {
    this.length = 0
  }

  /** Appends the entry of `lengthBytes` bytes from byte `offsetBytes` of a page on; the offset may be beyond the page. */
  add(pages: PageStore, page: number, offsetBytes: number, lengthBytes: number): void {
    if (this.length === this.addressBytes.length) this.grow()
    // Frames that the trace does not tell are negative: as unsigned numbers they follow each other all the same.
    const frame = page < 0 ? 0 : pages.frameOf(page) >>> 0
    this.addressBytes[this.length] = frame * PAGE_SIZE + offsetBytes
    this.lengthBytes[this.length] = lengthBytes
    this.length++
  }

  /** Appends the pieces from `first` up to, not with, `end`. */
  addPieces(pages: PageStore, pieces: Pieces, first: number, end: number): void {
    for (let i = first; i < end; i++) this.add(pages, pieces.page[i], pieces.offsetBytes[i], pieces.lengthBytes[i])
  }

  /** Appends the first `nents` entries of a scatterlist. */
  addScatterlist(pages: PageStore, lists: Scatterlists, sgl: number, nents: number): void {
    let sg = sgl
    for (let i = 0; i < nents && sg !== SG_NONE; i++) {
      this.add(pages, lists.page[sg], lists.offsetBytes[sg], lists.lengthBytes[sg])
      sg = lists.next(sg)
    }
  }

  private grow(): void {
    const capacity = this.length * 2
    if (capacity > ENTRIES_MAX) throw new InvariantError('a list mapped for a device has more entries than ENTRIES_MAX')
    this.addressBytes = grown(this.addressBytes, capacity)
    this.lengthBytes = grown(this.lengthBytes, capacity)
  }
}
