import {
  type AddressSpaces,
  type Consumer,
  EXTRACT,
  type ExtractionPolicy,
  findPolicy,
  type Operation,
} from '@pinscope/core'
import { defineBug } from '../bug.ts'

const PAGES_MAX = 256
const GET_PAGES = findPolicy('get-pages') ?? EXTRACT

/** A direct read into anonymous memory, by one way of taking its pages. */
class DirectRead implements Consumer {
  private readonly policy: ExtractionPolicy

  constructor(policy: ExtractionPolicy) {
    this.policy = policy
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

/**
 * The pages are pinned. Up to 5.8 fork shared them all the same, and the first store of the parent gave it a copy: the device
 * went on with the old page. Since then fork copies a page that may be pinned for the child at once.
 * @kernel mm/memory.c: copy_present_pte, copy_present_page (5.9), do_wp_page
 */
function underOldFork(spaces: AddressSpaces, isFixed: boolean): Consumer {
  spaces.copiesPinnedEarly = isFixed
  return new DirectRead(EXTRACT)
}

export const bug45 = defineBug({
  number: 45,
  title: 'fork under DMA gives the data to the child',
  summary:
    'After a fork the next store of the parent copied the page that a device was writing to: the data arrived in the old page, which the parent never sees again. Pins tell fork since 5.9; who takes references has the bug in every version.',
  cases: [
    {
      name: 'fork-under-pin',
      kernel: 'mm/memory.c: copy_one_pte (5.8), copy_present_pte',
      commit: '70e806e4e645',
      trace: 'trace.csv',
      rules: ['H-21'],
      row: 3,
      accepts: ['ubuf', 'iovec'],
      entriesMax: PAGES_MAX,
      policy: () => 'extract',
      create: ({ memory }, isFixed) => underOldFork(memory.spaces, isFixed),
    },
    {
      name: 'get-instead-of-pin',
      kernel: 'lib/iov_iter.c: iov_iter_get_pages2 where iov_iter_extract_pages pins',
      commit: null,
      trace: 'trace.csv',
      rules: ['H-21'],
      row: 3,
      accepts: ['ubuf', 'iovec'],
      entriesMax: PAGES_MAX,
      policy: (kernel) => (kernel === '6.1' ? 'get-pages' : 'extract'),
      create: (_environment, isFixed) => new DirectRead(isFixed ? EXTRACT : GET_PAGES),
    },
  ],
})
