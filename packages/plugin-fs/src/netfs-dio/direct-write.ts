import { ENOMEM, type KernelVersion, type Operation } from '@pinscope/core'
import { OVER_WSIZE, RETRIES } from './counters.ts'
import { NO_LIMIT } from './server.ts'
import type { ShallowCopy } from './shallow-copy.ts'
import type { SubrequestCuts } from './subrequest-cuts.ts'

/**
 * Writes. 6.12 issues all subrequests, cut by bytes alone, and each short one again for its rest; memory for them is held in
 * reserve. An error ends the write with what was written before it, be it nothing: no errno reaches the caller.
 *
 * Later versions issue one subrequest after the other, cut by segments too. One whose answer was short takes all that is
 * left of the request when it is issued again: a file system that sets no sizes of its own gets it whole, longer than wsize.
 * What was written before an error is the result, and the error itself where that is nothing.
 *
 * Writeback of the page cache goes all at once in every version, cut by bytes and segments.
 *
 * @kernel fs/netfs/direct_write.c: netfs_unbuffered_write (7.3); write_issue.c: netfs_unbuffered_write,
 *   netfs_advance_write, write_collect.c: netfs_retry_write_stream, netfs_write_collection_worker (6.12: nothing sets
 *   wreq->error). 6.18: taken as 7.3.
 */
export class DirectWrite {
  private readonly cuts: SubrequestCuts
  private readonly inTurn: boolean

  constructor(cuts: SubrequestCuts, kernel: KernelVersion) {
    this.cuts = cuts
    this.inTurn = kernel !== '6.12'
  }

  /**
   * Bytes, or an errno. `shallow`: the pages of kernel memory, null for user memory, all of which was extracted.
   * `isWriteback`: it is the page cache's own.
   */
  transfer(io: Operation, shallow: ShallowCopy | null, isWriteback: boolean): number {
    const { cuts } = this
    const bytes = io.iter.countBytes
    const reach = shallow === null ? bytes : shallow.reachBytes
    const error = shallow === null ? 0 : shallow.error
    const end = io.recordedResult >= 0 && io.recordedResult < bytes ? io.recordedResult | 0 : bytes
    cuts.begin(io)
    const written =
      this.inTurn && !isWriteback ? this.oneByOne(io, reach, end, error) : this.allAtOnce(io, reach, end, isWriteback)
    cuts.end(io)
    return written
  }

  /** 6.12, and writeback. `reach`: bytes that can be sent, `end`: bytes that the server takes. */
  private allAtOnce(io: Operation, reach: number, end: number, isWriteback: boolean): number {
    const { cuts } = this
    const { answerBytes, segsMax, wsize } = cuts.setup.server
    let issued = 0
    while (io.iter.countBytes > 0) {
      // The allocation waits for a subrequest to come back to the pool.
      if (!cuts.allocate(io)) cuts.allocate(io)
      const part = cuts.next(io, wsize, isWriteback ? segsMax : 0)
      if (part < 0 || issued + part > reach) break
      const taken = Math.min(part, Math.max(0, end - issued))
      this.cuts.setup.counts[RETRIES] += Math.max(0, Math.ceil(taken / answerBytes) - 1)
      io.iter.advance(part)
      issued += part
    }
    return Math.min(issued, end)
  }

  /** Since 6.18. The subrequest that the server refuses, or takes a part of, has been issued. */
  private oneByOne(io: Operation, reach: number, end: number, error: number): number {
    const { cuts } = this
    const { answerBytes, renegotiates, segsMax, wsize } = cuts.setup.server
    let written = 0
    let isRetry = false
    while (io.iter.countBytes > 0) {
      if (!isRetry) {
        cuts.free(io, io.scratch)
        if (!cuts.allocate(io)) return written > 0 ? written : ENOMEM
      }
      const isFree = isRetry && !renegotiates
      const part = cuts.next(io, isFree ? NO_LIMIT : wsize, isFree || segsMax === 0 ? NO_LIMIT : segsMax, isRetry)
      if (part < 0) return written > 0 ? written : part
      if (written + part > reach) return written > 0 ? written : error
      if (isRetry) this.countRetry(part, wsize)
      const taken = Math.min(part, answerBytes, end - written)
      isRetry = taken < part
      io.iter.advance(taken)
      written += taken
      if (taken < part && taken < answerBytes) return written
    }
    return written
  }

  private countRetry(bytes: number, wsize: number): void {
    const { counts } = this.cuts.setup
    counts[RETRIES]++
    if (bytes > wsize) counts[OVER_WSIZE]++
  }
}
