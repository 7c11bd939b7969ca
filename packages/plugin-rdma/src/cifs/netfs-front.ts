import {
  BIO_VEC_BYTES,
  type Consumer,
  type ConsumerCounter,
  type ConsumerEnvironment,
  countersOf,
  EAGAIN,
  EIO,
  IovIter,
  ITER_DEST,
  ITER_DISCARD,
  ITER_PIPE,
  isSince,
  isUserBacked,
  limitIter,
  type Memory,
  type Operation,
  type OperationShape,
  UserBvecs,
} from '@pinscope/core'
import { BVECS, DIRTIED_PAGES, REFUSED, REQUESTS } from './counters.ts'
import { type Mount, offloads } from './mount.ts'
import { OperationTable } from './operation-table.ts'
import { SmbMessages } from './smb-messages.ts'
import type { Transport } from './transport.ts'

/** What a front is made of. */
export interface FrontSetup {
  /** Those of the consumer, {@link CIFS_COUNTERS} first, and their values. */
  readonly counters: readonly ConsumerCounter[]
  readonly counts: Float64Array
  readonly mount: Mount
  /** Takes the data of requests that are not sent in packets. */
  readonly offload: Transport
}

/**
 * Reads and writes of a file on a cifs mount over RDMA, as they have been since 6.3: the iterator goes down to the transport.
 * User memory is made into bvecs first and held until the operation is over; kernel memory passes as it is, with nothing
 * taken. What comes is cut into requests of at most wsize or rsize bytes and so many segments, and the data of each goes in
 * packets, or is registered.
 *
 * Requests follow each other as the kernel issues them. Of writes 6.12 sends all at once, cut by bytes alone; 6.18 and mainline
 * cut them by segments too, and send one after the other, each when the one before is answered. A request that fails ends the operation. A read ends with its error then, a write with what came before
 * it or, where that is nothing, with the error: but 6.12 loses the error of a write, which ends with 0. (After -EAGAIN 6.12
 * tries again, and later versions do on hard mounts and with retrans=: that is not modelled.)
 *
 * Of what is allocated the lists and buffers are counted; requests, of which each operation has its few, are not.
 *
 * @kernel fs/netfs/direct_read.c: netfs_unbuffered_read_iter_locked; direct_write.c: netfs_unbuffered_write_iter_locked;
 *   6.12: write_issue.c: netfs_unbuffered_write, write_collect.c: netfs_write_collection_worker (nothing sets wreq->error);
 *   fs/smb/client/file.c: cifs_prepare_write, cifs_prepare_read; smb2pdu.c: smb2_async_writev, smb2_async_readv. 6.12 and
 *   mainline; 6.18: taken as mainline.
 */
export class NetfsFront implements Consumer {
  /** Alone only: memory regions are few, and operations in flight share them. */
  readonly operationShape: OperationShape = { positionAlignmentBytes: 1, addressAlignmentBytes: 0, aloneOnly: true }
  private readonly declared: readonly ConsumerCounter[]
  private readonly counts: Float64Array
  private readonly mount: Mount
  private readonly offload: Transport
  private readonly messages: SmbMessages
  private readonly memory: Memory
  private readonly bvecs: UserBvecs
  private readonly operations = new OperationTable()
  /** Where the operation's iterator stands before a request. */
  private readonly position = new IovIter()
  /** A write waits for the answer to a request before it sends the next; and its requests are cut by segments, as those of reads. */
  private readonly writesInTurn: boolean
  private readonly losesWriteErrors: boolean

  constructor(environment: ConsumerEnvironment, { counters, counts, mount, offload }: FrontSetup) {
    const { kernel, ledger, memory } = environment
    this.declared = counters
    this.counts = counts
    this.mount = mount
    this.offload = offload
    this.messages = new SmbMessages(mount, environment, counts)
    this.memory = memory
    this.bvecs = new UserBvecs(ledger)
    this.writesInTurn = isSince(kernel, '6.18')
    this.losesWriteErrors = kernel === '6.12'
  }

  submit(io: Operation): number {
    if (io.iter.countBytes === 0) return 0
    if (!this.mount.isConnected) return EAGAIN
    const done = this.mount.isTransportOnly ? this.transferBare(io) : this.transfer(io)
    return io.recordedResult >= 0 && io.recordedResult < done ? io.recordedResult : done
  }

