import type { Memory } from '../memory/memory.ts'
import type { PageBytes } from '../memory/page-bytes.ts'
import { crc32c, type InternetChecksum } from './checksum.ts'
import { contents, copyToIter, fillPipe, isRefused } from './copy.ts'
import { CopyIn, CopyOut } from './copy-steps.ts'
import type { IovIter } from './iov-iter.ts'
import { ITER_DEST, ITER_DISCARD, ITER_PIPE, ITER_SOURCE } from './iter-type.ts'
import { type IterStep, iterateAndAdvance } from './iterate.ts'

/**
 * Shows each piece of the next `bytes` to `visit` and advances the iterator: no list is built and nothing is taken.
 * `visit` gets the piece itself, not a copy, and returns the bytes of it that it left. Returns the bytes visited. The
 * direction does not matter; a DISCARD has nothing to show and is used up.
 * @kernel include/linux/iov_iter.h: iterate_and_advance (since 6.7); the mail's iov_iter_scan
 */
export function scanIter(iter: IovIter, memory: Memory, bytes: number, visit: (piece: Uint8Array) => number): number {
  return iterateAndAdvance(iter, memory, bytes, new Visit(contents(memory), visit))
}

/** CRC-32C of the next `bytes`, going on from `seed`; advances. {@link crc32c} says how to seed it. @kernel fs/smb: cifs_shash_iter, by the scan primitive */
export function crc32cOfIter(iter: IovIter, memory: Memory, bytes: number, seed: number): number {
  let crc = seed
  scanIter(iter, memory, bytes, (piece) => {
    crc = crc32c(crc, piece)
    return 0
  })
  return crc
}

/**
 * Copies into the iterator's memory and sums what was copied. Returns the bytes copied; a user segment with a page that
 * cannot be reached counts for nothing. A DISCARD: 6.1 warns and does nothing, later the checksum is made and the count
 * stays.
 * @kernel 6.1: lib/iov_iter.c: csum_and_copy_to_iter; since 6.8: net/core/datagram.c
 */
export function csumAndCopyToIter(iter: IovIter, memory: Memory, from: Uint8Array, sum: InternetChecksum): number {
  if (iter.direction === ITER_SOURCE && isRefused(iter)) return 0
  if (iter.type === ITER_DISCARD) {
    if (!iter.kernel.guardsDirection) return 0
    sum.add(from)
    return from.length
  }
  const step = new CopyIn(contents(memory), from, sum)
  if (iter.type === ITER_PIPE) return fillPipe(iter, from.length, step)
  return iterateAndAdvance(iter, memory, from.length, step)
}

/**
 * Copies out of the iterator's memory and sums what was copied. Returns the bytes copied; see {@link csumAndCopyToIter}
 * for faults. A DISCARD and a PIPE give 0.
 * @kernel 6.1: lib/iov_iter.c: csum_and_copy_from_iter; since 6.8 inside net/core/skbuff.c: csum_and_copy_from_iter_full
 */
export function csumAndCopyFromIter(iter: IovIter, memory: Memory, to: Uint8Array, sum: InternetChecksum): number {
  if (iter.direction === ITER_DEST && isRefused(iter)) return 0
  if (iter.type === ITER_DISCARD || iter.type === ITER_PIPE) return 0
  return iterateAndAdvance(iter, memory, to.length, new CopyOut(contents(memory), to, sum))
}

/** All of it or nothing: a short copy is reverted. @kernel csum_and_copy_from_iter_full */
export function csumAndCopyFromIterFull(iter: IovIter, memory: Memory, to: Uint8Array, sum: InternetChecksum): boolean {
  const copied = csumAndCopyFromIter(iter, memory, to, sum)
  if (copied === to.length) return true
  iter.revert(copied)
  return false
}

/** Copies into the iterator's memory, then hashes exactly what was copied. Returns the bytes. @kernel hash_and_copy_to_iter */
export function hashAndCopyToIter(
  iter: IovIter,
  memory: Memory,
  from: Uint8Array,
  hash: { update(bytes: Uint8Array): unknown },
): number {
  const copied = copyToIter(iter, memory, from)
  hash.update(from.subarray(0, copied))
  return copied
}

class Visit implements IterStep {
  readonly foll = 0
  readonly allOrNothing = false
  private readonly bytes: PageBytes
  private readonly visit: (piece: Uint8Array) => number

  constructor(bytes: PageBytes, visit: (piece: Uint8Array) => number) {
    this.bytes = bytes
    this.visit = visit
  }

  piece(page: number, offset: number, length: number): number {
    return this.visit(this.bytes.bytesOf(page).subarray(offset, offset + length))
  }
}
