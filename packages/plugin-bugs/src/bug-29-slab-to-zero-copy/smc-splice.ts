import { type Consumer, type ConsumerEnvironment, GUARD_COUNT, type Operation, type PageEvent } from '@pinscope/core'
import { FolioOfOwn } from './folio-of-own.ts'

/** Order of the folio of a DMB: 16 KiB, the smallest. @kernel net/smc/smc_core.h: SMC_BUF_MIN_SIZE */
const DMB_ORDER = 2

/**
 * What a loopback connection received lies in its DMB, which splice(2) puts into a pipe in place, with a reference on its
 * first page. The DMB was kmalloc'ed; since the fix it is a folio.
 * @kernel net/smc/smc_rx.c: smc_rx_splice, smc_rx_pipe_buf_release; net/smc/smc_loopback.c: smc_lo_register_dmb,
 *   smc_lo_unregister_dmb (6.12; no longer in net/smc in 7.3)
 */
export class SmcSplice implements Consumer {
  private readonly isFixed: boolean
  private readonly dmb: FolioOfOwn
  /** First page of the slab DMB, for each pipe buffer that was not read. */
  private readonly spliced = new Map<number, number>()

  constructor({ memory, ledger }: ConsumerEnvironment, isFixed: boolean) {
    this.isFixed = isFixed
    this.dmb = new FolioOfOwn(memory, ledger, DMB_ORDER)
  }

  submit(io: Operation): number {
    const bytes = io.extract(16, Number.MAX_SAFE_INTEGER)
    if (bytes < 0) return bytes
    const objects = io.audit?.objects
    io.scratch = objects?.alloc('pipe') ?? 0
    if (this.isFixed) {
      this.dmb.get()
      objects?.fillSlot(io.scratch, this.dmb.head, true)
    } else {
      const page = io.list.page[0]
      io.ledger.getPage(page)
      objects?.fillSlot(io.scratch, page, true)
      io.borrowList(GUARD_COUNT)
      this.spliced.set(io.number, page)
    }
    return bytes
  }

  abort(): void {}

  /** The pipe was read. */
  complete(io: Operation): void {
    const page = this.spliced.get(io.number)
    if (page === undefined) this.dmb.put()
    else io.ledger.putPage(page)
    this.spliced.delete(io.number)
    io.audit?.objects.free(io.scratch)
  }

  /** The connection is gone, and with it the reference of its own on the DMB. @kernel smc_lo_unregister_dmb */
  event(_io: Operation, event: PageEvent): boolean {
    if (!this.isFixed || event.name !== 'free') return false
    this.dmb.put()
    return true
  }

  counters(): Readonly<Record<string, number>> {
    return {}
  }
}
