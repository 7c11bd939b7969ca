import {
  type Consumer,
  type ConsumerEnvironment,
  countersOf,
  isSince,
  type Operation,
  type OperationShape,
  SCATTERLIST_BYTES,
} from '@pinscope/core'
import { NetfsDirect } from './netfs-direct.ts'
import { P9Client } from './p9-client.ts'
import { P9_COUNTERS } from './p9-counters.ts'
import { messageBytes, P9_IOHDRSZ, requestBytes } from './p9-sizes.ts'
import { P9Virtio } from './p9-virtio.ts'

/**
 * 9p over virtio: reads and writes that bypass the page cache. 6.1 hands the caller's iterator to the client; since 6.8
 * netfs pins user memory into bvecs, and the transport references each of them once more.
 *
 * @kernel fs/9p/vfs_file.c: v9fs_file_read_iter, v9fs_file_write_iter; fs/9p/vfs_addr.c: v9fs_direct_IO (6.1)
 */
export class P9Consumer implements Consumer {
  /** Alone only: requests in flight share the ring and the pool of pages. With the quirk the pool runs dry. */
  readonly operationShape?: OperationShape
  private readonly counts = new Float64Array(P9_COUNTERS.length)
  private readonly virtio: P9Virtio
  private readonly client: P9Client
  private readonly netfs: NetfsDirect | null

  constructor({ kernel, traits, options, ledger }: ConsumerEnvironment) {
    const { quirks } = traits
    const { counts } = this
    this.virtio = new P9Virtio({
      counts,
      poolPages: options['pool-pages'],
      hasIndirect: options.indirect === 1,
      rerrorBytes: options['rerror-bytes'],
      p9ReqBytes: requestBytes(kernel),
      putsInFlight: quirks['p9-put-in-flight'],
      losesPoolPages: quirks['p9-extract-pool-leak'],
    })
    const bytesMax = messageBytes(kernel, options.msize) - P9_IOHDRSZ
    if (!quirks['p9-extract-pool-leak']) {
      this.operationShape = { positionAlignmentBytes: 1, addressAlignmentBytes: 0, aloneOnly: true }
    }
    this.client = new P9Client(this.virtio, ledger, counts, bytesMax)
    this.netfs = isSince(kernel, '6.12') ? new NetfsDirect(this.client, ledger, counts, bytesMax, kernel) : null
  }

  submit(io: Operation): number {
    const { countBytes } = io.iter
    if (countBytes === 0) return 0
    const { netfs, client, virtio } = this
    virtio.entries = 0
    const result = netfs === null ? this.transfer(io, countBytes) : netfs.transfer(io)
    if (virtio.entries > 0) io.built(virtio.entries, SCATTERLIST_BYTES)
    const row = client.pending
    client.pending = 0
    if (row === 0) return result
    io.scratch = row
    io.keep(virtio.requests.holdOf(row))
    if (netfs !== null) netfs.park(io, virtio.requests, row)
    return result
  }

  /** What the operation had was let go when it failed. */
  abort(): void {}

  /** The last request is answered: its pages are put, then what netfs pinned is unpinned. */
  complete(io: Operation): void {
    const row = io.scratch
    if (row === 0) return
    const { netfs, virtio } = this
    const { requests } = virtio
    virtio.answer(io, row)
    io.letGoOfKept()
    const isRead = requests.isRead[row] === 1
    const isNetfs = requests.isNetfs[row] === 1
    virtio.finish(io, row)
    if (netfs !== null && isNetfs) netfs.finish(io, isRead, requests.bvecs[row], requests.bvecBytes[row])
  }

  counters(): Readonly<Record<string, number>> {
    return countersOf(P9_COUNTERS, this.counts)
  }

  /** 6.1: what was moved before an error is the result. */
  private transfer(io: Operation, bytes: number): number {
    const { client } = this
    client.begin(io, bytes)
    const moved = client.transfer(io)
    return moved > 0 ? moved : client.error
  }
}
