import { type Consumer, EFAULT, ENOMEM, HOLD_NONE, type Hold, type Operation, PAGE_LIST_MAX } from '@pinscope/core'

/** struct sg_table. */
const SG_TABLE_BYTES = 16

/**
 * A transfer of user memory to or from a device: its pages are taken in one call, and go into a table. Before the fix fewer
 * pages than asked for were treated as none: only the array was freed. What is taken is the policy's business: references
 * with get_user_pages_fast() for qaic, pins with pin_user_pages() for kpc2000.
 * @kernel drivers/accel/qaic/qaic_control.c: find_and_map_user_pages; drivers/staging/kpc2000/kpc_dma/fileops.c:
 *   kpc_dma_transfer (5.8)
 */
export class UserTransfer implements Consumer {
  private readonly isFixed: boolean

  constructor(isFixed: boolean) {
    this.isFixed = isFixed
  }

  submit(io: Operation): number {
    const bytes = io.iter.countBytes
    const hold = this.takePages(io)
    if (io.iter.countBytes > 0) {
      if (this.isFixed) io.ledger.letGo(hold)
      return EFAULT
    }
    io.keep(hold)
    return io.allocate(SG_TABLE_BYTES) ? bytes : ENOMEM
  }

  abort(io: Operation): void {
    io.letGoOfKept()
  }

  /** @kernel drivers/accel/qaic/qaic_control.c: free_dma_xfers; drivers/staging/kpc2000/kpc_dma/fileops.c: transfer_complete_cb */
  complete(io: Operation): void {
    io.letGoOfKept()
    io.free(SG_TABLE_BYTES)
  }

  counters(): Readonly<Record<string, number>> {
    return {}
  }

  /** As many as can be had, up to the first that cannot. */
  private takePages(io: Operation): Hold {
    let hold: Hold = HOLD_NONE
    while (io.iter.countBytes > 0 && io.extract(PAGE_LIST_MAX, Number.MAX_SAFE_INTEGER) > 0) {
      hold = io.ledger.join(hold, io.hold)
    }
    return hold
  }
}
