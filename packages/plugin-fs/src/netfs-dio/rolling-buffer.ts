import { FOLIOQ_SLOTS, ITER_DEST, type Operation, PAGE_SIZE } from '@pinscope/core'
import { READAHEAD_REFS, ROLLING_FOLIOS } from './counters.ts'
import type { RequestTable } from './request-table.ts'

/**
 * The page cache's own reads and writes: their folios are in a queue that grows at one end and is used up at the other.
 *
 * Of a read they come from readahead, locked, each with a reference of readahead's. The references are dropped when the folios
 * are in the queue (6.12: as each subrequest loads its share, before it is issued; 7.3: of all, when the first is issued); what
 * keeps them from then on is the lock, until their data has been collected. Of a write they are under writeback, and nothing
 * is taken.
 *
 * @kernel fs/netfs/rolling_buffer.c: rolling_buffer_load_from_ra (6.12), rolling_buffer_bulk_load_from_ra (7.3),
 *   rolling_buffer_append; buffered_read.c: netfs_prepare_read_iterator (6.12), netfs_bulk_drop_ra_refs (7.3);
 *   read_collect.c: netfs_unlock_read_folio; write_issue.c: netfs_write_folio. 6.18: as either, which takes the same.
 */
export class RollingBuffer {
  private readonly counts: Float64Array
  private readonly requests: RequestTable
  private readonly segmentBytes: number

  /** `segmentBytes`: of a struct folio_queue. */
  constructor(counts: Float64Array, requests: RequestTable, segmentBytes: number) {
    this.counts = counts
    this.requests = requests
    this.segmentBytes = segmentBytes
  }

  /** Loads the folios of the operation; false, with nothing left but segments that the request has, when there is no memory. */
  load(io: Operation): boolean {
    const isRead = io.iter.direction === ITER_DEST
    const folios = this.forEach(io, isRead ? GET : NOTHING)
    this.counts[ROLLING_FOLIOS] += folios
    if (isRead) this.counts[READAHEAD_REFS] += folios
    let isLoaded = true
    while (isLoaded && this.requests.folioQueues[io.scratch] * FOLIOQ_SLOTS < folios) isLoaded = this.extend(io, isRead)
    if (isRead) this.forEach(io, PUT)
    return isLoaded
  }

  /** Allocates a further segment; a write waits until there is one. @kernel netfs_folioq_alloc */
  extend(io: Operation, isRead: boolean): boolean {
    const { segmentBytes } = this
    if (!io.allocate(segmentBytes) && (isRead || !io.allocate(segmentBytes))) return false
    this.requests.folioQueues[io.scratch]++
    return true
  }

  /** Frees the segments of a request. @kernel rolling_buffer_clear */
  clear(io: Operation, request: number): void {
    const { folioQueues } = this.requests
    for (let n = folioQueues[request]; n > 0; n--) io.free(this.segmentBytes)
    folioQueues[request] = 0
  }

  /** Takes or drops a reference on each folio of what the operation's iterator has; returns how many there are. */
  private forEach(io: Operation, change: number): number {
    const { iter, ledger } = io
    const { queue } = iter
    let at = iter.queueSegment * FOLIOQ_SLOTS + iter.slot
    let folios = 0
    for (let left = iter.iovOffsetBytes + iter.countBytes; left > 0 && at < queue.count; at++) {
      left -= PAGE_SIZE << queue.order[at]
      if (queue.folio[at] < 0) continue
      if (change === GET) ledger.getPage(queue.folio[at])
      else if (change === PUT) ledger.putPage(queue.folio[at])
      folios++
    }
    return folios
  }
}

const NOTHING = 0
const GET = 1
const PUT = 2
