import {
  type Consumer,
  type ConsumerEnvironment,
  IovIter,
  ITER_DEST,
  ITER_SOURCE,
  type Operation,
  zeroIter,
} from '@pinscope/core'
import { defineBug } from '../bug.ts'

/**
 * A read into the page cache: what the server did not send is zeroed. No version looks at the direction there, so the tail
 * is zeroed all the same. @kernel fs/netfs/read_helper.c: netfs_clear_unread (5.15; io.c in 6.1, read_collect.c in 6.12)
 */
class ReadIntoCache implements Consumer {
  private readonly isFixed: boolean
  private readonly tail = new IovIter()

  constructor(environment: ConsumerEnvironment, isFixed: boolean) {
    this.isFixed = isFixed
    environment.memory.holdBytes()
  }

  submit(io: Operation): number {
    return io.lengthBytes
  }

  abort(): void {}

  complete(io: Operation): void {
    const transferred = io.recordedResult
    if (!(transferred >= 0 && transferred < io.lengthBytes)) return
    this.tail.copyFrom(io.iter)
    this.tail.direction = this.isFixed ? ITER_DEST : ITER_SOURCE
    this.tail.advance(transferred)
    zeroIter(this.tail, io.memory, this.tail.countBytes)
  }

  counters(): Readonly<Record<string, number>> {
    return {}
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
      create: (environment, isFixed) => new ReadIntoCache(environment, isFixed),
    },
  ],
})
