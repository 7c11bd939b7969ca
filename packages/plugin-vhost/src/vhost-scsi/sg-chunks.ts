import { type Operation, SCATTERLIST_BYTES, type Scatterlists, SG_NONE, SgAllocator } from '@pinscope/core'

const SMALLEST_POOL = 8

/**
 * Chunks of scatterlists, allocated for the operation at work: they are in its sum of allocations, and fail with it.
 * @kernel lib/sg_pool.c: sg_pool_alloc, sg_pool_free
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
    if (this.io !== null && !this.io.allocate(poolBytes(entries))) return SG_NONE
    return super.take(entries)
  }

  override give(sg: number, entries: number): void {
    this.io?.free(poolBytes(entries))
    super.give(sg, entries)
  }
}

/** Bytes of the pool that such a chunk comes from: of 8, 16, 32, 64 or 128 entries. @kernel lib/sg_pool.c: sg_pool_index */
function poolBytes(entries: number): number {
  const size = entries <= SMALLEST_POOL ? SMALLEST_POOL : 2 ** (32 - Math.clz32(entries - 1))
  return size * SCATTERLIST_BYTES
}
