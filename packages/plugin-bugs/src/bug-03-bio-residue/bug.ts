import { type Consumer, EINVAL, type Operation, PAGE_SIZE } from '@pinscope/core'
import { defineBug } from '../bug.ts'

/** queue_max_zone_append_sectors of the device. */
const APPEND_BYTES_MAX = 10 * PAGE_SIZE
/** Entries of the bio. */
const BIO_VECS = 16

/**
 * A zone append is built out of extractions: the bio takes pages until it refuses one. What it refused has to be let go.
 * The call sends one bio, and returns what that took. An iterator of several segments gives the pages of one at a time.
 * @kernel block/bio.c: bio_iov_iter_get_pages, __bio_iov_append_get_pages, bio_add_hw_page (5.14)
 */
class ZoneAppend implements Consumer {
  private readonly isFixed: boolean

  constructor(isFixed: boolean) {
    this.isFixed = isFixed
  }

  submit(io: Operation): number {
    const bio = io.audit?.objects.alloc('bio', BIO_VECS) ?? 0
    let bytes = 0
    let entries = 0
    let listed = 0
    let added = 0
    while (added === listed && io.iter.countBytes > 0 && entries < BIO_VECS) {
      listed = io.extract(BIO_VECS - entries, Number.MAX_SAFE_INTEGER)
      if (listed <= 0) break
      added = this.addPages(io, bio, APPEND_BYTES_MAX - bytes, listed)
      bytes += added
      entries += io.list.length
    }
    if (bytes === 0) {
      io.audit?.objects.free(bio)
      return listed < 0 ? listed : EINVAL
    }
    io.audit?.objects.submit(bio, bytes)
    io.scratch = bio
    return bytes
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

  /** Puts pages of the list into the bio until they are over `room` bytes; returns the bytes that it took. */
  private addPages(io: Operation, bio: number, room: number, listed: number): number {
    const { ledger, list } = io
    const { page, offsetBytes, lengthBytes, length } = list
    let bytes = 0
    let taken = 0
    while (taken < length && bytes + lengthBytes[taken] <= room) bytes += lengthBytes[taken++]
    if (taken < length) {
      const rest = taken === 0 ? io.hold : ledger.split(io.hold, length - taken)
      if (this.isFixed) ledger.letGo(rest)
      io.iter.revert(listed - bytes)
    }
    if (taken === 0) return 0
    for (let i = 0; i < taken; i++) io.audit?.objects.attach(bio, io.hold, page[i], offsetBytes[i], lengthBytes[i])
    io.keep(io.hold)
    return bytes
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
      kernel: 'block/bio.c: __bio_iov_append_get_pages',
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
