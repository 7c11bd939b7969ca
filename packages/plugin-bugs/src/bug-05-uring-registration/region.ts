import {
  type Consumer,
  EFAULT,
  EINVAL,
  ENOMEM,
  FOLL_LONGTERM,
  FOLL_WRITE,
  HOLD_NONE,
  type Operation,
  PAGE_SIZE,
  POINTER_BYTES,
} from '@pinscope/core'

/**
 * Memory that a process gives for a ring is pinned, and has to be one region: pages that follow each other. Before the fix
 * the variable with the number of pins is overwritten with -EINVAL before that is looked at, and the error path drops as
 * many pins as it says.
 * @kernel io_uring/io_uring.c: __io_uaddr_map, io_pages_free (6.8)
 */
export class UringRegion implements Consumer {
  private readonly isFixed: boolean

  constructor(isFixed: boolean) {
    this.isFixed = isFixed
  }

  register(io: Operation): number {
    const { segment, table, mm } = io.iter
    if (table.addressBytes[segment] % PAGE_SIZE !== 0 || table.lengthBytes[segment] === 0) return EINVAL
    const pages = Math.ceil(table.lengthBytes[segment] / PAGE_SIZE)
    if (!io.allocate(pages * POINTER_BYTES)) return ENOMEM
    const pinned = io.pinPages(mm, table.addressBytes, segment, 0, pages, FOLL_WRITE | FOLL_LONGTERM)
    if (pinned !== pages) return this.fail(io, pages, pinned, pinned < 0 ? pinned : EFAULT)
    if (!this.isOneRegion(io)) return this.fail(io, pages, this.isFixed ? pinned : EINVAL, EINVAL)
    return 0
  }

  unregister(io: Operation): void {
    const pages = io.ledger.pagesHeld(io.hold)
    io.ledger.letGo(io.hold)
    io.free(pages * POINTER_BYTES)
  }

  submit(): number {
    return EINVAL
  }

  abort(): void {}

  complete(): void {}

  counters(): Readonly<Record<string, number>> {
    return {}
  }

  /** Frees the array; `known`: pins that the code believes it has, or an errno. */
  private fail(io: Operation, pages: number, known: number, error: number): number {
    if (known > 0) io.ledger.letGo(io.hold)
    io.hold = HOLD_NONE
    io.free(pages * POINTER_BYTES)
    return error
  }

  /** Each page lies behind the one before it in the kernel's own mapping. @kernel include/linux/mm.h: page_address */
  private isOneRegion({ list, pages }: Operation): boolean {
    for (let i = 1; i < list.length; i++) {
      if (pages.frameOf(list.page[i]) !== pages.frameOf(list.page[i - 1]) + 1) return false
    }
    return true
  }
}
