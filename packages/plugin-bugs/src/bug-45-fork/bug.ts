import { type Consumer, EXTRACT, type ExtractionPolicy, findPolicy, type Operation } from '@pinscope/core'
import { defineBug } from '../bug.ts'

const PAGES_MAX = 256

/**
 * A direct read into anonymous memory. With references fork shares the pages, and the first store of the parent gives it
 * a copy: the device goes on with the old page. Since 5.9 fork copies a pinned page for the child at once; who takes
 * references has the bug in every version.
 * @kernel mm/memory.c: copy_present_page, do_wp_page; lib/iov_iter.c: iov_iter_get_pages2, iov_iter_extract_pages
 */
class DirectRead implements Consumer {
  private readonly policy: ExtractionPolicy

  constructor(isFixed: boolean) {
    this.policy = isFixed ? EXTRACT : (findPolicy('get-pages') ?? EXTRACT)
  }

  submit(io: Operation): number {
    let done = 0
    while (done < io.lengthBytes) {
      const bytes = io.extract(PAGES_MAX, Number.MAX_SAFE_INTEGER, 0, this.policy)
      if (bytes < 0) return bytes
      io.keep(io.hold)
      done += bytes
    }
    return done
  }

  abort(io: Operation): void {
    io.letGoOfKept()
  }

  complete(io: Operation): void {
    io.letGoOfKept()
  }

  counters(): Readonly<Record<string, number>> {
    return {}
  }
}

export const bug45 = defineBug({
  number: 45,
  title: 'fork under DMA gives the data to the child',
  summary:
    'After a fork the next store of the parent copied the page that a device was writing to: the data arrived in the old page, which the parent never sees again.',
  cases: [
    {
      name: 'fork-under-read',
      kernel: 'mm/memory.c: copy_present_pte; get_user_pages instead of pin_user_pages',
      commit: '70e806e4e645',
      trace: 'trace.csv',
      rules: ['H-21'],
      row: 3,
      accepts: ['ubuf', 'iovec'],
      entriesMax: PAGES_MAX,
      policy: (kernel) => (kernel === '6.1' ? 'get-pages' : 'extract'),
      create: (_environment, isFixed) => new DirectRead(isFixed),
    },
  ],
})
