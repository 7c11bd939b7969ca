import {
  BY_KERNEL,
  type Consumer,
  EAGAIN,
  HOLD_NONE,
  type Hold,
  ITER_SOURCE,
  isPinned,
  type Ledger,
  type Operation,
} from '@pinscope/core'
import { defineBug } from '../bug.ts'

/** Pages of one extraction. */
const PAGES_MAX = 256

/**
 * getsockopt(RDS_INFO_*): the buffer is pinned as a whole, filled through the kernel's mapping of its pages while spinlocks
 * are held, and unpinned. What comes out of memory is a setsockopt() of the same socket, whose value is copied.
 * @kernel net/rds/info.c: rds_info_getsockopt, rds_info_copy; net/rds/af_rds.c: rds_setsockopt
 */
class RdsInfo implements Consumer {
  private readonly ledger: Ledger
  private readonly isFixed: boolean

  constructor(ledger: Ledger, isFixed: boolean) {
    this.ledger = ledger
    this.isFixed = isFixed
  }

  submit(io: Operation): number {
    const wanted = io.iter.countBytes
    if (io.iter.direction === ITER_SOURCE) return io.copy(wanted)
    let hold: Hold = HOLD_NONE
    let pinned = 0
    while (pinned < wanted) {
      const bytes = io.extract(PAGES_MAX, wanted - pinned)
      if (bytes <= 0) break
      pinned += bytes
      hold = this.ledger.join(hold, io.hold)
      this.fill(io)
    }
    this.release(hold)
    return pinned < wanted ? EAGAIN : wanted
  }

  abort(): void {}

  complete(): void {}

  counters(): Readonly<Record<string, number>> {
    return {}
  }

  /** @kernel net/rds/info.c: rds_info_copy (kmap_atomic, memcpy) */
  private fill({ audit, list }: Operation): void {
    if (audit === null) return
    for (let i = 0; i < list.length; i++) {
      const page = list.page[i]
      audit.folios.store(page, list.offsetBytes[i], list.lengthBytes[i], BY_KERNEL)
      audit.tokens.markWritten(audit.tokens.writerOn(page))
    }
  }

  private release(hold: Hold): void {
    if (this.isFixed && isPinned(hold)) this.ledger.unpinDirty(hold)
    else this.ledger.letGo(hold)
  }
}

export const bug40 = defineBug({
  number: 40,
  title: 'RDS fills pinned pages and releases them clean',
  summary:
    'rds_info_getsockopt stored into pinned user pages through the kernel mapping and released them without dirty: where the pages were shared memory that had only been read, reclaim dropped the answer.',
  cases: [
    {
      name: 'getsockopt',
      kernel: 'net/rds/info.c: rds_info_getsockopt',
      commit: '512db8267b73',
      trace: 'trace.csv',
      rules: ['H-06'],
      row: 3,
      accepts: ['ubuf'],
      policy: () => 'extract',
      dirtiesDest: () => false,
      create: ({ ledger }, isFixed) => new RdsInfo(ledger, isFixed),
    },
  ],
})