  /** What was registered for it before it failed goes, and what is held on its memory. */
  abort(io: Operation): void {
    this.complete(io)
  }

  /** The last answer is there. @kernel fs/netfs/objects.c: netfs_free_request; read_collect.c: netfs_rreq_assess_dio */
  complete(io: Operation): void {
    const operation = io.scratch
    if (operation === 0) return
    const { operations } = this
    this.offload.complete(io, operation)
    // However the read ended.
    if (operations.isRead[operation] === 1) this.counts[DIRTIED_PAGES] += operations.bvecs[operation]
    io.letGoOfKept()
    if (operations.arrayBytes[operation] > 0) io.free(operations.arrayBytes[operation])
    operations.give(operation)
    io.scratch = 0
  }

  close(io: Operation): void {
    this.offload.close(io)
  }

  counters(): Readonly<Record<string, number>> {
    return countersOf(this.declared, this.counts)
  }

  /** The transport alone, without cifs: it gets the row's own iterator. */
  private transferBare(io: Operation): number {
    const { iter } = io
    const isRead = iter.direction === ITER_DEST
    if (!offloads(this.mount, iter.countBytes)) return this.messages.transferBare(io)
    io.scratch = this.operations.take(isRead)
    const bytes = this.offload.submit(io, io.scratch)
    if (bytes > 0) io.reachedInPlace(bytes)
    return bytes
  }

  private transfer(io: Operation): number {
    const { iter } = io
    const isRead = iter.direction === ITER_DEST
    if (iter.type === ITER_DISCARD || iter.type === ITER_PIPE) {
      // No list can be made of either; netfs_limit_iter() has a BUG for both.
      this.counts[REFUSED]++
      return EIO
    }
    io.scratch = this.operations.take(isRead)
    if (isUserBacked(iter.type)) {
      const extracted = this.bvecs.extract(io)
      if (extracted < 0) return extracted
      io.keep(this.bvecs.hold)
      io.built(this.bvecs.table.length, BIO_VEC_BYTES)
      this.counts[BVECS] += this.bvecs.table.length
      this.operations.bvecs[io.scratch] = this.bvecs.table.length
      this.operations.arrayBytes[io.scratch] = this.bvecs.arrayBytes
    }
    return this.requests(io, isRead)
  }

  /** One request after the other: bytes, or an errno. */
  private requests(io: Operation, isRead: boolean): number {
    const { iter } = io
    const { mount, position } = this
    const sizeMax = isRead ? mount.rsize : mount.wsize
    const isCut = isRead || this.writesInTurn
    let left = iter.countBytes
    let done = 0
    while (left > 0) {
      const bytes = isCut ? limitIter(iter, this.memory, 0, sizeMax, mount.segsMax) : Math.min(sizeMax, left)
      position.copyFrom(iter)
      iter.truncate(bytes)
      const result = bytes === 0 ? EIO : this.request(io, isRead, done)
      iter.copyFrom(position)
      if (result < 0) return this.failed(isRead, done, result)
      iter.advance(bytes)
      left -= bytes
      done += bytes
    }
    return done
  }

  /** What an operation ends with whose request after the first `done` bytes failed. */
  private failed(isRead: boolean, done: number, error: number): number {
    if (isRead) return error
    return done > 0 || (this.losesWriteErrors && error !== EAGAIN) ? done : error
  }

  /** The request that the iterator is: 0 or more, or an errno with nothing of it left. `before`: bytes of those before it. */
  private request(io: Operation, isRead: boolean, before: number): number {
    this.counts[REQUESTS]++
    if (this.writesInTurn && !isRead && before > 0) this.offload.complete(io, io.scratch)
    if (!offloads(this.mount, io.iter.countBytes)) {
      return isRead ? this.messages.read(io, before) : this.messages.write(io)
    }
    const bytes = this.offload.submit(io, io.scratch)
    if (bytes < 0) return bytes
    const error = this.messages.name(io)
    if (error < 0) this.offload.abort(io, io.scratch)
    else io.reachedInPlace(bytes)
    return error
  }
}
