import {
  type Consumer,
  type ConsumerEnvironment,
  copyToIter,
  IovIter,
  ITER_DEST,
  ITER_SOURCE,
  type Operation,
  SegmentTable,
  zeroIter,
} from '@pinscope/core'
import { defineBug } from '../bug.ts'

const ZEROES = new Uint8Array(65536)

/**
 * A read into the page cache: what the server did not send is zeroed, and then the folios are uptodate: anybody may read
 * them. iov_iter_zero() looks at the direction in no version, so the tail is zeroed all the same; a clear that checks it, as
 * copies do since 6.2 (`checksDirection`), leaves what was in memory before.
 * @kernel fs/netfs/read_helper.c: netfs_clear_unread, netfs_rreq_unlock (5.15; io.c in 6.1, read_collect.c in 6.12);
 *   lib/iov_iter.c: iov_iter_zero, _copy_to_iter
 */
class ReadIntoCache implements Consumer {
  private readonly isFixed: boolean
  private readonly checksDirection: boolean
  /** By operation: the iterator over its pages, which outlives the call. */
  private readonly reads = new Map<number, IovIter>()

  constructor(environment: ConsumerEnvironment, isFixed: boolean, checksDirection: boolean) {
    this.isFixed = isFixed
    this.checksDirection = checksDirection
    environment.memory.holdBytes()
  }

  submit(io: Operation): number {
    const { type, direction, table, segment, countBytes } = io.iter
    const segments = new SegmentTable()
    segments.pushCopy(table, segment)
    const pages = new IovIter()
    pages.copyFrom(io.iter)
    pages.reset(type, direction, segments, 0, 1, countBytes)
    this.reads.set(io.number, pages)
    return io.lengthBytes
  }

  abort(): void {}

  /** The folios of the range are there, with whatever their memory had. */
  complete(io: Operation): void {
    const { recordedResult, lengthBytes, file } = io
    const tail = this.reads.get(io.number)
    this.reads.delete(io.number)
    if (recordedResult < 0 || tail === undefined) return
    const transferred = Math.min(Number.isNaN(recordedResult) ? lengthBytes : recordedResult, lengthBytes)
    const position = tail.table.addressBytes[0]
    const space = io.audit?.space
    space?.allocate(file, position, lengthBytes)
    space?.copyIn(file, position, transferred)
    if (transferred < lengthBytes) {
      tail.direction = this.isFixed ? ITER_DEST : ITER_SOURCE
      tail.advance(transferred)
      space?.zero(file, position + transferred, this.clear(io, tail))
    }
    space?.writeEnd(file, position, lengthBytes, lengthBytes)
  }

  counters(): Readonly<Record<string, number>> {
    return {}
  }

  /** Returns the bytes that are zero now. */
  private clear({ memory }: Operation, tail: IovIter): number {
    const bytes = tail.countBytes
    if (!this.checksDirection) return zeroIter(tail, memory, bytes)
    while (tail.countBytes > 0) {
      if (copyToIter(tail, memory, ZEROES, Math.min(tail.countBytes, ZEROES.length)) === 0) break
    }
    return bytes - tail.countBytes
  }
}

export const bug02 = defineBug({
  number: 2,
  title: 'the unread tail is zeroed through a data source',
  summary:
    'After a short read netfs made an iterator over the rest of the page cache as a source of data, and wrote zeroes through it.',
  cases: [
    {
      name: 'netfs-clear-unread',
      kernel: 'fs/netfs/read_helper.c: netfs_clear_unread',
      commit: '330de47d14af',
      trace: 'trace.csv',
      rules: ['H-24'],
      row: 2,
      accepts: ['xarray'],
      policy: () => 'extract',
      create: (environment, isFixed) => new ReadIntoCache(environment, isFixed, false),
    },
    {
      // Not in any kernel: what the same mistake does where the direction is checked.
      name: 'netfs-clear-unread-checked',
      kernel: 'fs/netfs/read_helper.c: netfs_clear_unread, with the check of _copy_to_iter (6.2)',
      commit: '330de47d14af',
      trace: 'checked.csv',
      rules: ['H-24', 'H-32'],
      row: 3,
      accepts: ['xarray'],
      policy: () => 'extract',
      create: (environment, isFixed) => new ReadIntoCache(environment, isFixed, true),
    },
  ],
})
