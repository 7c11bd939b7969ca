/**
 * DMA mappings that a consumer made: calls, and entries of lists that they covered. A mapping takes nothing on the page
 * under it; whoever holds the page must hold it until the mapping is undone.
 * @kernel include/linux/dma-mapping.h: dma_map_page, dma_map_sgtable, dma_unmap_page, dma_unmap_sgtable
 */
export class DmaMaps {
  /** Calls that mapped. */
  maps = 0
  mappedEntries = 0
  unmappedEntries = 0
  openEntries = 0
  peakEntries = 0

  /** One call mapped `entries` entries. */
  map(entries: number): void {
    this.maps++
    this.mappedEntries += entries
    this.openEntries += entries
    if (this.openEntries > this.peakEntries) this.peakEntries = this.openEntries
  }

  /** `entries` entries are no longer mapped. */
  unmap(entries: number): void {
    this.unmappedEntries += entries
    this.openEntries -= entries
  }
}
