import { PAGE_SIZE } from '@pinscope/core'

/** Space of a block, in the low two bits of its state. @kernel include/linux/iomap.h: IOMAP_HOLE, IOMAP_DELALLOC, IOMAP_MAPPED, IOMAP_UNWRITTEN */
export const HOLE = 0
export const RESERVED = 1
export const MAPPED = 2
/** Preallocated: it has a block, and reads as zeros until it is written. */
export const UNWRITTEN = 3
export const SPACE_BITS = 3
/** Its page is in the page cache, and this model has put it there or seen it. */
export const CACHED = 4
/** What the page holds is what the file has. @kernel iomap_folio_state (uptodate); PG_uptodate */
export const UPTODATE = 8
/** @kernel iomap_folio_state (dirty); PG_dirty */
export const DIRTY = 16
/** Read from disk, though its folio is not uptodate. @kernel BH_Uptodate */
export const READ = 32
/** Partly zeroed by the write_begin at work, and made uptodate by that. */
export const ZEROED = 64
/** What the page cache has of it. */
const CACHE_BITS = CACHED | UPTODATE | DIRTY | READ | ZEROED

const LEAF = 1024

/** Blocks [first, end) that a file has from the beginning, unwritten. @kernel fs/open.c: vfs_fallocate */
export interface Preallocated {
  readonly first: number
  readonly end: number
}

/**
 * A file as the file system and the page cache know it, block by block of 4096 bytes; nothing known: a hole, or preallocated,
 * not cached.
 */
export class WrittenFile {
  /** Id of the `file` cell, -1 for rows without. */
  readonly id: number
  /** @kernel i_size_read */
  sizeBytes: number
  /** Where the write at work is; after it, where one without a position begins. @kernel struct kiocb.ki_pos */
  positionBytes = 0
  /**
   * Blocks that a write took and left as they were: nothing was written to them since, or to a part only. They are few, and
   * a set finds them however far apart they are.
   */
  readonly left = new Set<number>()
  private readonly preallocated: Preallocated
  private readonly leaves = new Map<number, Uint8Array>()
  private lastLeaf: Uint8Array | null = null
  private lastRegion = -1

  constructor(id: number, sizeBytes: number, preallocated: Preallocated) {
    this.id = id
    this.preallocated = preallocated
    this.sizeBytes = sizeBytes
  }

  /** Block of the position. */
  get index(): number {
    return Math.floor(this.positionBytes / PAGE_SIZE)
  }

  /** State of a block: bits. */
  state(index: number): number {
    return this.leaf(Math.floor(index / LEAF))[index % LEAF]
  }

  space(index: number): number {
    return this.state(index) & SPACE_BITS
  }

  has(index: number, bits: number): boolean {
    return (this.state(index) & bits) !== 0
  }

  setSpace(index: number, space: number): void {
    this.change(index, space, SPACE_BITS)
  }

  /** Adds bits to a block, after dropping some. */
  change(index: number, add: number, drop = 0): void {
    const leaf = this.leaf(Math.floor(index / LEAF))
    leaf[index % LEAF] = (leaf[index % LEAF] & ~drop) | add
  }

  /** Data, or zeros, are in the page cache of a range of bytes, dirty: its unwritten blocks are written. How many they were. */
  convert(positionBytes: number, bytes: number): number {
    const first = Math.max(Math.floor(positionBytes / PAGE_SIZE), this.preallocated.first)
    const end = Math.min(Math.ceil((positionBytes + bytes) / PAGE_SIZE), this.preallocated.end)
    let converted = 0
    for (let index = first; index < end; index++) {
      if (this.space(index) !== UNWRITTEN) continue
      this.setSpace(index, MAPPED)
      converted++
    }
    return converted
  }

  /** Drops what the page cache has of a block. */
  forget(index: number): void {
    this.change(index, 0, CACHE_BITS)
  }

  /** The blocks from `first` to the one returned, which is at most `end`, have space of one kind. */
  runEnd(first: number, end: number): number {
    const space = this.space(first)
    let at = first + 1
    while (at < end && this.space(at) === space) at++
    return at
  }

  private leaf(region: number): Uint8Array {
    if (region === this.lastRegion && this.lastLeaf !== null) return this.lastLeaf
    let leaf = this.leaves.get(region)
    if (leaf === undefined) {
      leaf = this.newLeaf(region * LEAF)
      this.leaves.set(region, leaf)
    }
    this.lastLeaf = leaf
    this.lastRegion = region
    return leaf
  }

  private newLeaf(first: number): Uint8Array {
    const { preallocated } = this
    const from = Math.max(preallocated.first - first, 0)
    const end = Math.min(preallocated.end - first, LEAF)
    const leaf = new Uint8Array(LEAF)
    return from < end ? leaf.fill(UNWRITTEN, from, end) : leaf
  }
}
