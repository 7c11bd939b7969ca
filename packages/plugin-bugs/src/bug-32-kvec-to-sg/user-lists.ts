import {
  type Consumer,
  type ConsumerEnvironment,
  ITER_SOURCE,
  IterToSg,
  type Kernel,
  kernelOf,
  type Operation,
  Scatterlists,
  SG_NO_PAGE,
  SgTable,
  SgViolations,
} from '@pinscope/core'

/** Entries of a table. */
const ENTRIES_MAX = 16
/** Entries that the first call may make; the rest of the memory comes behind them by a second one. */
const ENTRIES_FIRST = 12

/**
 * User memory is put into a scatterlist by two calls, of which the second finds entries in the table. Before the fix the
 * array of pages, which lies in the part of the table that is free, was laid out as if the table were empty.
 * @kernel lib/scatterlist.c: extract_iter_to_sg, extract_user_to_sg
 */
export class ListsOfUserMemory implements Consumer {
  private readonly kernel: Kernel
  private readonly lists = new Scatterlists()
  private readonly table = new SgTable()
  private readonly toSg: IterToSg
  private readonly first: number

  constructor({ memory, ledger, kernel }: ConsumerEnvironment, isFixed: boolean) {
    this.kernel = kernelOf(kernel, [{ name: 'sg-temp-array', on: !isFixed }])
    this.toSg = new IterToSg(memory, ledger, this.lists, new SgViolations(ledger))
    this.first = this.lists.take(ENTRIES_MAX)
  }

  submit(io: Operation): number {
    const { audit, iter } = io
    const bytes = io.lengthBytes
    iter.kernel = this.kernel
    const isSource = iter.direction === ITER_SOURCE
    const iterator = audit?.iterators.init(isSource, true, iter.mm, bytes, bytes, iter.type) ?? 0
    let done = 0
    while (done < bytes) {
      audit?.iterators.use(iterator)
      const listed = this.list(io, bytes - done)
      if (listed <= 0) return listed
      audit?.iterators.extract(iterator, listed)
      audit?.iterators.consume(iterator, this.tellEntries(io))
      io.keep(this.table.hold)
      done += listed
    }
    audit?.iterators.return(iterator, done)
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

  /** A table, by one call or two. Returns its bytes or -errno; of a page that cannot be had nothing is left in it. */
  private list(io: Operation, bytes: number): number {
    const { table } = this
    table.clear()
    this.lists.initTable(this.first, ENTRIES_MAX)
    table.sgl = this.first
    const before = this.toSg.extract(io, table, bytes, ENTRIES_FIRST)
    if (before <= 0 || before === bytes) return before
    const behind = this.toSg.extract(io, table, bytes - before, ENTRIES_MAX - table.nents)
    return behind <= 0 ? behind : before + behind
  }

  /** Tells of each entry, and returns the bytes of those that have a page. */
  private tellEntries(io: Operation): number {
    const { lists, table } = this
    const sg = io.audit?.objects.alloc('scatterlist', ENTRIES_MAX) ?? 0
    let bytes = 0
    for (let entry = table.sgl; entry < table.sgl + table.nents; entry++) {
      const page = lists.page[entry]
      if (page === SG_NO_PAGE) continue
      io.audit?.objects.attach(sg, table.hold, page, lists.offsetBytes[entry], lists.lengthBytes[entry])
      bytes += lists.lengthBytes[entry]
    }
    io.audit?.objects.free(sg)
    return bytes
  }
}
