import { ENOMEM, type KernelVersion, type Operation, type QuirkSwitches } from '@pinscope/core'
import { PUT_TWICE } from './counters.ts'
import { ReadRetry } from './read-retry.ts'
import type { ShallowCopy } from './shallow-copy.ts'
import type { SubrequestCuts } from './subrequest-cuts.ts'
import { Subrequests } from './subrequests.ts'

/**
 * Reads: all subrequests are issued one after the other, and their answers awaited together.
 *
 * Without memory for a subrequest, 6.12 ends with what was issued before, be it nothing; later versions end with -ENOMEM,
 * whatever was read. An error of a subrequest is the error of the read in all.
 *
 * @kernel fs/netfs/direct_read.c: netfs_dispatch_unbuffered_reads, netfs_prepare_dio_read_iterator, netfs_unbuffered_read;
 *   read_collect.c: netfs_rreq_assess_dio (6.12), netfs_collect_read_results (7.3). 6.18: taken as 7.3.
 */
export class DirectRead {
  private readonly cuts: SubrequestCuts
  private readonly retry: ReadRetry
  private readonly subrequests = new Subrequests()
  private readonly endsShort: boolean
  private readonly losesFirst: boolean

  constructor(cuts: SubrequestCuts, kernel: KernelVersion, quirks: QuirkSwitches) {
    const { counts, server } = cuts.setup
    this.cuts = cuts
    this.endsShort = kernel === '6.12'
    this.losesFirst = quirks['netfs-read-unsubmitted']
    this.retry = new ReadRetry(counts, server, quirks['netfs-read-retry-abandons'], this.endsShort)
  }

  /**
   * Bytes, or an errno. `shallow`: the pages of kernel memory, null for user memory, all of which was extracted.
   * `isReadahead`: it is the page cache's own.
   */
  transfer(io: Operation, shallow: ShallowCopy | null, isReadahead: boolean): number {
    const { cuts } = this
    const bytes = io.iter.countBytes
    const fileBytes = io.recordedResult >= 0 && io.recordedResult < bytes ? io.recordedResult | 0 : bytes
    cuts.begin(io)
    const issued = this.issue(io, shallow, fileBytes, this.endsShort && !isReadahead)
    cuts.end(io)
    if (issued < 0) return issued
    const error = io.recordedResult < 0 ? 0 : this.retry.settle(this.subrequests, isReadahead)
    return error < 0 ? error : Math.min(issued, fileBytes)
  }

  private issue(io: Operation, shallow: ShallowCopy | null, fileBytes: number, endsShort: boolean): number {
    const { cuts, subrequests } = this
    const { server } = cuts.setup
    let done = 0
    subrequests.clear()
    while (io.iter.countBytes > 0) {
      if (!cuts.allocate(io)) return endsShort ? this.withoutMemory(done) : ENOMEM
      const part = cuts.next(io, server.rsize, server.segsMax)
      if (part < 0) return part
      if (shallow !== null && done + part > shallow.reachBytes) return shallow.error
      subrequests.add(part, Math.min(part, Math.max(0, fileBytes - done)))
      io.iter.advance(part)
      done += part
    }
    return done
  }

  /** 6.12: no subrequest behind the first `done` bytes. */
  private withoutMemory(done: number): number {
    if (done > 0) return done
    if (!this.losesFirst) return ENOMEM
    this.cuts.setup.counts[PUT_TWICE]++
    return 0
  }
}
