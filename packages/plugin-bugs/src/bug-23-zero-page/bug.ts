import { type Consumer, EFAULT, EINVAL, FOLL_LONGTERM, type Operation, PAGE_SIZE, ZERO_PAGE } from '@pinscope/core'
import { defineBug } from '../bug.ts'

/** What a pin adds to the counter of a small page. @kernel include/linux/mm.h: GUP_PIN_COUNTING_BIAS */
const PIN = 1024

/**
 * A range of guest memory is mapped for a device that reads it. What was never touched is the zero page, again and again;
 * it is a reserved page, and these are not unpinned when the range is unmapped.
 * @kernel drivers/vfio/vfio_iommu_type1.c: vaddr_get_pfns, put_pfn, is_invalid_reserved_pfn (5.19)
 */
class VfioMap implements Consumer {
  /** pin_user_pages counts pins of the zero page. @kernel mm/gup.c: try_grab_folio (before 6.5) */
  private readonly countsZero: boolean
  /** It unpins them at once: the zero page stays without. */
  private readonly unpinsZero: boolean

  constructor(countsZero: boolean, unpinsZero: boolean) {
    this.countsZero = countsZero
    this.unpinsZero = unpinsZero
  }

  register(io: Operation): number {
    const { segment, table, mm } = io.iter
    const pages = table.lengthBytes[segment] / PAGE_SIZE
    const pinned = io.pinPages(mm, table.addressBytes, segment, 0, pages, FOLL_LONGTERM)
    if (pinned < 0) return pinned
    for (let i = 0; i < pinned; i++) if (io.list.page[i] === ZERO_PAGE) this.pinZero(io)
    if (pinned === pages) return 0
    io.ledger.letGo(io.hold)
    return EFAULT
  }

  /** Pins of the zero page are in no count of the hold: what goes is those of other pages. */
  unregister(io: Operation): void {
    io.ledger.letGo(io.hold)
  }

  submit(): number {
    return EINVAL
  }

  abort(): void {}

  complete(): void {}

  counters(): Readonly<Record<string, number>> {
    return {}
  }

  private pinZero({ audit }: Operation): void {
    if (!this.countsZero) return
    audit?.tokens.raw(ZERO_PAGE, PIN)
    if (this.unpinsZero) audit?.tokens.raw(ZERO_PAGE, -PIN)
  }
}

export const bug23 = defineBug({
  number: 23,
  title: 'the zero page is pinned and never unpinned',
  summary:
    'VFIO pinned the zero page for memory that was never written to, and took it for a reserved page that need not be unpinned: its counter grew with each mapping until it overflowed. First VFIO unpinned it, later pins of it were no longer counted.',
  cases: [
    {
      name: 'vfio-zero-page',
      kernel: 'drivers/vfio/vfio_iommu_type1.c: vaddr_get_pfns',
      commit: '873aefb376bb',
      trace: 'trace.csv',
      rules: ['H-51'],
      row: 4,
      accepts: ['ubuf'],
      policy: () => 'extract',
      create: (_environment, isFixed) => new VfioMap(true, isFixed),
    },
    {
      name: 'gup-zero-page',
      kernel: 'mm/gup.c: try_grab_folio, gup_put_folio',
      commit: 'c8070b787519',
      trace: 'trace.csv',
      rules: ['H-51'],
      row: 4,
      accepts: ['ubuf'],
      policy: () => 'extract',
      create: (_environment, isFixed) => new VfioMap(!isFixed, false),
    },
  ],
})
