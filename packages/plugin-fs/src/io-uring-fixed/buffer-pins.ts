import {
  type AddressSpaces,
  EFAULT,
  EINVAL,
  EOPNOTSUPP,
  FOLL_LONGTERM,
  FOLL_WRITE,
  HOLD_NONE,
  type Hold,
  KERNEL_MM,
  type Ledger,
  type Operation,
  PAGE_KINDS,
  PAGE_LIST_MAX,
  PAGE_SIZE,
} from '@pinscope/core'
import { REFUSED_FILE, REFUSED_PAGES } from './uring-counters.ts'
import { type UringTraits, USER_PAGES_END } from './uring-sizes.ts'

const KINDS_ANONYMOUS: readonly number[] = ['anon', 'thp'].map((name) => PAGE_KINDS.indexOf(name as 'anon'))
/** Memory with a file behind it that 6.1 accepts. @kernel vma_is_shmem, is_file_hugepages */
const KINDS_IN_MEMORY: readonly number[] = ['shmem', 'hugetlb'].map((name) => PAGE_KINDS.indexOf(name as 'anon'))

/**
 * Pins the whole of a range for long, writable, whatever the lane's policy is. 6.1 pins and then looks at the mappings:
 * memory of a file is refused with -EOPNOTSUPP, be it mapped privately, memory of several with -EINVAL. Later versions leave
 * that to get_user_pages, which refuses shared files whose writes must be tracked.
 * @kernel io_uring/memmap.c: io_pin_pages (6.1: io_uring/rsrc.c)
 */
export class BufferPins {
  /** What the last {@link pin} took, and the rows of its pages. */
  hold: Hold = HOLD_NONE
  rows: Int32Array = new Int32Array(0)
  private readonly ledger: Ledger
  private readonly spaces: AddressSpaces
  private readonly traits: UringTraits
  private readonly counts: Float64Array
  /** First byte of the next page, in element 0. */
  private readonly next = new Float64Array(1)

  constructor(ledger: Ledger, spaces: AddressSpaces, traits: UringTraits, counts: Float64Array) {
    this.ledger = ledger
    this.spaces = spaces
    this.traits = traits
    this.counts = counts
  }

  /** 0, or an errno with nothing held. */
  pin(io: Operation, address: number, lengthBytes: number): number {
    const firstPage = Math.floor(address / PAGE_SIZE)
    const endPage = Math.ceil((address + lengthBytes) / PAGE_SIZE)
    this.hold = HOLD_NONE
    if (io.iter.mm === KERNEL_MM || endPage > USER_PAGES_END) return this.refuse(EFAULT, REFUSED_PAGES)
    this.rows = new Int32Array(endPage - firstPage)
    const error = this.pinAll(io, firstPage)
    if (error < 0) return this.refuse(error, REFUSED_PAGES)
    const file = this.traits.refusesFiles ? this.fileError(io.iter.mm, firstPage, endPage) : 0
    return file < 0 ? this.refuse(file, REFUSED_FILE) : 0
  }

  /** A later page that cannot be had makes it -EFAULT, whatever the reason; the first one gives its own. */
  private pinAll(io: Operation, firstPage: number): number {
    const { rows, ledger } = this
    this.next[0] = firstPage * PAGE_SIZE
    for (let done = 0; done < rows.length; ) {
      const wanted = Math.min(rows.length - done, PAGE_LIST_MAX)
      const pinned = io.pinPages(io.iter.mm, this.next, 0, 0, wanted, FOLL_WRITE | FOLL_LONGTERM)
      if (pinned < 0) return done > 0 ? EFAULT : pinned
      rows.set(io.list.page.subarray(0, pinned), done)
      this.hold = ledger.join(this.hold, io.hold)
      if (pinned < wanted) return EFAULT
      done += pinned
      this.next[0] += pinned * PAGE_SIZE
    }
    return 0
  }

  /** The first mapping decides, and the others must be as it is. */
  private fileError(mm: number, firstPage: number, endPage: number): number {
    const { kind } = this.spaces.find(mm, firstPage)
    for (let page = firstPage; page < endPage; ) {
      const mapping = this.spaces.find(mm, page)
      const isOfNone = KINDS_ANONYMOUS.includes(mapping.kind)
      const isSame = isOfNone ? KINDS_ANONYMOUS.includes(kind) : mapping.kind === kind
      if (!isSame) return EINVAL
      if (!isOfNone && !KINDS_IN_MEMORY.includes(kind)) return EOPNOTSUPP
      page = mapping.endPage
    }
    return 0
  }

  private refuse(error: number, counter: number): number {
    this.counts[counter]++
    this.ledger.letGo(this.hold)
    this.hold = HOLD_NONE
    return error
  }
}
