import {
  BY_KERNEL,
  type Consumer,
  EIO,
  ENOMEM,
  GUARD_LOCK,
  HOLD_NONE,
  MAX_RW_COUNT,
  type Operation,
  PAGE_LIST_MAX,
} from '@pinscope/core'
import { defineBug } from '../bug.ts'

/** What the request at work has. */
interface GapRead {
  readonly request: number
  readonly folio: number
  readonly sink: number
}

/**
 * Of a folio whose middle is dirty only the gaps before and behind are wanted: the iterator of the read names the first
 * page, one throw-away page for all that lies between, and the last page. Before the fix that page was put when the read
 * was on its way; the receiver copies into it later. It is put when the read is over.
 * @kernel fs/netfs/buffered_read.c: netfs_read_gaps
 */
class NetfsReadGaps implements Consumer {
  private readonly isFixed: boolean
  private readonly reads = new Map<number, GapRead>()

  constructor(isFixed: boolean) {
    this.isFixed = isFixed
  }

  submit(io: Operation): number {
    const { audit, list, pages } = io
    const bytes = io.extract(PAGE_LIST_MAX, MAX_RW_COUNT)
    if (bytes <= 0) return bytes === 0 ? EIO : bytes
    const sink = io.owned.alloc()
    if (sink < 0) return ENOMEM
    const folio = pages.headOf(list.page[0])
    audit?.tasks.lock(folio, io.file)
    const request = audit?.objects.alloc('netfs_io_request') ?? 0
    for (let i = 0; i < list.length; i++) {
      const isGap = i === 0 || i === list.length - 1
      const page = isGap ? list.page[i] : sink
      if (isGap) io.borrow(page, list.offsetBytes[i], list.lengthBytes[i], GUARD_LOCK)
      audit?.objects.attach(request, HOLD_NONE, page, isGap ? list.offsetBytes[i] : 0, list.lengthBytes[i])
    }
    audit?.objects.submit(request, bytes)
    this.reads.set(io.number, { request, folio, sink })
    if (!this.isFixed) this.putSink(io, sink)
    return bytes
  }

  abort(): void {}

  complete(io: Operation): void {
    const { audit } = io
    const read = this.reads.get(io.number)
    if (read === undefined) return
    this.reads.delete(io.number)
    audit?.folios.store(read.sink, 0, 1, BY_KERNEL)
    audit?.objects.complete(read.request, io.result)
    if (this.isFixed) this.putSink(io, read.sink)
    audit?.tasks.unlock(read.folio)
    audit?.objects.free(read.request)
  }

  counters(): Readonly<Record<string, number>> {
    return {}
  }

  private putSink(io: Operation, sink: number): void {
    io.audit?.folios.free(sink)
    io.owned.put(sink)
  }
}

export const bug26 = defineBug({
  number: 26,
  title: 'a read goes into a page that is freed',
  summary:
    'A read of the gaps around dirty data sent the rest into one page, many times. That page was put before the read was over: the receiver copied into freed memory.',
  cases: [
    {
      name: 'netfs-sink',
      kernel: 'fs/netfs/buffered_read.c: netfs_read_gaps',
      commit: '3e5dd91b87a8',
      cve: 'CVE-2026-64061',
      trace: 'trace.csv',
      rules: ['H-44'],
      row: 2,
      accepts: ['xarray', 'folioq'],
      policy: () => 'extract',
      create: (_environment, isFixed) => new NetfsReadGaps(isFixed),
    },
  ],
})
