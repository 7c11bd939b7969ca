import { type Consumer, ENOMEM, FLAG_MORE, HOLD_NONE, isHold, type Operation, type Referenced } from '@pinscope/core'
import { defineBug } from '../bug.ts'

/** The head of an skb, with its struct skb_shared_info. */
const HEAD_BYTES = 704

/**
 * Data is sent from a registered buffer, and its frags are managed: the notifier keeps the pages, no frag has a
 * reference. Where another message follows in the packet (`more`), this one is carved out of it: a new head gets the
 * frags, with a reference on each.
 * @kernel net/core/skbuff.c: pskb_carve_inside_nonlinear, skb_release_data; io_uring/net.c: io_sg_from_iter
 */
class ManagedCarve implements Consumer {
  private readonly isFixed: boolean

  constructor(isFixed: boolean) {
    this.isFixed = isFixed
  }

  submit(io: Operation): number {
    if (!io.allocate(HEAD_BYTES)) return ENOMEM
    const objects = io.audit?.objects
    const skb = objects?.alloc('managed skb') ?? 0
    const bytes = io.extract(16, Number.MAX_SAFE_INTEGER)
    if (bytes < 0) {
      io.free(HEAD_BYTES)
      return bytes
    }
    const { length, page, offsetBytes, lengthBytes } = io.list
    for (let i = 0; i < length; i++) objects?.attach(skb, HOLD_NONE, page[i], offsetBytes[i], lengthBytes[i])
    io.scratch = (io.flags & FLAG_MORE) === 0 ? skb : this.carve(io, skb)
    return bytes
  }

  abort(): void {}

  /** The last head is freed: one that says "managed" puts no frag. @kernel net/core/skbuff.c: skb_release_data (skip_unref) */
  complete(io: Operation): void {
    if (this.isFixed) io.letGoOfKept()
    io.audit?.objects.free(io.scratch)
    io.free(HEAD_BYTES)
  }

  counters(): Readonly<Record<string, number>> {
    return {}
  }

  /** A new head with the frags of the old one, which is released. */
  private carve(io: Operation, skb: number): number {
    const objects = io.audit?.objects
    const downgraded = this.isFixed ? this.downgrade(io, skb) : null
    const carved = objects?.alloc('carved skb') ?? 0
    const { length, page, offsetBytes, lengthBytes } = io.list
    for (let i = 0; i < length; i++) {
      const hold = io.referencePage(page[i])
      if (!isHold(hold)) continue
      io.keep(hold)
      // The old head was copied with its flag: it says of a frag that has a reference that it is managed.
      if (!this.isFixed) objects?.attach(carved, HOLD_NONE, page[i], offsetBytes[i], lengthBytes[i])
      if (this.isFixed) objects?.attach(carved, hold, page[i], offsetBytes[i], lengthBytes[i])
      else objects?.merge(carved, hold)
    }
    if (downgraded !== null) io.ledger.put(downgraded)
    objects?.free(skb)
    return carved
  }

  /** The flag goes, and every frag gets a reference. @kernel net/core/skbuff.c: __skb_zcopy_downgrade_managed */
  private downgrade(io: Operation, skb: number): Referenced | null {
    const hold = io.reference()
    if (!isHold(hold)) return null
    io.audit?.objects.adopt(skb, hold)
    return hold as Referenced
  }
}

export const bug12 = defineBug({
  number: 12,
  title: 'references on managed frags that nobody drops',
  summary:
    'A head carved out of an skb with managed frags took a reference on each and kept the flag that says there are none: they were never dropped.',
  cases: [
    {
      name: 'carve-managed',
      kernel: 'net/core/skbuff.c: pskb_carve_inside_nonlinear',
      commit: 'ff6e798c2eac',
      trace: 'trace.csv',
      rules: ['H-46', 'H-11'],
      row: 4,
      accepts: ['bvec'],
      policy: () => 'extract',
      create: (_environment, isFixed) => new ManagedCarve(isFixed),
    },
  ],
})
