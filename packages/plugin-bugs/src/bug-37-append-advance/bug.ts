import { type Consumer, ITER_SOURCE, type Operation } from '@pinscope/core'
import { defineBug } from '../bug.ts'

/** Pages of one bio. @kernel include/linux/bio.h: BIO_MAX_PAGES (5.10; BIO_MAX_VECS since) */
const BIO_PAGES_MAX = 256
/** 256 KiB: queue_max_zone_append_sectors of the device. */
const APPEND_PAGES_MAX = 64

/**
 * An append to a zone, in bios that the device takes. The iterator does not move when its pages are listed
 * (iov_iter_get_pages of that time), but by what the bio took: on the way out of a full bio it was forgotten. The pages
 * that the bio refused are let go here; that they were not is bug 3.
 * @kernel block/bio.c: __bio_iov_append_get_pages (5.9), bio_add_hw_page
 */
class ZoneAppend implements Consumer {
  private readonly isFixed: boolean
  /** Bios by operation. */
  private readonly bios = new Map<number, number[]>()

  constructor(isFixed: boolean) {
    this.isFixed = isFixed
  }

  /** Where a page cannot be had, what the bios before it took is on its way, and is what the call returns. */
  submit(io: Operation): number {
    const { audit, iter } = io
    const bytes = io.lengthBytes
    const isSource = iter.direction === ITER_SOURCE
    const iterator = audit?.iterators.init(isSource, true, iter.mm, bytes, bytes, iter.type) ?? 0
    this.bios.set(io.number, [])
    let done = 0
    while (done < bytes) {
      audit?.iterators.use(iterator)
      const added = this.append(io, iterator)
      if (added < 0 && done === 0) return added
      if (added <= 0) break
      done += added
    }
    const written = Math.min(done, bytes)
    audit?.iterators.return(iterator, written)
    return written
  }

  abort(io: Operation): void {
    this.bios.delete(io.number)
  }

  complete(io: Operation): void {
    const objects = io.audit?.objects
    const bios = this.bios.get(io.number) ?? []
    for (const bio of bios) objects?.complete(bio, objects.of(bio).bytes)
    io.letGoOfKept()
    for (const bio of bios) objects?.free(bio)
    this.bios.delete(io.number)
  }

  counters(): Readonly<Record<string, number>> {
    return {}
  }

  /** Fills one bio and sends it. Returns its bytes, or -errno. */
  private append(io: Operation, iterator: number): number {
    const { audit, ledger, list } = io
    const listed = io.extract(BIO_PAGES_MAX, Number.MAX_SAFE_INTEGER)
    if (listed < 0) return listed
    io.iter.revert(listed)
    const pages = list.length
    const taken = Math.min(pages, APPEND_PAGES_MAX)
    const isFull = taken < pages
    if (isFull) ledger.letGo(ledger.split(io.hold, pages - taken))
    const bio = audit?.objects.alloc('bio', APPEND_PAGES_MAX) ?? 0
    this.bios.get(io.number)?.push(bio)
    let bytes = 0
    for (let i = 0; i < taken; i++) {
      audit?.objects.attach(bio, io.hold, list.page[i], list.offsetBytes[i], list.lengthBytes[i])
      bytes += list.lengthBytes[i]
    }
    io.keep(io.hold)
    audit?.iterators.consume(iterator, bytes)
    if (!isFull || this.isFixed) {
      io.iter.advance(bytes)
      audit?.iterators.advance(iterator, bytes)
    }
    audit?.objects.submit(bio, bytes)
    return bytes
  }
}

export const bug37 = defineBug({
  number: 37,
  title: 'a full bio does not move the iterator',
  summary:
    'Building an append stopped where the bio was full and returned without stepping over what it had taken: the next bio wrote the same pages again.',
  cases: [
    {
      name: 'zone-append-advance',
      kernel: 'block/bio.c: __bio_iov_append_get_pages',
      commit: '4977d121bc9b',
      trace: 'trace.csv',
      rules: ['H-25'],
      row: 3,
      accepts: ['ubuf', 'iovec'],
      entriesMax: BIO_PAGES_MAX,
      policy: () => 'get-pages',
      create: (_environment, isFixed) => new ZoneAppend(isFixed),
    },
  ],
})
