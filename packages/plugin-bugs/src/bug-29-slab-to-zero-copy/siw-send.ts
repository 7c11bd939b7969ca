import {
  type Consumer,
  type ConsumerEnvironment,
  EIO,
  GUARD_COUNT,
  HOLD_NONE,
  isSince,
  type KernelVersion,
  KIND_SLAB,
  type Operation,
  PAGE_SIZE,
} from '@pinscope/core'

/**
 * The payload of a work request goes to TCP page by page, in place. Since 6.5 TCP itself refuses a page that may not be
 * sent so, with a warning; since the fix the driver asks, and has such a page copied.
 * @kernel drivers/infiniband/sw/siw/siw_qp_tx.c: siw_tcp_sendpages, siw_0copy_tx; net/core/skbuff.c: skb_splice_from_iter;
 *   net/ipv4/tcp.c: do_tcp_sendpages (6.1)
 */
export class SiwSend implements Consumer {
  private readonly isFixed: boolean
  private readonly isRefused: boolean
  /** Pages sent in place, by operation. */
  private readonly inPlace = new Map<number, readonly number[]>()

  constructor({ kernel }: ConsumerEnvironment, isFixed: boolean) {
    this.isFixed = isFixed
    this.isRefused = isSince(kernel as KernelVersion, '6.12')
  }

  submit(io: Operation): number {
    const skb = io.audit?.objects.alloc('skb') ?? 0
    io.scratch = skb
    const sent: number[] = []
    let bytes = 0
    while (io.iter.countBytes > 0) {
      const part = io.extract(1, PAGE_SIZE)
      if (part < 0) return this.refuse(io, sent, part)
      const { page, offsetBytes } = io.list
      const isSendable = io.pages.kindOf(page[0]) !== KIND_SLAB && io.pages.refcountOf(page[0]) >= 1
      if (!isSendable && !this.isFixed && this.isRefused) {
        // WARN_ON_ONCE(!sendpage_ok(page)): it came as far as the zero-copy path.
        io.audit?.objects.attach(skb, HOLD_NONE, page[0], offsetBytes[0], part)
        return this.refuse(io, sent, EIO)
      }
      bytes += part
      if (!isSendable && this.isFixed) {
        io.copied(part)
        continue
      }
      io.ledger.getPage(page[0])
      io.audit?.objects.attach(skb, HOLD_NONE, page[0], offsetBytes[0], part)
      io.borrowList(GUARD_COUNT)
      sent.push(page[0])
    }
    this.inPlace.set(io.number, sent)
    io.isBounced = sent.length === 0
    io.audit?.objects.submit(skb, bytes)
    return bytes
  }

  abort(io: Operation): void {
    io.audit?.objects.free(io.scratch)
  }

  /** It was acknowledged. */
  complete(io: Operation): void {
    io.audit?.objects.complete(io.scratch, io.result)
    for (const page of this.inPlace.get(io.number) ?? []) io.ledger.putPage(page)
    this.inPlace.delete(io.number)
    io.audit?.objects.free(io.scratch)
  }

  counters(): Readonly<Record<string, number>> {
    return {}
  }

  /** What was queued before it is dropped with the connection. */
  private refuse(io: Operation, sent: readonly number[], errno: number): number {
    for (const page of sent) io.ledger.putPage(page)
    return errno
  }
}
