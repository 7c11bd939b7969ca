import { EFAULT } from '../../errno.ts'
import { ITER_DEST } from '../../iter/iter-type.ts'
import type { Operation } from '../operation.ts'
import { BUFFERED, BUFFERED_BYTES } from './bio-counters.ts'

/**
 * Copies all that is left through the page cache, `doneBytes` bytes into the operation: nothing is taken. A read returns
 * what it has where a copy fails; a write that can copy nothing returns -EFAULT, whatever was written directly before.
 * `counts`: slots of BIO_COUNTERS.
 * @kernel mm/filemap.c: filemap_read; fs/btrfs/direct-io.c: btrfs_direct_write
 */
export function copyRest(io: Operation, doneBytes: number, counts: Float64Array): number {
  const { iter, recordedResult } = io
  const end = recordedResult >= 0 ? recordedResult - doneBytes : iter.countBytes
  const wanted = end < iter.countBytes ? end : iter.countBytes
  if (wanted <= 0) return doneBytes
  const copied = io.copy(wanted)
  counts[BUFFERED]++
  counts[BUFFERED_BYTES] += copied
  if (io.observer !== null) io.observer.note(`${copied} bytes copied through the page cache: no page taken`)
  if (copied > 0) return doneBytes + copied
  return iter.direction === ITER_DEST && doneBytes > 0 ? doneBytes : EFAULT
}
