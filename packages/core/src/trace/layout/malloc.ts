import { PAGE_SIZE } from '../../units.ts'
import { Buffers, placeEach } from './buffers.ts'
import type { LayoutPolicy } from './layout-policy.ts'

/** A chunk lies at a multiple of this (glibc malloc/malloc.c: MALLOC_ALIGNMENT). */
const ALIGNMENT = 16
/** What is in front of the memory of a chunk: its size, and the last bytes of the chunk before, which are that one's (SIZE_SZ, CHUNK_HDR_SZ). */
const SIZE_BYTES = 8
const HEADER_BYTES = 16
/** MINSIZE. */
const CHUNK_BYTES_MIN = 32
/** A chunk of this size or more is a mapping of its own (DEFAULT_MMAP_THRESHOLD). */
const MMAP_THRESHOLD = 128 * 1024
/** The heap begins at a page, with the table of the thread's cache (struct tcache_perthread_struct, glibc 2.30 and later). */
const CACHE_CHUNK_BYTES = 0x290

/**
 * As glibc malloc gives them on 64 bits to a program that frees nothing: chunks of 128 KiB and more are mappings of their own
 * and their memory begins 16 bytes into a page; smaller ones stand one behind the other in the heap.
 */
export const mallocLayout: LayoutPolicy = {
  usage: 'malloc',
  summary: 'as glibc malloc gives them: large ones 16 bytes into a page, small ones one behind the other',
  make(text) {
    if (text !== 'malloc') return null
    const buffers = new Buffers()
    let heapTop = CACHE_CHUNK_BYTES
    const offsetOf = (length: number) => {
      const chunk = chunkBytes(length)
      if (chunk >= MMAP_THRESHOLD) return HEADER_BYTES
      const offset = (heapTop + HEADER_BYTES) % PAGE_SIZE
      heapTop = (heapTop + chunk) % PAGE_SIZE
      return offset
    }
    return { name: text, place: (row) => placeEach(row, buffers, offsetOf) }
  },
}

/** Size of the chunk for so many bytes (request2size). */
function chunkBytes(lengthBytes: number): number {
  return Math.max(CHUNK_BYTES_MIN, Math.ceil((lengthBytes + SIZE_BYTES) / ALIGNMENT) * ALIGNMENT)
}
