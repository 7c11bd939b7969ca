import {
  type Consumer,
  EFAULT,
  FOLL_LONGTERM,
  FOLL_WRITE,
  HOLD_NONE,
  type Hold,
  type Operation,
  PAGE_SIZE,
  type PageStore,
  pagesSpanned,
} from '@pinscope/core'
import { defineBug } from '../bug.ts'

/**
 * A buffer is registered: its pages are pinned, and where all belong to one folio they become one bvec with one pin. Before
 * the fix nobody looked whether they follow each other.
 * @kernel io_uring/rsrc.c: io_sqe_buffer_register (6.3)
 */
class RegisterBuffer implements Consumer {
  private readonly isFixed: boolean
  /** The table of bvecs, by id of the registration. */
  private readonly tables = new Map<number, number>()

  constructor(isFixed: boolean) {
    this.isFixed = isFixed
  }

  register(io: Operation): number {
    const pages: number[] = []
    let hold: Hold = HOLD_NONE
    const { table: segments, segment, mm, countBytes } = io.iter
    const count = pagesSpanned(segments.addressBytes[segment] % PAGE_SIZE, countBytes)
    for (let i = 0; i < count; i++) {
      if (io.pinPages(mm, segments.addressBytes, segment, i * PAGE_SIZE, 1, FOLL_WRITE | FOLL_LONGTERM) <= 0) {
        io.ledger.letGo(hold)
        return EFAULT
      }
      pages.push(io.list.page[0])
      hold = io.ledger.join(hold, io.hold)
    }
    const table = io.audit?.objects.alloc('io_mapped_ubuf') ?? 0
    this.tables.set(io.registration, table)
    if (this.isOneFolio(pages, io.pages)) {
      for (let i = 1; i < pages.length; i++) io.ledger.releaseFirst(hold)
      io.audit?.objects.attach(table, hold, pages[0], 0, pages.length * PAGE_SIZE)
    } else {
      for (const page of pages) io.audit?.objects.attach(table, hold, page, 0, PAGE_SIZE)
    }
    io.hold = hold
    return 0
  }

  unregister(io: Operation): void {
    io.ledger.letGo(io.hold)
    io.audit?.objects.free(this.tables.get(io.registration) ?? 0)
  }

  /** Requests name the registration, and take nothing. */
  submit(io: Operation): number {
    return io.lengthBytes
  }

  abort(): void {}

  complete(): void {}

  counters(): Readonly<Record<string, number>> {
    return {}
  }

  private isOneFolio(pages: readonly number[], store: PageStore): boolean {
    const first = pages[0]
    return pages.every((page, i) => store.headOf(page) === store.headOf(first) && (!this.isFixed || page === first + i))
  }
}

export const bug35 = defineBug({
  number: 35,
  title: 'one page mapped many times becomes one long buffer',
  summary:
    'A registered buffer whose pages all belong to one folio became one bvec, even where it was the same page over and over: the bvec reached into the memory behind it.',
  cases: [
    {
      name: 'io-uring-coalesce',
      kernel: 'io_uring/rsrc.c: io_sqe_buffer_register',
      commit: '776617db78c6',
      cve: 'CVE-2023-2598',
      trace: 'trace.csv',
      rules: ['H-28'],
      row: 8,
      accepts: ['ubuf'],
      policy: () => 'extract',
      create: (_environment, isFixed) => new RegisterBuffer(isFixed),
    },
  ],
})
