import {
  type Consumer,
  type ConsumerEnvironment,
  countersOf,
  type Operation,
  type OperationShape,
} from '@pinscope/core'
import { copyMessage } from './dev-copy.ts'
import { DirectIo } from './direct-io.ts'
import { FUSE_COUNTERS } from './fuse-counters.ts'

/** Values of the option `side`. */
export const SIDES = ['client', 'server'] as const
const SERVER = SIDES.indexOf('server')

/**
 * Direct I/O on a file of a FUSE file system: requests that carry the caller's pages to a server, which copies out of them
 * or into them. 6.1 references all pages; later kernels pin user memory and list kernel memory bare. With `side=server` a
 * row is the server's own read(2) or write(2) of /dev/fuse.
 *
 * A row with an end is asynchronous (aio, or O_DIRECT with FUSE_ASYNC_DIO), one without is not: one request after the
 * other, so that no more is pinned at once than one of them has.
 *
 * Not modelled: the page cache of the file (dirty pages are written back and thrown out first), the scatterlists of
 * virtio-fs, and io_uring between kernel and server (7.3: dev_uring.c), whose copies reference a page at a time too.
 * @kernel fs/fuse/file.c: fuse_direct_io; fs/fuse/dev.c: fuse_dev_read, fuse_dev_write
 */
export class Fuse implements Consumer {
  /** Alone only where requests are in the background: those of all operations together have a limit. */
  readonly operationShape: OperationShape
  private readonly counts = new Float64Array(FUSE_COUNTERS.length)
  private readonly isServer: boolean
  private readonly directIo: DirectIo

  constructor(environment: ConsumerEnvironment) {
    const { options } = environment
    this.isServer = options.side === SERVER
    const aloneOnly = !this.isServer && options.async !== 0
    this.operationShape = { positionAlignmentBytes: 1, addressAlignmentBytes: 0, aloneOnly }
    this.directIo = new DirectIo(environment, this.counts)
  }

  submit(io: Operation): number {
    return this.isServer ? copyMessage(io, this.counts) : this.directIo.transfer(io)
  }

  /** Requests that were sent before the one that failed are answered at once: waiting is not simulated. */
  abort(io: Operation): void {
    this.directIo.settle(io)
  }

  complete(io: Operation): void {
    this.directIo.settle(io)
  }

  counters(): Readonly<Record<string, number>> {
    return countersOf(FUSE_COUNTERS, this.counts)
  }
}
