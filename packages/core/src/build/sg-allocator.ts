import { type Scatterlists, SG_NONE } from './scatterlist.ts'

/** {@link SgAllocator.chunksLeft} where no allocation fails. */
export const CHUNKS_UNLIMITED = -1

/**
 * Where the chunks of tables come from, and how many there were. Nothing fails unless the caller says so.
 * @kernel lib/scatterlist.c: sg_kmalloc, sg_kfree; lib/sg_pool.c: sg_pool_alloc, sg_pool_free
 */
export class SgAllocator {
  readonly lists: Scatterlists
  /** Lists can be chained; false for CONFIG_ARCH_NO_SG_CHAIN. */
  readonly chains: boolean
  /** Tables that were set up, those that fit into a chunk of the caller's included. */
  tables = 0
  /** Chunks allocated. */
  chunks = 0
  /** Entries of those chunks, links included: 32 bytes each in the kernel. */
  entries = 0
  /** Chunks given back. */
  chunksFreed = 0
  /** Chunks that can still be had before an allocation fails; {@link CHUNKS_UNLIMITED} for no limit. */
  chunksLeft = CHUNKS_UNLIMITED

  constructor(lists: Scatterlists, chains = true) {
    this.lists = lists
    this.chains = chains
  }

  /** A chunk of `entries` entries, or {@link SG_NONE} when none can be had any more. */
  take(entries: number): number {
    if (this.chunksLeft === 0) return SG_NONE
    if (this.chunksLeft > 0) this.chunksLeft--
    this.chunks++
    this.entries += entries
    return this.lists.take(entries)
  }

  /** Gives a chunk back. @kernel lib/scatterlist.c: sg_kfree */
  give(sg: number, entries: number): void {
    this.chunksFreed++
    this.lists.give(sg, entries)
  }
}
