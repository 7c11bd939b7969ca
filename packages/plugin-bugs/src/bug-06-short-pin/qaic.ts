import { type Consumer, EFAULT, ENOMEM, type Operation } from '@pinscope/core'

/** struct sg_table. */
const SG_TABLE_BYTES = 16

/**
 * A transfer to the device takes references on user memory with get_user_pages_fast(). Before the fix fewer pages than
 * asked for were treated as none: only the array was freed.
 * @kernel drivers/accel/qaic/qaic_control.c: find_and_map_user_pages
 */
export class QaicTransfer implements Consumer {
  private readonly isFixed: boolean

  constructor(isFixed: boolean) {
    this.isFixed = isFixed
  }

  submit(io: Operation): number {
    const bytes = io.iter.countBytes
    const taken = io.extract(io.iter.npages(0x7fffffff), bytes)
    if (taken < 0) return taken
    if (taken !== bytes) {
      if (this.isFixed) io.ledger.letGo(io.hold)
      return EFAULT
    }
    io.keep(io.hold)
    return io.allocate(SG_TABLE_BYTES) ? bytes : ENOMEM
  }

  abort(io: Operation): void {
    io.letGoOfKept()
  }

  /** @kernel drivers/accel/qaic/qaic_control.c: free_dma_xfers */
  complete(io: Operation): void {
    io.letGoOfKept()
    io.free(SG_TABLE_BYTES)
  }

  counters(): Readonly<Record<string, number>> {
    return {}
  }
}
