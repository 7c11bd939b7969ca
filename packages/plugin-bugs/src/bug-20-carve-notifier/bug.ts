import { type Consumer, ENOMEM, isHold, type Operation, type Referenced } from '@pinscope/core'
import { defineBug } from '../bug.ts'

/** The head of an skb, with its struct skb_shared_info; struct ubuf_info_msgzc. */
const HEAD_BYTES = 704
const NOTIFIER_BYTES = 48

/**
 * An skb of a user's pages, sent with MSG_ZEROCOPY, is carved: the new head is a copy of the old one, and with it the
 * pointer to the notifier. Each head drops one reference on that.
 * @kernel net/core/skbuff.c: pskb_carve_inside_nonlinear, skb_zcopy_clear, net_zcopy_get, net_zcopy_put
 */
class CarveNotifier implements Consumer {
  private readonly isFixed: boolean

  constructor(isFixed: boolean) {
    this.isFixed = isFixed
  }

  submit(io: Operation): number {
    if (!io.allocate(HEAD_BYTES)) return ENOMEM
    if (!io.allocate(NOTIFIER_BYTES)) {
      io.free(HEAD_BYTES)
      return ENOMEM
    }
    const notifier = io.audit?.objects.alloc('ubuf_info') ?? 0
    const bytes = io.extract(16, Number.MAX_SAFE_INTEGER)
    if (bytes < 0) {
      io.free(NOTIFIER_BYTES)
      io.free(HEAD_BYTES)
      return bytes
    }
    this.carve(io, notifier)
    io.scratch = notifier
    return bytes
  }

  abort(): void {}

  /** The data was received: the carved head is freed. @kernel net/core/skbuff.c: skb_release_data */
  complete(io: Operation): void {
    io.audit?.objects.drop(io.scratch)
    io.letGoOfKept()
    io.free(NOTIFIER_BYTES)
    io.free(HEAD_BYTES)
  }

  counters(): Readonly<Record<string, number>> {
    return {}
  }

  /** The new head has references on the frags of its own; the old one is released with its. */
  private carve(io: Operation, notifier: number): void {
    const objects = io.audit?.objects
    const frags = io.reference()
    if (isHold(frags)) io.keep(frags)
    objects?.clone(notifier)
    if (this.isFixed) objects?.share(notifier)
    objects?.drop(notifier)
    io.ledger.put(io.hold as Referenced)
  }
}

export const bug20 = defineBug({
  number: 20,
  title: 'the notifier of a carved skb is freed in flight',
  summary:
    'A head carved out of a zero-copy skb named its notifier without a reference: the first of the two that was freed told the user to reuse pages that were in flight.',
  cases: [
    {
      name: 'carve-notifier',
      kernel: 'net/core/skbuff.c: pskb_carve_inside_header, pskb_carve_inside_nonlinear',
      commit: '98d0912e9f84',
      cve: 'CVE-2026-52943',
      trace: 'trace.csv',
      rules: ['H-47'],
      row: 2,
      accepts: ['ubuf', 'iovec'],
      policy: () => 'get-pages',
      create: (_environment, isFixed) => new CarveNotifier(isFixed),
    },
  ],
})
