import {
  type Consumer,
  EFAULT,
  ENOMEM,
  FOLL_LONGTERM,
  FOLL_WRITE,
  HOLD_NONE,
  type Operation,
  PAGE_SIZE,
  POINTER_BYTES,
} from '@pinscope/core'

/** struct io_mapped_ubuf with its bvecs, near enough. */
const IMU_BYTES = 48

/**
 * A buffer is pinned, then the descriptor that lists its pages is allocated. Where that fails the array of pages is freed,
 * and with it, before the fix, what was known of the pins.
 * @kernel io_uring/rsrc.c: io_sqe_buffer_register, io_buffer_unmap; io_uring/memmap.c: io_pin_pages
 */
export class UringBuffer implements Consumer {
  readonly defersUnregister = true
  private readonly isFixed: boolean

  constructor(isFixed: boolean) {
    this.isFixed = isFixed
  }

  register(io: Operation): number {
    const { ledger, audit, iter } = io
    const { segment, table, mm } = iter
    const pages = pagesOf(table.addressBytes[segment], table.lengthBytes[segment])
    if (!io.allocate(pages * POINTER_BYTES)) return ENOMEM
    const pinned = io.pinPages(mm, table.addressBytes, segment, 0, pages, FOLL_WRITE | FOLL_LONGTERM)
    if (pinned !== pages) {
      if (pinned > 0) ledger.letGo(io.hold)
      io.free(pages * POINTER_BYTES)
      return pinned < 0 ? pinned : EFAULT
    }
    const hasDescriptor = io.allocate(IMU_BYTES)
    io.free(pages * POINTER_BYTES)
    if (hasDescriptor) {
      audit?.tasks.account(mm, pages)
      return 0
    }
    if (this.isFixed) ledger.letGo(io.hold)
    io.hold = HOLD_NONE
    return ENOMEM
  }

  unregister(io: Operation): void {
    const pages = io.ledger.pagesHeld(io.hold)
    io.ledger.letGo(io.hold)
    io.audit?.tasks.unaccount(io.iter.mm, pages)
    io.free(IMU_BYTES)
  }

  /** A request over the buffer takes nothing. @kernel io_uring/rsrc.c: io_import_fixed */
  submit(io: Operation): number {
    return io.iter.countBytes
  }

  abort(): void {}

  complete(): void {}

  counters(): Readonly<Record<string, number>> {
    return {}
  }
}

/** Pages that the buffer has a part of: at an odd address one more than its length tells. @kernel io_uring/memmap.c: io_pin_pages */
function pagesOf(addressBytes: number, lengthBytes: number): number {
  return Math.ceil((addressBytes + lengthBytes) / PAGE_SIZE) - Math.floor(addressBytes / PAGE_SIZE)
}
