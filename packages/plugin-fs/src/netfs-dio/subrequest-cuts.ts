import { EIO, IovIter, limitIter, type Memory, type Operation } from '@pinscope/core'
import { LIMITED, SUBREQUESTS } from './counters.ts'
import type { RequestTable } from './request-table.ts'
import type { Server } from './server.ts'

/** What cutting subrequests needs of the consumer. */
export interface CutSetup {
  readonly memory: Memory
  readonly counts: Float64Array
  readonly server: Server
  readonly requests: RequestTable
  /** Bytes of an allocated subrequest. */
  readonly subrequestBytes: number
}

/**
 * Cuts the operation's iterator into subrequests: each has a copy of it, from where the one before ended, truncated to its
 * bytes. Nothing is listed for that: the copies share the segments.
 */
export class SubrequestCuts {
  readonly setup: CutSetup
  private readonly position = new IovIter()

  constructor(setup: CutSetup) {
    this.setup = setup
  }

  /** Allocates a subrequest of the operation; false when there is no memory. @kernel fs/netfs/objects.c: netfs_alloc_subrequest */
  allocate(io: Operation): boolean {
    const { counts, requests, subrequestBytes } = this.setup
    if (!io.allocate(subrequestBytes)) return false
    counts[SUBREQUESTS]++
    requests.subrequests[io.scratch]++
    return true
  }

  /** Frees those of a request. @kernel fs/netfs/objects.c: netfs_clear_subrequests */
  free(io: Operation, request: number): void {
    const { requests, subrequestBytes } = this.setup
    for (let n = requests.subrequests[request]; n > 0; n--) io.free(subrequestBytes)
    requests.subrequests[request] = 0
  }

  /**
   * Bytes of the next subrequest out of what the iterator has left: at most `bytesMax` of them and, unless `segsMax` is
   * 0, so many segments. -EIO where no segment can be found, which the kernel would try for ever. What a retry cuts again
   * is not counted again.
   */
  next(io: Operation, bytesMax: number, segsMax: number, isRetry = false): number {
    const { iter } = io
    const bytes = Math.min(iter.countBytes, bytesMax)
    if (bytes < iter.countBytes && !isRetry) io.limitHit()
    if (segsMax === 0) return bytes
    const limited = limitIter(iter, this.setup.memory, 0, bytes, segsMax)
    if (limited === 0) return EIO
    if (limited < bytes && !isRetry) {
      this.setup.counts[LIMITED]++
      io.limitHit()
    }
    return limited
  }

  /** Remembers where the iterator is: subrequests are cut from here. */
  begin(io: Operation): void {
    this.position.copyFrom(io.iter)
  }

  /** Puts the iterator back to where it was. */
  end(io: Operation): void {
    io.iter.copyFrom(this.position)
  }
}
