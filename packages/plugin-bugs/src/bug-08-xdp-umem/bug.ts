import {
  type Consumer,
  EINVAL,
  ENOMEM,
  FOLL_LONGTERM,
  FOLL_WRITE,
  HOLD_NONE,
  isPinned,
  type Operation,
  PAGE_SIZE,
  POINTER_BYTES,
} from '@pinscope/core'
import { defineBug } from '../bug.ts'

/** struct xdp_umem, struct xdp_umem_page. */
const UMEM_BYTES = 128
const UMEM_PAGE_BYTES = 16

/**
 * The memory of an AF_XDP socket is accounted, pinned, and then a table with an entry a page is allocated. Before the fix
 * the label behind a failure of that was the one that gives back what was accounted: the pins belonged to the umem, which
 * is freed. At that time they were references of get_user_pages with FOLL_LONGTERM; pin_user_pages since 5.6.
 * @kernel net/xdp/xdp_umem.c: xdp_umem_create, xdp_umem_reg, xdp_umem_pin_pages, xdp_umem_release (5.2)
 */
class XdpUmem implements Consumer {
  private readonly isFixed: boolean
  /** By id of the registration: the umem. */
  private readonly umems: number[] = []

  constructor(isFixed: boolean) {
    this.isFixed = isFixed
  }

  register(io: Operation): number {
    const { segment, table, mm } = io.iter
    const pages = Math.ceil(table.lengthBytes[segment] / PAGE_SIZE)
    if (!io.allocate(UMEM_BYTES)) return ENOMEM
    const umem = io.audit?.objects.alloc('xdp_umem') ?? 0
    io.audit?.tasks.account(mm, pages)
    const error = this.fill(io, umem, pages)
    if (error === 0) {
      this.umems[io.registration] = umem
      return 0
    }
    io.audit?.tasks.unaccount(mm, pages)
    io.audit?.objects.free(umem)
    io.free(UMEM_BYTES)
    return error
  }

  unregister(io: Operation): void {
    const pages = io.ledger.pagesHeld(io.hold)
    this.unpin(io, pages)
    io.audit?.tasks.unaccount(io.iter.mm, pages)
    io.audit?.objects.free(this.umems[io.registration])
    io.free(pages * UMEM_PAGE_BYTES)
    io.free(UMEM_BYTES)
  }

  submit(): number {
    return EINVAL
  }

  abort(): void {}

  complete(): void {}

  counters(): Readonly<Record<string, number>> {
    return {}
  }

  private fill(io: Operation, umem: number, pages: number): number {
    const { segment, table, mm } = io.iter
    if (!io.allocate(pages * POINTER_BYTES)) return ENOMEM
    const pinned = io.pinPages(mm, table.addressBytes, segment, 0, pages, FOLL_WRITE | FOLL_LONGTERM)
    for (let i = 0; i < pinned; i++) io.audit?.objects.attach(umem, io.hold, io.list.page[i], 0, PAGE_SIZE)
    if (pinned !== pages) {
      this.unpin(io, pages)
      return pinned < 0 ? pinned : ENOMEM
    }
    if (io.allocate(pages * UMEM_PAGE_BYTES)) return 0
    if (this.isFixed) this.unpin(io, pages)
    io.hold = HOLD_NONE
    return ENOMEM
  }

  /** Of an array of `pages` pages. @kernel net/xdp/xdp_umem.c: xdp_umem_unpin_pages */
  private unpin(io: Operation, pages: number): void {
    if (isPinned(io.hold)) io.ledger.unpinDirty(io.hold)
    io.free(pages * POINTER_BYTES)
  }
}

export const bug08 = defineBug({
  number: 8,
  title: 'AF_XDP memory stays pinned when its registration fails',
  summary:
    'The table of pages could not be allocated: what was accounted was given back, and the pages stayed pinned. A process could do that again and again without coming to its limit.',
  cases: [
    {
      name: 'xdp-umem',
      kernel: 'net/xdp/xdp_umem.c: xdp_umem_reg',
      commit: 'fb89c39455e4',
      trace: 'trace.csv',
      rules: ['H-10', 'H-50'],
      row: 3,
      // Three allocations a umem: itself, the array of pages, the table.
      faults: 'alloc@6',
      accepts: ['ubuf'],
      policy: () => 'extract',
      create: (_environment, isFixed) => new XdpUmem(isFixed),
    },
  ],
})
