import { EINVAL, findPolicy, ITER_DEST, isUserBacked, type Operation, PAGE_SIZE } from '@pinscope/core'
import { SERVER_DIRTIED, SERVER_PAGES } from './fuse-counters.ts'

const GET_PAGES = findPolicy('get-pages')

/**
 * The server's own read(2) and write(2) of /dev/fuse: its buffer page by page, each with a reference that is dropped before
 * the next one is taken, whatever the policy is. What a read filled is made dirty. A page that cannot be had fails the
 * whole message, and the request with it. Kernel memory is refused.
 * @kernel fs/fuse/dev.c: fuse_dev_read, fuse_dev_write, fuse_copy_fill, fuse_copy_finish: the same in 6.1, 6.12 and 7.3
 */
export function copyMessage(io: Operation, counts: Float64Array): number {
  const { iter, recordedResult } = io
  if (!isUserBacked(iter.type)) return EINVAL
  // The message may be shorter than the buffer that is there for it.
  const bytes = recordedResult >= 0 && recordedResult < iter.countBytes ? recordedResult : iter.countBytes
  const isRead = iter.direction === ITER_DEST
  for (let done = 0; done < bytes; ) {
    const left = bytes - done
    const part = io.extract(1, left < PAGE_SIZE ? left : PAGE_SIZE, 0, GET_PAGES)
    if (part <= 0) return part
    counts[SERVER_PAGES]++
    if (isRead) counts[SERVER_DIRTIED]++
    io.ledger.letGo(io.hold)
    io.copied(part)
    done += part
  }
  return bytes
}
