import { type Consumer, ENOMEM, GUARD_COUNT, KIND_SLAB, type Operation, POINTER_BYTES } from '@pinscope/core'
import { defineBug } from '../bug.ts'

/**
 * A request to a 9p server names the pages of a bvec, with a reference on each, and puts every one of them when the reply
 * is there. Neighbours in memory are one bvec, though they are of several folios. Slab pages are passed over on both sides.
 * @kernel net/9p/trans_virtio.c: p9_get_mapped_pages, p9_virtio_zc_request, p9_release_pages;
 *   lib/iov_iter.c: __iov_iter_get_pages_alloc; include/linux/mm.h: put_page (6.15)
 */
class P9Request implements Consumer {
  private readonly isFixed: boolean
  /** Pages of each request. */
  private readonly requests = new Map<number, readonly number[]>()

  constructor(isFixed: boolean) {
    this.isFixed = isFixed
  }

  submit(io: Operation): number {
    const bytes = io.extract(128, Number.MAX_SAFE_INTEGER)
    if (bytes < 0) return bytes
    const pages = [...io.list.page.subarray(0, io.list.length)]
    // The model's own references are those after the fix; this consumer takes its own.
    io.ledger.letGo(io.hold)
    if (!io.allocate(pages.length * POINTER_BYTES)) return ENOMEM
    // The folio of the first page stood for all of them: its kind, and its count.
    for (const page of pages) this.get(io, this.isFixed ? page : pages[0])
    io.borrowList(GUARD_COUNT)
    this.requests.set(io.number, pages)
    return bytes
  }

  abort(): void {}

  complete(io: Operation): void {
    const pages = this.requests.get(io.number) ?? []
    for (const page of pages) if (io.pages.kindOf(page) !== KIND_SLAB) io.ledger.putPage(page)
    this.requests.delete(io.number)
    io.free(pages.length * POINTER_BYTES)
  }

  counters(): Readonly<Record<string, number>> {
    return {}
  }

  private get(io: Operation, page: number): void {
    if (io.pages.kindOf(page) !== KIND_SLAB) io.ledger.getPage(page)
  }
}

export const bug22 = defineBug({
  number: 22,
  title: 'references of a bvec are all taken on its first folio',
  summary:
    'Where one bvec went over several folios, which lie behind each other in memory, iov_iter_get_pages2() counted as if all its pages were of the first. 9p put every page: of N folios N - 1 lost a reference that they did not have, and were freed under the page cache (erofs: still locked); the first kept theirs.',
  cases: [
    {
      name: 'bvec-folio-references',
      kernel: 'lib/iov_iter.c: __iov_iter_get_pages_alloc',
      commit: '770c8d55c428',
      cve: 'CVE-2025-37779',
      trace: 'trace.csv',
      rules: ['H-17'],
      row: 2,
      accepts: ['bvec'],
      policy: () => 'get-pages',
      create: (_environment, isFixed) => new P9Request(isFixed),
    },
  ],
})
