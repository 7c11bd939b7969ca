import { type Consumer, GUARD_COUNT, HOLD_NONE, KIND_SLAB, type Operation } from '@pinscope/core'
import { defineBug } from '../bug.ts'

/**
 * A request is sent page by page: zero copy where the page allows it, else as a copy. Its buffer may come from an
 * allocation of several pages that is no folio: then only the first of them has a count.
 * @kernel drivers/nvme/host/tcp.c: nvme_tcp_try_send_data; net/ipv4/tcp.c: do_tcp_sendpages; net/socket.c:
 *   sock_no_sendpage; mm/page_alloc.c: prep_new_page (without __GFP_COMP)
 */
class NvmeTcp implements Consumer {
  private readonly isFixed: boolean
  /** Pages sent in place, by operation; and pages behind the first one of their allocation. */
  private readonly inPlace = new Map<number, readonly number[]>()
  private readonly uncounted = new Set<number>()

  constructor(isFixed: boolean) {
    this.isFixed = isFixed
  }

  submit(io: Operation): number {
    const skb = io.audit?.objects.alloc('skb') ?? 0
    io.scratch = skb
    const sent: number[] = []
    let bytes = 0
    while (io.iter.countBytes > 0) {
      const listed = io.extract(16, Number.MAX_SAFE_INTEGER)
      if (listed < 0) return listed
      const { length, page, offsetBytes, lengthBytes } = io.list
      for (let i = 0; i < length; i++) {
        if (i > 0) this.uncount(io, page[i])
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
    this.inPlace.set(io.number, sent)
    return bytes
  }

  abort(): void {}

  /** It was acknowledged. @kernel net/core/skbuff.c: skb_release_data */
  complete(io: Operation): void {
    for (const page of this.inPlace.get(io.number) ?? []) io.ledger.putPage(page)
    this.inPlace.delete(io.number)
    io.audit?.objects.free(io.scratch)
  }

  counters(): Readonly<Record<string, number>> {
    return {}
  }

  /** Before the fix only slab pages were copied. @kernel include/linux/net.h: sendpage_ok */
  private isSendable(io: Operation, page: number): boolean {
    if (io.pages.kindOf(page) === KIND_SLAB) return false
    return !this.isFixed || io.pages.refcountOf(page) >= 1
  }

  /** A page behind the first one of an allocation without __GFP_COMP: its count is 0. */
  private uncount(io: Operation, page: number): void {
    if (this.uncounted.has(page)) return
    this.uncounted.add(page)
    io.ledger.mappingReferences.put(page)
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
      row: 2,
      accepts: ['bvec'],
      policy: () => 'extract',
      create: (_environment, isFixed) => new NvmeTcp(isFixed),
    },
  ],
})
