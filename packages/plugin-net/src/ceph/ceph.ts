import { type Consumer, type ConsumerEnvironment, countersOf, type Operation } from '@pinscope/core'
import { CEPH_COUNTERS, DIRTIED_PAGES } from './ceph-counters.ts'
import { DirectIo } from './direct-io.ts'
import { Messenger } from './messenger.ts'
import { OsdCompletion } from './osd-completion.ts'
import { OsdRequests } from './osd-requests.ts'
import { PageCacheIo } from './page-cache-io.ts'
import { PagePieces } from './page-pieces.ts'
import { Replies } from './replies.ts'

/** Ways into the client, as the option `path` numbers them. */
export const PATH_NAMES = ['direct', 'buffered'] as const
const PATH_BUFFERED = 1

/** A ceph mount: direct I/O of files, or what the page cache reads and writes back, and the messenger below. */
export class CephConsumer implements Consumer {
  private readonly counts = new Float64Array(CEPH_COUNTERS.length)
  private readonly messenger: Messenger
  private readonly completion: OsdCompletion
  private readonly direct: DirectIo
  private readonly pageCache: PageCacheIo | null

  constructor(environment: ConsumerEnvironment) {
    const { options, ledger, pages } = environment
    const { counts } = this
    const settings = {
      rsize: options.rsize,
      wsize: options.wsize,
      stripeUnit: options['stripe-unit'],
      isAio: options.aio === 1,
    }
    const requests = new OsdRequests()
    const pieces = new PagePieces()
    const replies = new Replies()
    this.messenger = new Messenger(options, counts, ledger, pages)
    this.completion = new OsdCompletion(requests, this.messenger, counts, DIRTIED_PAGES)
    this.direct = new DirectIo(settings, this.messenger, requests, this.completion, pieces, replies, ledger, counts)
    const isBuffered = options.path === PATH_BUFFERED
    this.pageCache = isBuffered
      ? new PageCacheIo(settings, this.messenger, requests, pieces, replies, environment, counts)
      : null
  }

  submit(io: Operation): number {
    io.scratch = 0
    if (io.iter.countBytes === 0) return 0
    return this.pageCache === null ? this.direct.transfer(io) : this.pageCache.transfer(io)
  }

  /** What the operation had was let go when it failed. */
  abort(): void {}

  /** The last replies are here: data is received, then the pages are put. */
  complete(io: Operation): void {
    if (io.scratch === 0) return
    this.completion.finish(io, io.scratch)
    io.letGoOfKept()
  }

  /** The connections are closed. */
  close(io: Operation): void {
    this.messenger.close(io)
  }

  counters(): Readonly<Record<string, number>> {
    return countersOf(CEPH_COUNTERS, this.counts)
  }
}
