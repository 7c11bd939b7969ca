import { type Consumer, GUARD_COUNT, HOLD_NONE, KIND_SLAB, type Operation, type PageEvent } from '@pinscope/core'
import { defineBug } from '../bug.ts'

/**
 * A request is sent page by page: zero copy where the page allows it, else as a copy. Its buffer may come from an
 * allocation of several pages that is no folio (an `alloc` row with segments): then only the first of them has a count.
 * @kernel drivers/nvme/host/tcp.c: nvme_tcp_try_send_data; net/ipv4/tcp.c: do_tcp_sendpages; net/socket.c:
 *   sock_no_sendpage; mm/page_alloc.c: prep_new_page (without __GFP_COMP)
 */
class NvmeTcp implements Consumer {
  private readonly isFixed: boolean
  /** Pages sent in place, by operation. */
  private readonly inPlace = new Map<number, readonly number[]>()

  constructor(isFixed: boolean) {
    this.isFixed = isFixed
  }

  submit(io: Operation): number {
    const skb = io.audit?.objects.alloc('skb') ?? 0
    io.scratch = skb
    const sent: number[] = []
    this.inPlace.set(io.number, sent)
    let bytes = 0
    while (io.iter.countBytes > 0) {
      const listed = io.extract(16, Number.MAX_SAFE_INTEGER)
      if (listed < 0) return listed
      const { length, page, offsetBytes, lengthBytes } = io.list
      for (let i = 0; i < length; i++) {
        if (!this.isSendable(io, page[i])) {
          io.copied(lengthBytes[i])
          continue
        }
        io.ledger.getPage(page[i])
        io.audit?.objects.attach(skb, HOLD_NONE, page[i], offsetBytes[i], lengthBytes[i])
        io.borrow(page[i], offsetBytes[i], lengthBytes[i], GUARD_COUNT)
        sent.push(page[i])
      }
      bytes += listed
    }
    return bytes
  }

  /** What came before a page that cannot be had is dropped with its skb. */
  abort(io: Operation): void {
    this.release(io)
  }

  /** It was acknowledged. */
  complete(io: Operation): void {
    this.release(io)
  }

  /** Memory is allocated without __GFP_COMP: of its pages only the first gets a count. @kernel mm/page_alloc.c: post_alloc_hook (set_page_refcounted) */
  event(io: Operation, { name, page, length }: PageEvent): boolean {
    if (name !== 'alloc' || length === 0) return false
    for (let i = 1; i < length; i++) {
      if (io.pages.refcountOf(page[i]) > 0) io.ledger.mappingReferences.put(page[i])
    }
    return true
  }

  counters(): Readonly<Record<string, number>> {
    return {}
  }

  /** @kernel net/core/skbuff.c: skb_release_data */
  private release(io: Operation): void {
    for (const page of this.inPlace.get(io.number) ?? []) io.ledger.putPage(page)
    this.inPlace.delete(io.number)
    io.audit?.objects.free(io.scratch)
  }

  /** Before the fix only slab pages were copied. @kernel include/linux/net.h: sendpage_ok */
  private isSendable(io: Operation, page: number): boolean {
    if (io.pages.kindOf(page) === KIND_SLAB) return false
    return !this.isFixed || io.pages.refcountOf(page) >= 1
  }
}

export const bug28 = defineBug({
  number: 28,
  title: 'NVMe over TCP sends pages without a count in place',
  summary:
    'Only slab memory was copied. A page behind the first one of a multi-page allocation has no count: the reference of the socket was its only one, and it was freed when the data was acknowledged.',
  cases: [
    {
      name: 'nvme-tcp-refcount',
      kernel: 'drivers/nvme/host/tcp.c: nvme_tcp_try_send_data',
      commit: '7d4194abfc4d',
      trace: 'trace.csv',
      rules: ['H-18'],
      row: 4,
      accepts: ['bvec'],
      policy: () => 'extract',
      create: (_environment, isFixed) => new NvmeTcp(isFixed),
    },
  ],
})
