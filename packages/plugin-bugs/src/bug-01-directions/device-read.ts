import {
  BY_DEVICE,
  type Consumer,
  EFAULT,
  FOLL_WRITE,
  ITER_DEST,
  ITER_SOURCE,
  type Operation,
  PAGE_LIST_MAX,
} from '@pinscope/core'

/** A piece that the device fills. */
type Piece = readonly [page: number, offsetBytes: number, lengthBytes: number]

/**
 * The same mistake where memory of a user is not copied to, but taken: get_user_pages asks to write (FOLL_WRITE) only for a
 * destination. Named a source, memory that was never touched gives the zero page, and memory shared by fork the page that
 * is shared (a pin would unshare it, since 5.19); then the device stores into it.
 * @kernel lib/iov_iter.c: __iov_iter_get_pages_alloc (gup_flags, data_source); mm/gup.c: gup_must_unshare
 */
export class DeviceRead implements Consumer {
  private readonly isFixed: boolean
  private readonly requests = new Map<number, readonly Piece[]>()

  constructor(isFixed: boolean) {
    this.isFixed = isFixed
  }

  submit(io: Operation): number {
    const { audit, iter, list } = io
    if (iter.direction !== ITER_DEST) return EFAULT
    iter.direction = this.isFixed ? ITER_DEST : ITER_SOURCE
    const iterator = audit?.iterators.init(!this.isFixed, true, iter.mm, iter.countBytes) ?? 0
    const pieces: Piece[] = []
    while (iter.countBytes > 0) {
      audit?.tokens.aim(this.isFixed ? FOLL_WRITE : 0)
      const bytes = io.extract(PAGE_LIST_MAX, Number.MAX_SAFE_INTEGER)
      if (bytes <= 0) return EFAULT
      io.keep(io.hold)
      for (let i = 0; i < list.length; i++) pieces.push([list.page[i], list.offsetBytes[i], list.lengthBytes[i]])
    }
    // What it asks the device to do.
    if (iterator !== 0) audit?.iterators.copy(iterator, true)
    this.requests.set(io.number, pieces)
    return io.lengthBytes
  }

  abort(io: Operation): void {
    io.letGoOfKept()
  }

  /** The device has stored: into a destination the lane tells that itself. */
  complete(io: Operation): void {
    const { audit } = io
    const pieces = this.requests.get(io.number) ?? []
    this.requests.delete(io.number)
    if (!this.isFixed) for (const [page, offset, bytes] of pieces) audit?.folios.store(page, offset, bytes, BY_DEVICE)
    io.letGoOfKept()
  }

  counters(): Readonly<Record<string, number>> {
    return {}
  }
}
