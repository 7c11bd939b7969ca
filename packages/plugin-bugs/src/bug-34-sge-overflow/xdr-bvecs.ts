import { type Consumer, EIO, GUARD_NONE, HOLD_NONE, type Operation, PAGE_SIZE } from '@pinscope/core'

/** Entries of the array of an nfsd thread whose payloads have 16 KiB. @kernel struct svc_rqst: rq_bvec, rq_maxpages */
const BVECS_MAX = 6
/** Bytes of the head, which has the first entry. */
const HEAD_BYTES = 100

/**
 * The head and the pages of a message become bvecs. Before the fix each was stored, and then counted: the one too many was
 * told as an error when it had been written behind the array.
 * @kernel net/sunrpc/xdr.c: xdr_buf_to_bvec; fs/nfsd/vfs.c: nfsd_vfs_write
 */
export class XdrBvecs implements Consumer {
  private readonly isFixed: boolean

  constructor(isFixed: boolean) {
    this.isFixed = isFixed
  }

  submit(io: Operation): number {
    const objects = io.audit?.objects
    const array = objects?.alloc('rq_bvec', BVECS_MAX) ?? 0
    objects?.attach(array, HOLD_NONE, -1, 0, HEAD_BYTES)
    let count = 1
    let done = 0
    while (done < io.lengthBytes && count <= BVECS_MAX) {
      if (this.isFixed && count === BVECS_MAX) break
      const bytes = io.extract(1, PAGE_SIZE)
      if (bytes <= 0) break
      const { page, offsetBytes } = io.list
      objects?.attach(array, HOLD_NONE, page[0], offsetBytes[0], bytes)
      io.borrowList(GUARD_NONE)
      count++
      done += bytes
    }
    objects?.free(array)
    return done < io.lengthBytes || count > BVECS_MAX ? EIO : done
  }

  abort(): void {}

  complete(): void {}

  counters(): Readonly<Record<string, number>> {
    return {}
  }
}
