import {
  type ConsumerEnvironment,
  EFAULT,
  FOLL_FORCE,
  FOLL_LONGTERM,
  FOLL_WRITE,
  HOLD_NONE,
  isSince,
  KERNEL_MM,
  type Operation,
  PAGE_OFFSET_MASK,
  PAGE_SIZE,
} from '@pinscope/core'
import type { UmemTable } from './umem-table.ts'

/**
 * Pins a range of user memory for long, batch by batch, whatever the lane's policy is.
 *
 * 6.1 asks for pages that can be written, whatever they are registered for: copy-on-write is broken, also (FOLL_FORCE) of
 * private memory that the process may only read. Since 6.12 it does so only where the registration can be written, and then
 * get_user_pages refuses shared files whose writes must be tracked.
 * @kernel drivers/infiniband/core/umem.c: ib_umem_get; mm/gup.c: pin_user_pages_fast. 6.18: taken as 6.12, since 7.3 is
 *   the same.
 */
export class UserPins {
  private readonly alwaysWrites: boolean
  private mm = 0
  private foll = 0
  /** First byte of the next page, in element 0. @kernel cur_base */
  private readonly curBase = new Float64Array(1)

  constructor({ kernel }: ConsumerEnvironment) {
    this.alwaysWrites = !isSince(kernel, '6.12')
  }

  /** Begins with the first page of a registration. */
  start(umems: UmemTable, row: number): void {
    const address = umems.addressBytes[row]
    this.curBase[0] = address - (address & PAGE_OFFSET_MASK)
    this.mm = umems.mm[row]
    const isWritable = umems.writable[row] === 1
    const write = isWritable ? FOLL_WRITE : this.alwaysWrites ? FOLL_WRITE | FOLL_FORCE : 0
    this.foll = FOLL_LONGTERM | write
  }

  /** Number of the page with which {@link next} begins. */
  get nextPage(): number {
    return this.curBase[0] / PAGE_SIZE
  }

  /**
   * Pins the next pages, at most `count`: lists them in `io.list`, and `io.hold` is what was taken. Returns how many, which
   * is less where a later page cannot be had; the next call then gives the errno.
   */
  next(io: Operation, count: number): number {
    io.hold = HOLD_NONE
    // Addresses of the kernel are no user memory. @kernel access_ok
    if (this.mm === KERNEL_MM) return EFAULT
    const pinned = io.pinPages(this.mm, this.curBase, 0, 0, count, this.foll)
    if (pinned > 0) this.curBase[0] += pinned * PAGE_SIZE
    return pinned
  }
}
