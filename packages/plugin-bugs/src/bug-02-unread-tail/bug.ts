import {
  type Consumer,
  type ConsumerEnvironment,
  copyToIter,
  IovIter,
  ITER_DEST,
  ITER_SOURCE,
  type Operation,
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
  private readonly tail = new IovIter()

  constructor(environment: ConsumerEnvironment, isFixed: boolean, checksDirection: boolean) {
    this.isFixed = isFixed
    this.checksDirection = checksDirection
    environment.memory.holdBytes()
  }

  /** The folios of the range are there, with whatever their memory had. */
  submit(io: Operation): number {
    io.audit?.space.allocate(io.file, positionOf(io), io.lengthBytes)
    return io.lengthBytes
  }

  abort(): void {}

  complete(io: Operation): void {
    const { recordedResult, lengthBytes, file } = io
    if (recordedResult < 0) return
    const transferred = Math.min(Number.isNaN(recordedResult) ? lengthBytes : recordedResult, lengthBytes)
    const position = positionOf(io)
    const space = io.audit?.space
    space?.copyIn(file, position, transferred)
    if (transferred < lengthBytes) {
      this.tail.copyFrom(io.iter)
      this.tail.direction = this.isFixed ? ITER_DEST : ITER_SOURCE
      this.tail.advance(transferred)
      space?.zero(file, position + transferred, this.clear(io, lengthBytes - transferred))
    }
    space?.writeEnd(file, position, lengthBytes, lengthBytes)
  }

  counters(): Readonly<Record<string, number>> {
    return {}
  }

  /** Returns the bytes that are zero now. */
  private clear(io: Operation, bytes: number): number {
    if (!this.checksDirection) return zeroIter(this.tail, io.memory, bytes)
    let cleared = 0
    while (cleared < bytes) {
      const copied = copyToIter(this.tail, io.memory, ZEROES, Math.min(bytes - cleared, ZEROES.length))
      if (copied === 0) break
      cleared += copied
    }
    return cleared
  }
}

/** The row's position in the file, or where its segment begins. */
function positionOf({ iter, offsetBytes }: Operation): number {
  return offsetBytes < 0 ? iter.table.addressBytes[iter.segment] : offsetBytes
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
