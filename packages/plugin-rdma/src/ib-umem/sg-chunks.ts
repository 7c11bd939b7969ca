import { type Operation, SCATTERLIST_BYTES, type Scatterlists, SG_NONE, SgAllocator } from '@pinscope/core'

/**
 * Chunks of scatterlists, allocated for the operation at work: they are in its sum of allocations, and fail with it.
 * @kernel lib/scatterlist.c: sg_kmalloc, sg_kfree
 */
export class SgChunks extends SgAllocator {
  private io: Operation | null = null

  constructor(lists: Scatterlists) {
    super(lists, true)
  }

  /** Chunks are for this operation from now on. */
  work(io: Operation): void {
    this.io = io
  }

  override take(entries: number): number {
    if (this.io !== null && !this.io.allocate(entries * SCATTERLIST_BYTES)) return SG_NONE
    return super.take(entries)
  }

  override give(sg: number, entries: number): void {
    this.io?.free(entries * SCATTERLIST_BYTES)
    super.give(sg, entries)
  }
}
