import { type Operation, sgChunkBytes } from '@pinscope/core'

/** Entries of a chunk; where another one follows, the last of them is the link to it. @kernel include/linux/scatterlist.h: SG_MAX_SINGLE_ALLOC */
const CHUNK_ENTRIES = 128

/** Allocates the chunks of a table of `entries` entries: false, with none left, when one cannot be had. @kernel lib/scatterlist.c: sg_alloc_table */
export function allocateSgTable(io: Operation, entries: number): boolean {
  let left = entries
  while (left > 0) {
    const chunk = chunkEntries(left)
    if (!io.allocate(sgChunkBytes(chunk))) {
      freeChunks(io, entries, left)
      return false
    }
    left -= usedEntries(left)
  }
  return true
}

/** @kernel lib/scatterlist.c: sg_free_table */
export function freeSgTable(io: Operation, entries: number): void {
  freeChunks(io, entries, 0)
}

/** Frees the chunks from the first on, up to where `left` entries were still missing. */
function freeChunks(io: Operation, entries: number, left: number): void {
  for (let rest = entries; rest > left; rest -= usedEntries(rest)) io.free(sgChunkBytes(chunkEntries(rest)))
}

function chunkEntries(left: number): number {
  return left > CHUNK_ENTRIES ? CHUNK_ENTRIES : left
}

function usedEntries(left: number): number {
  return left > CHUNK_ENTRIES ? CHUNK_ENTRIES - 1 : left
}
