import { SCATTERLIST_BYTES, type Scatterlists, SG_NONE } from '../build/scatterlist.ts'
import { SgAllocator } from '../build/sg-allocator.ts'
import type { Operation } from './operation.ts'

const SMALLEST_POOL = 8

/** Bytes of a chunk of `entries` entries as such. @kernel lib/scatterlist.c: sg_kmalloc */
export function sgChunkBytes(entries: number): number {
  return entries * SCATTERLIST_BYTES
}

/** Bytes of the pool that a chunk of `entries` entries comes from: of 8, 16, 32, 64 or 128 entries. @kernel lib/sg_pool.c: sg_pool_index */
export function sgPoolBytes(entries: number): number {
  return sgChunkBytes(entries <= SMALLEST_POOL ? SMALLEST_POOL : 2 ** (32 - Math.clz32(entries - 1)))
}

/**
 * Chunks of scatterlists, allocated for the operation at work: they are in its sum of allocations, and fail with it.
 * `bytesOf`: {@link sgChunkBytes}, or {@link sgPoolBytes} where they come from the pools.
 * @kernel lib/scatterlist.c: sg_kmalloc, sg_kfree; lib/sg_pool.c: sg_pool_alloc, sg_pool_free
 */
export class SgChunks extends SgAllocator {
  private readonly bytesOf: (entries: number) => number
  private io: Operation | null = null

  constructor(lists: Scatterlists, bytesOf: (entries: number) => number) {
    super(lists, true)
    this.bytesOf = bytesOf
  }

  /** Chunks are for this operation from now on. */
  work(io: Operation): void {
    this.io = io
  }

  /** First entry of a chunk, or SG_NONE when it cannot be had. @kernel lib/scatterlist.c: sg_kmalloc; lib/sg_pool.c: sg_pool_alloc */
  override take(entries: number): number {
    if (this.io !== null && !this.io.allocate(this.bytesOf(entries))) return SG_NONE
    return super.take(entries)
  }

  /** Gives a chunk back. @kernel lib/scatterlist.c: sg_kfree; lib/sg_pool.c: sg_pool_free */
  override give(sg: number, entries: number): void {
    this.io?.free(this.bytesOf(entries))
    super.give(sg, entries)
  }
}
