/**
 * What a consumer allocates for its own: tables, requests, pages that it copies through. Sums of bytes, and how many of
 * the allocations are still open.
 * @kernel include/linux/slab.h: kmalloc, kfree; include/linux/gfp.h: alloc_page, __free_page
 */
export class Allocations {
  made = 0
  freed = 0
  /** Bytes of the allocations made, and of those not freed. */
  bytes = 0
  openBytes = 0
  peakBytes = 0

  /** An allocation of `bytes` bytes was made. */
  take(bytes: number): void {
    this.made++
    this.bytes += bytes
    this.openBytes += bytes
    if (this.openBytes > this.peakBytes) this.peakBytes = this.openBytes
  }

  /** One of `bytes` bytes was freed. */
  give(bytes: number): void {
    this.freed++
    this.openBytes -= bytes
  }
}
