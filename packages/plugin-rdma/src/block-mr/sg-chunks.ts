import { type Operation, SG_CHUNK_SIZE, sgPoolBytes } from '@pinscope/core'

/** Elements that a request has of its own. @kernel drivers/nvme/host/nvme.h: NVME_INLINE_SG_CNT; drivers/scsi/scsi_lib.c: SCSI_INLINE_SG_CNT */
export const INLINE_SG_CNT = 2

const CHUNKS_ALL = 0x7fffffff

/**
 * Allocates the chunks of a table of `entries` elements behind the two that the request has, the second of which becomes
 * a link. The number of chunks, or -1 with nothing left allocated.
 * @kernel lib/sg_pool.c: sg_alloc_table_chained; lib/scatterlist.c: __sg_alloc_table. The same in all versions.
 */
export function allocateChunks(io: Operation, entries: number): number {
  let left = entriesBehind(entries)
  let chunks = 0
  while (left > 0) {
    if (!io.allocate(sgPoolBytes(left < SG_CHUNK_SIZE ? left : SG_CHUNK_SIZE))) {
      freeFirstChunks(io, entries, chunks)
      return -1
    }
    chunks++
    left -= usableOf(left)
  }
  return chunks
}

/** @kernel lib/sg_pool.c: sg_free_table_chained */
export function freeChunks(io: Operation, entries: number): void {
  freeFirstChunks(io, entries, CHUNKS_ALL)
}

function freeFirstChunks(io: Operation, entries: number, chunksMax: number): void {
  let left = entriesBehind(entries)
  for (let chunk = 0; left > 0 && chunk < chunksMax; chunk++) {
    io.free(sgPoolBytes(left < SG_CHUNK_SIZE ? left : SG_CHUNK_SIZE))
    left -= usableOf(left)
  }
}

function entriesBehind(entries: number): number {
  return entries <= INLINE_SG_CNT ? 0 : entries - (INLINE_SG_CNT - 1)
}

/** Elements of the next chunk that are no link. */
function usableOf(left: number): number {
  return left > SG_CHUNK_SIZE ? SG_CHUNK_SIZE - 1 : left
}
