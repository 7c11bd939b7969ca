import {
  type Consumer,
  type ConsumerEnvironment,
  countersOf,
  EAGAIN,
  EFAULT,
  ITER_DEST,
  type Operation,
  PAGE_SIZE,
} from '@pinscope/core'
import { PageRemainder } from './page-remainder.ts'
import { RDS_COUNTERS, RECEIVED } from './rds-counters.ts'
import { RdsMessages } from './rds-messages.ts'
import { RdsMrs } from './rds-mrs.ts'
import { RdsSend, TRANSPORT_IB } from './rds-send.ts'
import { messageBytes } from './rds-sizes.ts'
import { RdsSockets } from './rds-sockets.ts'

/** @kernel include/uapi/asm-generic/errno.h */
const ENOBUFS = -105
const ETIMEDOUT = -110

/**
 * An RDS socket: sendmsg() and recvmsg() of reliable datagrams, and setsockopt(RDS_GET_MR). A message is sent out of pages
 * that it was copied into, or with `zerocopy` out of the caller's, which are referenced until the row's `end`, when the
 * receiver has it; a cookie tells the caller.
 *
 * 6.1, 6.12 and 7.3 are the same but for the size of a message and for splice(2); 6.18 is taken as 6.12.
 *
 * @kernel net/rds/send.c: rds_sendmsg; net/rds/recv.c: rds_recvmsg
 */
export class RdsConsumer implements Consumer {
  private readonly counts = new Float64Array(RDS_COUNTERS.length)
  private readonly sockets = new RdsSockets(this.counts)
  private readonly remainder = new PageRemainder(this.counts)
  private readonly sender: RdsSend
  private readonly mrs: RdsMrs

  constructor({ kernel, traits, options }: ConsumerEnvironment) {
    const settings = {
      transport: options.transport,
      hasSockZerocopy: options['so-zerocopy'] === 1,
      hasCookie: options.cookie === 1,
      sndbufBytes: Math.floor(options.sndbuf / 2),
      memlockPages: Math.floor(options.memlock / PAGE_SIZE),
    }
    const messages = new RdsMessages(messageBytes(kernel))
    this.sender = new RdsSend(settings, this.sockets, messages, this.remainder, this.counts)
    const isIb = options.transport === TRANSPORT_IB
    this.mrs = new RdsMrs(isIb, options['rdma-map'] === 1, traits.quirks['rds-mr-put-page'], this.counts)
  }

  submit(io: Operation): number {
    const socket = this.sockets.rowOf(io.file)
    io.scratch = 0
    if (io.iter.direction === ITER_DEST) return this.receive(io, socket)
    const { recordedResult, iter } = io
    if (recordedResult < 0 && !hadData(recordedResult)) return recordedResult | 0
    // Never of a message, which is sent whole or not at all: of another program's call.
    if (recordedResult > 0 && recordedResult < iter.countBytes) iter.truncate(recordedResult)
    return this.sender.send(io, socket)
  }

  /** What the operation had was let go when it failed. */
  abort(): void {}

  complete(io: Operation): void {
    if (io.scratch !== 0) this.sender.acknowledged(io, io.scratch)
  }

  /** Every socket is closed, and the module goes. @kernel net/rds/af_rds.c: rds_release, rds_exit */
  close(io: Operation): void {
    this.sockets.releaseAll(io)
    this.remainder.dispose(io)
  }

  register(io: Operation): number {
    return this.mrs.register(io)
  }

  unregister(io: Operation): void {
    this.mrs.unregister(io)
  }

  counters(): Readonly<Record<string, number>> {
    return countersOf(RDS_COUNTERS, this.counts)
  }

  /** A message, or what of it fits, is copied to the reader: all or -EFAULT. Without one the reader gets cookies alone. @kernel net/rds/recv.c: rds_recvmsg; net/rds/tcp_recv.c: rds_tcp_inc_copy_to_user */
  private receive(io: Operation, socket: number): number {
    const { recordedResult, iter } = io
    if (recordedResult < 0) return recordedResult | 0
    const bytes = recordedResult < iter.countBytes ? recordedResult | 0 : iter.countBytes
    if (bytes > 0) {
      io.isBounced = true
      if (io.copy(bytes) !== bytes) return EFAULT
      this.counts[RECEIVED]++
    }
    this.sockets.reap(io, socket)
    return bytes
  }
}

/** The call failed where the message had its data already. @kernel net/rds/send.c: rds_sendmsg (rds_cong_wait, rds_send_queue_rm) */
function hadData(errno: number): boolean {
  return errno === EAGAIN || errno === EFAULT || errno === ENOBUFS || errno === ETIMEDOUT
}
