import { type Consumer, type Hold, type Operation, PAGE_SIZE } from '@pinscope/core'
import { defineBug } from '../bug.ts'

/** Pages that a zone append takes: queue_max_zone_append_sectors of the device. */
const APPEND_PAGES_MAX = 10

/**
 * A zone append is built out of one extraction: the bio takes pages until it refuses one. What it refused has to be let go.
 * @kernel block/bio.c: __bio_iov_append_get_pages (5.14; bio_iov_add_zone_append_page since), bio_add_hw_page
 */
class ZoneAppend implements Consumer {
  private readonly isFixed: boolean

  constructor(isFixed: boolean) {
    this.isFixed = isFixed
  }

  submit(io: Operation): number {
    const bytes = io.extract(16, Number.MAX_SAFE_INTEGER)
    if (bytes < 0) return bytes
    const { ledger } = io
    const bio = io.audit?.objects.alloc('bio', APPEND_PAGES_MAX) ?? 0
    const pages = ledger.entriesHeld(io.hold)
    const taken = Math.min(pages, APPEND_PAGES_MAX)
    const rest: Hold = ledger.split(io.hold, pages - taken)
    for (let i = 0; i < taken; i++) io.audit?.objects.attach(bio, io.hold, io.list.page[i], 0, PAGE_SIZE)
    io.keep(io.hold)
    if (this.isFixed) ledger.letGo(rest)
    io.audit?.objects.submit(bio, taken * PAGE_SIZE)
    io.scratch = bio
    return taken * PAGE_SIZE
  }

  abort(io: Operation): void {
    io.letGoOfKept()
  }

  complete(io: Operation): void {
    io.audit?.objects.complete(io.scratch, io.result)
    io.letGoOfKept()
    io.audit?.objects.free(io.scratch)
  }

  counters(): Readonly<Record<string, number>> {
    return {}
  }
}

export const bug03 = defineBug({
  number: 3,
  title: 'pages that a bio refuses are not released',
  summary:
    'A zone append extracts 16 pages and stops where the bio refuses one: the pages behind it kept their references for ever.',
  cases: [
    {
      name: 'bio-append',
      kernel: 'block/bio.c: bio_iov_add_zone_append_page',
      commit: 'd9cf3bd53184',
      trace: 'trace.csv',
      rules: ['H-13'],
      row: 2,
      accepts: ['ubuf', 'iovec'],
      policy: () => 'get-pages',
      create: (_environment, isFixed) => new ZoneAppend(isFixed),
    },
  ],
})
