import { PAGE_SIZE } from '@pinscope/core'
import { NFS_MAX_FILE_IO_SIZE, NFS_MIN_FILE_IO_SIZE } from './sizes.ts'

/** No limit: more than any operation has. @kernel include/linux/fs.h: MAX_RW_COUNT */
export const NO_LIMIT = 0x7fffffff

/** What was agreed with the server, and what it does. */
export interface Mount {
  /** Bytes of a READ at most, and of a WRITE. */
  readonly rsize: number
  readonly wsize: number
  /** Bytes that one answer brings or takes at most; {@link NO_LIMIT}: all that it was asked for. */
  readonly answerBytes: number
  /** A WRITE that does not ask for stable storage is answered before the data is there: a COMMIT has to follow. */
  readonly isUnstable: boolean
  /** The server restarts before the COMMIT: the verifier differs, and everything is written again. */
  readonly restarts: boolean
}

/** What the options come to. */
export function mountOf(options: Readonly<Record<string, number>>): Mount {
  return {
    rsize: ioSize(options.rsize),
    wsize: ioSize(options.wsize),
    answerBytes: options['answer-bytes'] || NO_LIMIT,
    isUnstable: options.unstable !== 0,
    restarts: options.restarts !== 0,
  }
}

/** Whole pages or, below a page, a power of two. @kernel fs/nfs/internal.h: nfs_io_size */
function ioSize(bytes: number): number {
  const size = Math.min(Math.max(bytes, NFS_MIN_FILE_IO_SIZE), NFS_MAX_FILE_IO_SIZE)
  if (size >= PAGE_SIZE) return size - (size % PAGE_SIZE)
  return 2 ** Math.floor(Math.log2(size))
}
