import {
  type Consumer,
  EINVAL,
  ENOMEM,
  FOLL_LONGTERM,
  FOLL_WRITE,
  HOLD_NONE,
  type Hold,
  type Operation,
  PAGE_SIZE,
} from '@pinscope/core'

/**
 * A buffer object over several ranges of user memory: each is pinned by a call of its own, and the error path drops the pins
 * of the ranges before the one that failed. Before the fix the pins that this one had got were not among them. What is
 * accounted is taken back whole.
 * @kernel drivers/accel/amdxdna/amdxdna_ubuf.c: amdxdna_get_ubuf, amdxdna_ubuf_release
 */
export class AmdxdnaBuffer implements Consumer {
  private readonly isFixed: boolean

  constructor(isFixed: boolean) {
    this.isFixed = isFixed
  }

  register(io: Operation): number {
    const { segment, segmentsLeft, table, mm } = io.iter
    if (!this.isAligned(io)) return EINVAL
    const pages = io.lengthBytes / PAGE_SIZE
    io.audit?.tasks.account(mm, pages)
    let all: Hold = HOLD_NONE
    for (let s = segment; s < segment + segmentsLeft; s++) {
      const wanted = table.lengthBytes[s] / PAGE_SIZE
      const pinned = io.pinPages(mm, table.addressBytes, s, 0, wanted, FOLL_WRITE | FOLL_LONGTERM)
      if (pinned !== wanted) {
        if (this.isFixed && pinned > 0) all = io.ledger.join(all, io.hold)
        io.ledger.letGo(all)
        io.audit?.tasks.unaccount(mm, pages)
        return ENOMEM
      }
      all = io.ledger.join(all, io.hold)
    }
    io.hold = all
    return 0
  }

  unregister(io: Operation): void {
    const pages = io.ledger.pagesHeld(io.hold)
    io.ledger.letGo(io.hold)
    io.audit?.tasks.unaccount(io.iter.mm, pages)
  }

  submit(): number {
    return EINVAL
  }

  abort(): void {}

  complete(): void {}

  counters(): Readonly<Record<string, number>> {
    return {}
  }

  /** Ranges are of whole pages. */
  private isAligned({ iter: { segment, segmentsLeft, table } }: Operation): boolean {
    for (let s = segment; s < segment + segmentsLeft; s++) {
      if (table.addressBytes[s] % PAGE_SIZE !== 0 || table.lengthBytes[s] % PAGE_SIZE !== 0) return false
    }
    return true
  }
}
