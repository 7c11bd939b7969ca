import {
  type Consumer,
  type ConsumerEnvironment,
  GUARD_COUNT,
  HOLD_NONE,
  type Operation,
  type PageEvent,
} from '@pinscope/core'
import { FolioOfOwn } from './folio-of-own.ts'

/**
 * The handshake and the keep-alive messages of a cluster node are made once and sent in place, again and again. They were
 * kmalloc'ed; since the fix they have a folio.
 * @kernel fs/ocfs2/cluster/tcp.c: o2net_init, o2net_sendpage, o2net_exit; net/ipv4/tcp.c: do_tcp_sendpages (6.1)
 */
export class O2netMessages implements Consumer {
  private readonly isFixed: boolean
  /** @kernel o2net_hand, o2net_keep_req, o2net_keep_resp: in one folio */
  private readonly folio: FolioOfOwn
  /** Slab pages of skbs in flight, by operation. */
  private readonly sent = new Map<number, number>()

  constructor({ memory, ledger }: ConsumerEnvironment, isFixed: boolean) {
    this.isFixed = isFixed
    this.folio = new FolioOfOwn(memory, ledger, 0)
  }

  submit(io: Operation): number {
    const bytes = io.extract(1, Number.MAX_SAFE_INTEGER)
    if (bytes < 0) return bytes
    const { page, offsetBytes } = io.list
    const objects = io.audit?.objects
    io.scratch = objects?.alloc('skb') ?? 0
    if (this.isFixed) {
      this.folio.get()
      objects?.attach(io.scratch, HOLD_NONE, this.folio.head, offsetBytes[0], bytes)
    } else {
      io.ledger.getPage(page[0])
      objects?.attach(io.scratch, HOLD_NONE, page[0], offsetBytes[0], bytes)
      io.borrowList(GUARD_COUNT)
      this.sent.set(io.number, page[0])
    }
    objects?.submit(io.scratch, bytes)
    return bytes
  }

  abort(): void {}

  /** The message was acknowledged. */
  complete(io: Operation): void {
    io.audit?.objects.complete(io.scratch, io.result)
    const page = this.sent.get(io.number)
    if (page === undefined) this.folio.put()
    else io.ledger.putPage(page)
    this.sent.delete(io.number)
    io.audit?.objects.free(io.scratch)
  }

  /** The module goes: since the fix that drops one reference on the folio, and those of skbs in flight stay. @kernel o2net_exit */
  event(_io: Operation, event: PageEvent): boolean {
    if (!this.isFixed || event.name !== 'free') return false
    this.folio.put()
    return true
  }

  counters(): Readonly<Record<string, number>> {
    return {}
  }
}
